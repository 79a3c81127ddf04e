//! The public host name behind which a service is.

use adit_model::Hostname;

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// Where a service is asked for: an `https` URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Application {
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// As it stands in URLs and in Host: with brackets where they are needed, with a port where one was given.
    pub(super) authority: String,
    /// Path and query; at least `/`.
    pub(super) path: String,
}

/// The text is no host name or URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApplicationError {
    #[error("no host name is given")]
    Missing,
    #[error("{0:?} is no host name and no URL")]
    Malformed(String),
}

impl Application {
    /// Reads a host name with or without a port, or a URL; whatever its scheme, HTTPS is spoken.
    pub(super) fn parse(text: &str) -> Result<Self, ApplicationError> {
        if text.is_empty() {
            return Err(ApplicationError::Missing);
        }
        let malformed = || ApplicationError::Malformed(text.to_owned());
        let schemes = ["https://", "http://"];
        let rest = schemes
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/{path}"),
        };
        let (host, port) = split(authority).ok_or_else(malformed)?;
        let host = ascii(host).ok_or_else(malformed)?;
        let shown = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.clone(),
        };
        let authority = match port {
            Some(port) => format!("{shown}:{port}"),
            None => shown,
        };
        let application = Self {
            host,
            port: port.unwrap_or(HTTPS),
            authority,
            path,
        };
        application.url().parse::<http::Uri>().map_err(|_| malformed())?;
        Ok(application)
    }

    /// The whole URL.
    pub(super) fn url(&self) -> String {
        format!("https://{}{}", self.authority, self.path)
    }
}

/// Host and port; an IPv6 address may lack its brackets if no port follows.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((authority, None));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':').or_else(|| port.is_empty().then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    match port? {
        "" => Some((host, None)),
        port => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            Some((host, Some(port.parse().ok().filter(|port| digits && *port > 0)?)))
        }
    }
}

/// The name as DNS has it.
fn ascii(host: &str) -> Option<String> {
    let odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '%' | '\\' | '"' | '<' | '>');
    if host.is_empty() || host.contains(odd) {
        return None;
    }
    match host.is_ascii() {
        true => Some(host.to_owned()),
        false => Hostname::from_authority(host).ok().map(|name| name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_urls_become_one_form() {
        for (text, url, port) in [
            ("shop.example", "https://shop.example/", 443),
            ("http://shop.example", "https://shop.example/", 443),
            (
                "https://shop.example:8443/a?b=c#d",
                "https://shop.example:8443/a?b=c",
                8443,
            ),
            ("shop.example?x", "https://shop.example/?x", 443),
            ("::1", "https://[::1]/", 443),
            ("[::1]:8443", "https://[::1]:8443/", 8443),
            ("192.0.2.1:1", "https://192.0.2.1:1/", 1),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example/", 443),
        ] {
            let application = Application::parse(text).unwrap();
            assert_eq!(
                (application.url().as_str(), application.port),
                (url, port),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        assert_eq!(Application::parse(""), Err(ApplicationError::Missing));
        for bad in [
            "https://", ":443", "a b", "a:0", "a:+1", "a:b", "a@b", "[::1", "[a]:1", "a/\u{7}",
        ] {
            assert!(Application::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = Application::parse(&text);
        }
    }
}
