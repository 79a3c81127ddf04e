//! Where a client of a proxy wants to go.

use base64::{Engine, prelude::BASE64_STANDARD};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use adit_model::Hostname;

/// An address or a name, each with a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// An address. IPv4 in IPv6 form has become IPv4.
    Address(SocketAddr),
    /// A name, which somebody has to look up.
    Host(Hostname, u16),
}

impl Destination {
    /// An address, in its own form.
    #[must_use]
    pub const fn address(ip: IpAddr, port: u16) -> Self {
        Self::Address(SocketAddr::new(ip.to_canonical(), port))
    }

    /// What a client wrote for a host: an address, in brackets or not, or a name. `None` if it is neither.
    #[must_use]
    pub fn host(text: &str, port: u16) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(text).parse() {
            return Some(Self::address(ip, port));
        }
        text.parse().ok().map(|name| Self::Host(name, port))
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Host(_, port) => *port,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Host(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// The user name and the password that a client of a proxy shows. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl ProxyLogin {
    /// What a proxy that speaks HTTP is shown: RFC 7617. A credential.
    #[must_use]
    pub fn basic(&self) -> String {
        let shown = format!("{}:{}", self.user, self.password);
        format!("Basic {}", BASE64_STANDARD.encode(shown))
    }
}

impl fmt::Debug for ProxyLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
