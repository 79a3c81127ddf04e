//! Which proxy the environment names for a request: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, with the meaning that programs
//! written in Go, such as stock clients, give them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::OutboundProxy;

/// The proxies that an environment names. The default names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentProxies {
    http: Named,
    https: Named,
    except: Vec<Exception>,
}

/// The variable for this kind of request names a proxy that cannot be used. Its text may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} names no proxy of http://HOST:PORT or socks5://HOST:PORT")]
pub struct UnusableProxy(&'static str);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Named {
    #[default]
    None,
    Proxy(OutboundProxy),
    Unusable,
}

/// What is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    Network(IpNet),
    Address(IpAddr, Option<u16>),
    /// The names below this one, and it itself or not.
    Below {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl EnvironmentProxies {
    /// Reads the variables. `HTTP_PROXY` is not believed where `REQUEST_METHOD` is set, because a client can set it there.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |upper: &str, lower: &str| set(upper).or_else(|| set(lower));
        let http = match set("REQUEST_METHOD") {
            None => named(either("HTTP_PROXY", "http_proxy")),
            Some(_) => Named::None,
        };
        let except = either("NO_PROXY", "no_proxy").unwrap_or_default();
        Self {
            http,
            https: named(either("HTTPS_PROXY", "https_proxy")),
            except: except.split(',').filter_map(exception).collect(),
        }
    }

    /// The proxy for requests over TLS or not to `host`, which may stand in brackets. What is on this machine is never
    /// reached through one.
    ///
    /// # Errors
    /// [`UnusableProxy`]
    pub fn find(&self, tls: bool, host: &str, port: u16) -> Result<Option<&OutboundProxy>, UnusableProxy> {
        let (named, variable) = match tls {
            true => (&self.https, "HTTPS_PROXY"),
            false => (&self.http, "HTTP_PROXY"),
        };
        let proxy = match named {
            Named::None => return Ok(None),
            Named::Proxy(proxy) => Ok(Some(proxy)),
            Named::Unusable => Err(UnusableProxy(variable)),
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        let ip = host.parse::<IpAddr>().ok();
        let is_here = host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        if is_here
            || self
                .except
                .iter()
                .any(|exception| exception.holds(&host, ip, port))
        {
            return Ok(None);
        }
        proxy
    }
}

impl Exception {
    fn holds(&self, host: &str, ip: Option<IpAddr>, at: u16) -> bool {
        let here = |port: &Option<u16>| port.is_none_or(|port| port == at);
        match self {
            Self::Everything => true,
            Self::Network(network) => ip.is_some_and(|ip| network.contains(&ip)),
            Self::Address(address, port) => ip == Some(*address) && here(port),
            Self::Below { name, itself, port } => {
                let below = host.strip_suffix(name.as_str());
                let found = below.is_some_and(|rest| match rest {
                    "" => *itself,
                    rest => rest.ends_with('.'),
                });
                found && here(port)
            }
        }
    }
}

fn named(text: Option<String>) -> Named {
    let Some(text) = text else {
        return Named::None;
    };
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let rest = rest.split('/').next().unwrap_or_default();
    let host = rest.rsplit('@').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let port = match scheme {
        _ if has_port => "",
        "http" => ":80",
        _ => ":1080",
    };
    match format!("{scheme}://{rest}{port}").parse() {
        Ok(proxy) => Named::Proxy(proxy),
        Err(_) => Named::Unusable,
    }
}

fn exception(text: &str) -> Option<Exception> {
    let text = text.trim().to_ascii_lowercase();
    if text == "*" {
        return Some(Exception::Everything);
    }
    if let Ok(network) = text.parse() {
        return Some(Exception::Network(network));
    }
    let (host, port) = match text.rsplit_once(':') {
        _ if text.parse::<IpAddr>().is_ok() => (text.as_str(), None),
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text.as_str(), None),
    };
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return Some(Exception::Address(address, port));
    }
    let host = host.strip_prefix('*').unwrap_or(host);
    let name = host.strip_prefix('.').unwrap_or(host);
    (!name.is_empty()).then(|| Exception::Below {
        name: name.to_owned(),
        itself: !host.starts_with('.'),
        port,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> EnvironmentProxies {
        EnvironmentProxies::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn through(proxies: &EnvironmentProxies, tls: bool, host: &str, port: u16) -> String {
        match proxies.find(tls, host, port) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_kind_of_request_has_a_proxy_of_its_own() {
        let proxies = read(&[
            ("http_proxy", "plain.example"),
            ("HTTPS_PROXY", "socks5://10.0.0.1/"),
        ]);
        assert_eq!(through(&proxies, false, "shop", 80), "http://plain.example:80");
        assert_eq!(through(&proxies, true, "shop", 443), "socks5://10.0.0.1:1080");
        assert_eq!(through(&read(&[]), true, "shop", 443), "");
        let cgi = read(&[("HTTP_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(through(&cgi, false, "shop", 80), "");
        let odd = read(&[("HTTP_PROXY", "https://me:secret@a:1")]);
        assert_eq!(
            through(&odd, false, "shop", 80),
            "HTTP_PROXY names no proxy of http://HOST:PORT or socks5://HOST:PORT"
        );
    }

    #[test]
    fn exceptions_and_this_machine_are_reached_without_one() {
        let except =
            "10.0.0.0/8, 192.0.2.1:81,[2001:db8::1]:443, .below.example,shop.example,*.star.example,x:8080,,";
        let proxies = read(&[("HTTP_PROXY", "http://p:1"), ("NO_PROXY", except)]);
        for (host, port, direct) in [
            ("localhost", 80, true),
            ("127.8.8.8", 80, true),
            ("[::1]", 80, true),
            ("10.1.2.3", 80, true),
            ("11.1.2.3", 80, false),
            ("192.0.2.1", 81, true),
            ("192.0.2.1", 80, false),
            ("[2001:db8::1]", 443, true),
            ("a.below.example", 80, true),
            ("below.example", 80, false),
            ("SHOP.example", 80, true),
            ("a.shop.example", 80, true),
            ("workshop.example", 80, false),
            ("a.star.example", 80, true),
            ("star.example", 80, false),
            ("x", 8080, true),
            ("x", 80, false),
        ] {
            assert_eq!(
                through(&proxies, false, host, port).is_empty(),
                direct,
                "{host}:{port}"
            );
        }
        let none = read(&[("HTTP_PROXY", "http://p:1"), ("no_proxy", "*")]);
        assert_eq!(through(&none, false, "far.example", 80), "");
    }

    proptest! {
        #[test]
        fn no_variable_panics(proxy in ".{0,40}", except in ".{0,40}", host in ".{0,20}") {
            let proxies = read(&[("HTTP_PROXY", &proxy), ("NO_PROXY", &except)]);
            let _ = proxies.find(false, &host, 80);
        }
    }
}
