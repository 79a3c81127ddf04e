//! What a connector is told before it starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use adit_core::ingress::Ingress;
use adit_net::tls::TrustAnchors;
use adit_wire::TunnelToken;
use serde_json::Value;

/// How many connections a connector opens by default.
pub const DEFAULT_HA_CONNECTIONS: u8 = 4;
/// How long running requests may take after a shutdown signal, by default.
pub const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(30);
/// The longest grace period, as in cloudflared.
pub const MAX_GRACE_PERIOD: Duration = Duration::from_secs(180);

/// What a connector is told before it starts.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// The tunnel and the secret.
    pub token: TunnelToken,
    /// The edges; at least one. An edge may be named several times; slots are spread over the list.
    pub edges: Vec<EdgeAddress>,
    /// Whom to trust as an edge.
    pub trust: TrustAnchors,
    /// Connections to hold; at least 1. Default [`DEFAULT_HA_CONNECTIONS`].
    pub ha_connections: u8,
    /// The rules.
    pub ingress: Ingress,
    /// How long running requests may take after a shutdown signal. Default [`DEFAULT_GRACE_PERIOD`].
    pub grace_period: Duration,
    /// Further `Cf-Warp-Tag-*` headers for origins, by the end of their names.
    pub tags: Vec<(String, String)>,
    /// What the connector calls its version towards the edge, such as `2026.8.2`.
    pub version: String,
    /// Command line flags that the edge is told of.
    pub reported_flags: BTreeMap<String, Value>,
    /// Local address to dial from; `None` for any.
    pub bind_address: Option<IpAddr>,
}

impl ConnectorConfig {
    /// A configuration with the defaults for everything else.
    #[must_use]
    pub fn new(token: TunnelToken, edges: Vec<EdgeAddress>, trust: TrustAnchors, ingress: Ingress) -> Self {
        Self {
            token,
            edges,
            trust,
            ha_connections: DEFAULT_HA_CONNECTIONS,
            ingress,
            grace_period: DEFAULT_GRACE_PERIOD,
            tags: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            reported_flags: BTreeMap::new(),
            bind_address: None,
        }
    }
}

/// `host:port` of an edge. Names are looked up anew at each dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeAddress(String);

/// The text is no `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an edge address is host:port, such as edge.example.com:7844, not {0:?}")]
pub struct EdgeAddressError(String);

impl FromStr for EdgeAddress {
    type Err = EdgeAddressError;

    fn from_str(text: &str) -> Result<Self, EdgeAddressError> {
        let text = text.trim();
        let valid = text.rsplit_once(':').is_some_and(|(host, port)| {
            let bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
            let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '@' | ',');
            !host.is_empty()
                && !bare_ipv6
                && !host.contains(odd)
                && port.parse().is_ok_and(|port: u16| port > 0)
        });
        valid
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| EdgeAddressError(text.to_owned()))
    }
}

impl From<SocketAddr> for EdgeAddress {
    fn from(addr: SocketAddr) -> Self {
        Self(addr.to_string())
    }
}

impl EdgeAddress {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_addresses_have_a_host_and_a_port() {
        for good in ["127.0.0.1:7844", "[::1]:7844", " edge.example.com:1 "] {
            assert_eq!(good.parse::<EdgeAddress>().unwrap().as_str(), good.trim());
        }
        for bad in [
            "",
            "edge",
            ":7844",
            "edge:0",
            "edge:x",
            "::1:7844",
            "https://edge:1",
            "a:1,b:2",
        ] {
            assert!(bad.parse::<EdgeAddress>().is_err(), "{bad}");
        }
    }
}
