//! `host:port` of an origin.

use std::fmt;

use super::UrlFault;

/// Where an origin listens: a name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address or an IPv6 address without brackets; never empty.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no `host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AddressError {
    /// No host.
    Host,
    /// No port, where one is needed.
    NoPort,
    /// Something that neither a host nor a port may hold.
    Fault(UrlFault),
}

impl HostPort {
    /// Reads where the client of a bastion wants to go: `host:port`, or a URL that holds one.
    #[must_use]
    pub fn from_client(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        Self::parse(authority, None).ok()
    }

    /// Reads `host[:port]`; user info is ignored, as an origin URL may carry it.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, AddressError> {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let (host, port) = split(text)?;
        if host.is_empty() {
            return Err(AddressError::Host);
        }
        if let Some(fault) = fault_of(host) {
            return Err(AddressError::Fault(fault));
        }
        let port = match port {
            // Rust's integers may begin with a plus sign, ports may not.
            Some(text) if !text.is_empty() => match text.parse() {
                Ok(port) if port > 0 && !text.starts_with('+') => port,
                _ => return Err(AddressError::Fault(UrlFault::Port(format!(":{text}")))),
            },
            _ => default_port.ok_or(AddressError::NoPort)?,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// What a host's name has that it may not have.
fn fault_of(host: &str) -> Option<UrlFault> {
    let bad = |c: &char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '/' | '?' | '#' | '\\' | '[' | ']' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}'
            )
    };
    if let Some((at, _)) = host.match_indices('%').find(|&(at, _)| !is_escape(host, at)) {
        let escape = host.get(at..).unwrap_or_default().chars().take(3).collect();
        return Some(UrlFault::Escape(escape));
    }
    host.chars().find(bad).map(UrlFault::HostCharacter)
}

fn is_escape(host: &str, at: usize) -> bool {
    let digits = host.as_bytes().get(at + 1..at + 3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
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
        assert_eq!(HostPort::parse("host", None), Err(AddressError::NoPort));
        assert_eq!(read(":80"), Err(AddressError::Host));
        for (text, fault) in [
            ("host:0", UrlFault::Port(":0".to_owned())),
            ("host:80 ", UrlFault::Port(":80 ".to_owned())),
            ("host:+80", UrlFault::Port(":+80".to_owned())),
            ("ho st", UrlFault::HostCharacter(' ')),
            ("%zz", UrlFault::Escape("%zz".to_owned())),
            ("a%", UrlFault::Escape("%".to_owned())),
        ] {
            assert_eq!(read(text), Err(AddressError::Fault(fault)), "{text}");
        }
    }

    #[test]
    fn the_client_of_a_bastion_names_a_url_or_an_address() {
        let read = |text| HostPort::from_client(text).map(|at| at.to_string());
        for text in [
            "box:22",
            "ssh://box:22",
            "tcp://user@box:22/path?query",
            " box:22 ",
        ] {
            assert_eq!(read(text).unwrap(), "box:22", "{text}");
        }
        assert_eq!(read("[::1]:22").unwrap(), "[::1]:22");
        for text in ["", "box", "https://box", ":22", "box:0"] {
            assert_eq!(read(text), None, "{text}");
        }
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
            let _ = HostPort::from_client(&text);
        }
    }
}
