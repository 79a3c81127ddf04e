//! What a rule sends its requests to.

use std::fmt;

use super::address::{AddressError, HostPort};
use super::error::{IngressError, UrlFault};

/// An origin, or something built in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// An HTTP origin: `http://`, `https://`, `ws://` (as http), `wss://` (as https).
    Http(HttpOrigin),
    /// An HTTP origin behind a Unix socket: `unix:/path`, `unix+tls:/path`.
    Unix {
        /// The socket's path.
        path: String,
        /// Whether to speak TLS over it.
        tls: bool,
    },
    /// A TCP origin inside the client's WebSocket: `tcp://` (7864), `ssh://` (22), `rdp://` (3389), `smb://` (445), or
    /// any other scheme with a port.
    Tcp {
        /// The scheme as written.
        scheme: String,
        /// The origin.
        to: HostPort,
    },
    /// `http_status:N`: this status (100 to 999) and no body.
    Status(u16),
    /// `hello_world`: the built-in test site.
    HelloWorld,
    /// `bastion`: TCP to where the client asks to go.
    Bastion,
    /// `socks-proxy`: a SOCKS5 server inside the client's WebSocket.
    SocksProxy,
}

/// An HTTP origin that is reached over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Where it listens.
    pub at: HostPort,
    /// The URL as written.
    text: String,
}

impl Service {
    /// Reads the service of a rule.
    ///
    /// # Errors
    /// [`IngressError`] if it is no service, or a URL with a path.
    pub fn parse(text: &str) -> Result<Self, IngressError> {
        if let Some(service) = Self::named(text)? {
            return Ok(service);
        }
        let Some(scheme) = scheme(text)? else {
            return Err(IngressError::NoAddress(text.to_owned()));
        };
        let rest = text
            .get(scheme.len() + 1..)
            .and_then(|rest| rest.strip_prefix("//"));
        let rest = rest.ok_or_else(|| IngressError::NoAddress(text.to_owned()))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let service = Self::at(text, scheme, authority)?;
        // A query is of no use, and `cloudflared` lets it pass.
        if rest
            .get(authority.len()..)
            .is_some_and(|rest| rest.starts_with('/'))
        {
            return Err(IngressError::AddressHasPath(text.to_owned()));
        }
        Ok(service)
    }

    /// Reads what an operator gives to `--url`: a service, or `host[:port]` for HTTP; a path is dropped.
    ///
    /// # Errors
    /// As [`Service::parse`].
    pub fn from_url_flag(text: &str) -> Result<Self, IngressError> {
        let text = text.trim();
        if let Some(service) = Self::named(text)? {
            return Ok(service);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        Self::parse(&format!("{scheme}://{authority}"))
    }

    /// What a connector without configuration serves.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::Status(503)
    }

    fn named(text: &str) -> Result<Option<Self>, IngressError> {
        let unix = [("unix:", false), ("unix+tls:", true)];
        if let Some((path, tls)) = unix
            .iter()
            .find_map(|(prefix, tls)| Some((text.strip_prefix(prefix)?, *tls)))
        {
            let path = path.to_owned();
            return match path.is_empty() {
                true => Err(IngressError::NoAddress(text.to_owned())),
                false => Ok(Some(Self::Unix { path, tls })),
            };
        }
        if let Some(status) = text.strip_prefix("http_status:") {
            return match status.parse() {
                Ok(status @ 100..=999) => Ok(Some(Self::Status(status))),
                _ => Err(IngressError::BadStatus(status.to_owned())),
            };
        }
        Ok(match text {
            "hello_world" | "hello-world" => Some(Self::HelloWorld),
            "bastion" => Some(Self::Bastion),
            "socks-proxy" => Some(Self::SocksProxy),
            _ => None,
        })
    }

    fn at(text: &str, scheme: &str, authority: &str) -> Result<Self, IngressError> {
        let lower = scheme.to_ascii_lowercase();
        let address = |default_port| {
            HostPort::parse(authority, default_port).map_err(|error| match error {
                AddressError::Host => IngressError::NoAddress(text.to_owned()),
                AddressError::NoPort => IngressError::NoPort(text.to_owned()),
                AddressError::Fault(fault) => bad_url(text, fault),
            })
        };
        let http = |tls, port| {
            let at = address(Some(port))?;
            let text = text.to_owned();
            Ok(Self::Http(HttpOrigin { tls, at, text }))
        };
        let default_port = match lower.as_str() {
            "http" | "ws" => return http(false, 80),
            "https" | "wss" => return http(true, 443),
            "tcp" => Some(7864),
            "ssh" => Some(22),
            "rdp" => Some(3389),
            "smb" => Some(445),
            _ => None,
        };
        let to = address(default_port)?;
        Ok(Self::Tcp { scheme: lower, to })
    }
}

fn bad_url(text: &str, fault: UrlFault) -> IngressError {
    IngressError::BadUrl {
        text: text.to_owned(),
        fault,
    }
}

