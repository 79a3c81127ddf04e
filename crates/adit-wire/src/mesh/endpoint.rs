//! Where a WireGuard peer is reached.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// The most bytes of a host name.
const MAX_HOST: usize = 253;

/// A host name or an address, and a UDP port: `edge.example:51820`, `198.51.100.7:51820`, `[2001:db8::7]:51820`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// A text that is no [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name or an address, a colon and a port, such as edge.example:51820")]
pub struct EndpointError;

impl Endpoint {
    /// The host name or the address; one of IPv6 without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port; never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (host, port) = text.rsplit_once(':').ok_or(EndpointError)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().map_err(|_| EndpointError)?;
        if !digits || port == 0 {
            return Err(EndpointError);
        }
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(v6)) => v6.parse::<Ipv6Addr>().map_err(|_| EndpointError)?.to_string(),
            Some(None) => return Err(EndpointError),
            None => named(host)?,
        };
        Ok(Self { host, port })
    }
}

fn named(host: &str) -> Result<String, EndpointError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.is_empty() || host.len() > MAX_HOST || !host.bytes().all(allowed) {
        return Err(EndpointError);
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_addresses_are_read() {
        for (text, host, port) in [
            ("edge.example:51820", "edge.example", 51820),
            ("198.51.100.7:1", "198.51.100.7", 1),
            ("[2001:db8::7]:65535", "2001:db8::7", 65535),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port));
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", ":1", "a", "a:", "a:0", "a:65536", "a:+1", "::1:5", "[::1]", "[::1:5", "a b:1", "[a]:1",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_alike(text in ".{0,40}|[a-z0-9.:\\[\\]]{0,20}:[0-9]{1,5}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            }
        }
    }
}
