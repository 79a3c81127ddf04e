//! `host:port` of an origin.

use std::fmt;

/// Where an origin listens: a name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address or an IPv6 address without brackets; never empty.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no `host[:port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressError {
    /// No host, or characters that no host has.
    Host,
    /// A port that is none.
    Port,
}

impl HostPort {
    /// Reads `host[:port]`; user info is ignored, as an origin URL may carry it.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, AddressError> {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let (host, port) = split(text)?;
        let bad =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '\\' | '[' | ']');
        if host.is_empty() || host.chars().any(bad) {
            return Err(AddressError::Host);
        }
        let port = match port {
            // Rust's integers may begin with a plus sign, ports may not.
            Some(text) if !text.is_empty() => match text.parse() {
                Ok(port) if port > 0 && !text.starts_with('+') => port,
                _ => return Err(AddressError::Port),
            },
            _ => default_port.ok_or(AddressError::Port)?,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        return Ok(match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        });
    };
    let (host, rest) = bracketed.split_once(']').ok_or(AddressError::Host)?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(AddressError::Host),
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_addresses_and_default_ports_are_read() {
        let read = |text| HostPort::parse(text, Some(80)).map(|at| at.to_string());
        assert_eq!(read("localhost:8080").unwrap(), "localhost:8080");
        assert_eq!(read("10.0.0.1").unwrap(), "10.0.0.1:80");
        assert_eq!(read("[::1]:443").unwrap(), "[::1]:443");
        assert_eq!(read("user:secret@host:1").unwrap(), "host:1");
        assert_eq!(HostPort::parse("host", None), Err(AddressError::Port));
        assert_eq!(read(":80"), Err(AddressError::Host));
        assert_eq!(read("host:0"), Err(AddressError::Port));
        assert_eq!(read("host:80 "), Err(AddressError::Port));
        assert_eq!(read("host:+80"), Err(AddressError::Port));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike(host in "[a-z0-9.-]{1,20}", port in 1_u16..) {
            let text = format!("{host}:{port}");
            prop_assert_eq!(HostPort::parse(&text, None).unwrap().to_string(), text);
        }

        #[test]
        fn no_input_panics(text in ".{0,40}") {
            let _ = HostPort::parse(&text, Some(1));
        }
    }
}