/// The scheme of a URL; `None` for a text without a colon in its first segment.
fn scheme(text: &str) -> Result<Option<&str>, IngressError> {
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err(bad_url(text, UrlFault::Control));
    }
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((scheme, _)) = first.split_once(':') else {
        return Ok(None);
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() {
        Err(bad_url(text, UrlFault::NoScheme))
    } else if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(valid) {
        Ok(Some(scheme))
    } else {
        Err(bad_url(text, UrlFault::BadScheme))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(origin) => f.write_str(&origin.text),
            Self::Unix { path, tls: false } => write!(f, "unix:{path}"),
            Self::Unix { path, tls: true } => write!(f, "unix+tls:{path}"),
            Self::Tcp { scheme, to } => write!(f, "{scheme}://{to}"),
            Self::Status(status) => write!(f, "http_status:{status}"),
            Self::HelloWorld => f.write_str("hello_world"),
            Self::Bastion => f.write_str("bastion"),
            Self::SocksProxy => f.write_str("socks-proxy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn http(text: &str) -> (bool, String) {
        let Service::Http(origin) = Service::parse(text).unwrap() else {
            panic!("{text} is no HTTP service");
        };
        (origin.tls, origin.at.to_string())
    }

    #[test]
    fn url_services_know_their_scheme_and_default_port() {
        assert_eq!(
            http("http://localhost:8080"),
            (false, "localhost:8080".to_owned())
        );
        assert_eq!(http("https://web"), (true, "web:443".to_owned()));
        assert_eq!(http("ws://[::1]"), (false, "[::1]:80".to_owned()));
        assert_eq!(http("wss://web"), (true, "web:443".to_owned()));
        assert_eq!(Service::parse("ssh://box").unwrap().to_string(), "ssh://box:22");
        assert_eq!(
            Service::parse("mysql://db:3306").unwrap().to_string(),
            "mysql://db:3306"
        );
    }

    #[test]
    fn built_in_services_and_sockets_are_read() {
        for text in [
            "unix:/run/x.sock",
            "unix+tls:/run/x.sock",
            "http_status:418",
            "bastion",
            "socks-proxy",
        ] {
            assert_eq!(Service::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Service::parse("hello-world"), Ok(Service::HelloWorld));
        assert_eq!(Service::parse("hello_world"), Ok(Service::HelloWorld));
    }

    #[test]
    fn each_mistake_is_named() {
        let refused = |text: &str| Service::parse(text).unwrap_err();
        for text in [
            "",
            "localhost",
            "localhost:8080",
            "http://",
            "http://:80",
            "unix:",
        ] {
            assert_eq!(refused(text), IngressError::NoAddress(text.to_owned()), "{text}");
        }
        for text in ["http://a/", "http://a/b"] {
            assert_eq!(
                refused(text),
                IngressError::AddressHasPath(text.to_owned()),
                "{text}"
            );
        }
        assert!(Service::parse("http://a?q").is_ok());
        assert_eq!(
            refused("mysql://db"),
            IngressError::NoPort("mysql://db".to_owned())
        );
        for status in ["", "99", "1000", "ok"] {
            let text = format!("http_status:{status}");
            assert_eq!(
                refused(&text),
                IngressError::BadStatus(status.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_url_is_refused_in_the_words_that_users_know() {
        for (text, says) in [
            (
                "http://a:80 ",
                r#"parse "http://a:80 ": invalid port ":80 " after host"#,
            ),
            (
                "http://a:x",
                r#"parse "http://a:x": invalid port ":x" after host"#,
            ),
            (
                "http://a:0",
                r#"parse "http://a:0": invalid port ":0" after host"#,
            ),
            (
                "http://a b:80",
                r#"parse "http://a b:80": invalid character " " in host name"#,
            ),
            ("http://%zz", r#"parse "http://%zz": invalid URL escape "%zz""#),
            (
                "127.0.0.1:80",
                r#"parse "127.0.0.1:80": first path segment in URL cannot contain colon"#,
            ),
            (
                " http://a",
                r#"parse " http://a": first path segment in URL cannot contain colon"#,
            ),
            (
                "1http://x",
                r#"parse "1http://x": first path segment in URL cannot contain colon"#,
            ),
            ("://x", r#"parse "://x": missing protocol scheme"#),
            (
                "http://a\tb",
                r#"parse "http://a\tb": net/url: invalid control character in URL"#,
            ),
        ] {
            assert_eq!(Service::parse(text).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn the_url_flag_forgives_a_missing_scheme_and_a_path() {
        let read = |text| Service::from_url_flag(text).unwrap().to_string();
        assert_eq!(read("localhost:8080"), "http://localhost:8080");
        assert_eq!(read("https://web/login?next=1"), "https://web");
        assert_eq!(read("http_status:404"), "http_status:404");
        assert!(Service::from_url_flag("").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "(http|https|ws|wss|tcp|ssh)://[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{0,3})?") {
            let service = Service::parse(&text).unwrap();
            prop_assert_eq!(Service::parse(&service.to_string()).unwrap(), service);
        }

        #[test]
        fn no_input_panics(text in ".{0,60}") {
            let _ = Service::parse(&text);
            let _ = Service::from_url_flag(&text);
        }
    }
}
