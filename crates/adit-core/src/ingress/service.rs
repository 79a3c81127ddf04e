//! What a rule sends its requests to.

use std::fmt;

use super::address::{AddressError, HostPort};
use super::error::{IngressError, UrlFault};

/// An origin, or something built in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// An HTTP origin: `http://`, `https://`, `ws://` (as http), `wss://` (as https), and Adit's own `h2c://`.
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
    /// Whether it is known to speak HTTP/2 without TLS. To a stock connector `h2c://host:port` is a TCP service.
    pub h2c: bool,
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

    /// The service of a rule in bastion mode: where a URL would stand, the client says where it wants to go.
    ///
    /// # Errors
    /// As [`Service::parse`], for what is no URL.
    pub(super) fn in_bastion_mode(text: &str) -> Result<Self, IngressError> {
        Ok(Self::named(text)?.unwrap_or(Self::Bastion))
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
            let (text, h2c) = (text.to_owned(), lower == "h2c");
            Ok(Self::Http(HttpOrigin { tls, h2c, at, text }))
        };
        let default_port = match lower.as_str() {
            "http" | "ws" | "h2c" => return http(false, 80),
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
mod tests;
