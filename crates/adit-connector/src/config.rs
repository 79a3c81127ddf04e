//! What a connector is told before it starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use adit_core::ingress::Ingress;
use adit_model::Hostname;
use adit_net::proxy::{EnvironmentProxies, OutboundProxy};
use adit_net::tls::{KeyExchange, TrustAnchors};
use adit_wire::{Destination, TunnelToken};
use serde_json::Value;

use crate::{ManagementConfig, Prechecks, PrivateConfig, ProtocolChoice};

/// How many connections a connector opens by default.
pub const DEFAULT_HA_CONNECTIONS: u8 = 4;
/// How long running requests may take after a shutdown signal, by default.
pub const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(30);
/// The longest grace period, as in cloudflared.
pub const MAX_GRACE_PERIOD: Duration = Duration::from_secs(180);

/// How many QUIC dials of one slot may stay unanswered before the connector falls back to HTTP/2, by default.
pub const DEFAULT_EDGE_RETRIES: u32 = 8;
/// After a fall-back to HTTP/2, QUIC is first tried again after this, by default.
pub const DEFAULT_QUIC_RETRY: Duration = Duration::from_secs(30);

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
    /// Local address to dial from, which decides the family; `None` for any.
    pub bind_address: Option<IpAddr>,
    /// The transport. Default: QUIC, and HTTP/2 where QUIC does not come through.
    pub protocol: ProtocolChoice,
    /// Key exchanges offered to the edge.
    pub key_exchange: KeyExchange,
    /// Which addresses of an edge's name to use, where it has some of that family.
    pub ip_version: IpVersion,
    /// The proxies between the connector and its HTTP origins. Default none.
    pub origin_proxies: EnvironmentProxies,
    /// Whether and how to look, beside the start, whether the edges can be reached, and to log it. Default no.
    pub prechecks: Option<Prechecks>,
    /// A proxy that leads to the edges. It carries TCP, so that HTTP/2 is the transport then.
    pub proxy: Option<OutboundProxy>,
    /// QUIC dials of one slot that may stay unanswered before the connector falls back to HTTP/2. Default
    /// [`DEFAULT_EDGE_RETRIES`].
    pub max_edge_retries: u32,
    /// After a fall-back, QUIC is tried again after this, then after twice as long, and so on up to ten minutes. Default
    /// [`DEFAULT_QUIC_RETRY`].
    pub quic_retry: Duration,
    /// A write that takes longer fails, and with it its stream: one to a QUIC stream of the edge, or to a private TCP
    /// service. Default none: what takes nothing is waited for.
    pub write_limit: Option<Duration>,
    /// The management service. Default none: requests for its host go by the rules, as any other.
    pub management: Option<ManagementConfig>,
    /// How private networks are reached.
    pub private: PrivateConfig,
    /// Features announced beside the connector's own, as in `--features`. [`adit_wire::datagram::V3_FEATURE`] chooses the
    /// third version of datagrams; without it, the second, unless DNS has a say.
    pub features: Vec<String>,
    /// Whether the vendor's DNS has a say: its record names a percentage of accounts whose datagrams are of the third
    /// version. It is asked beside the start, and every hour. Default no.
    pub remote_features: bool,
}

/// A family of addresses (`--edge-ip-version`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpVersion {
    /// Whichever works.
    #[default]
    Auto,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    pub(crate) fn admits(self, addr: SocketAddr) -> bool {
        match self {
            Self::Auto => true,
            Self::V4 => addr.is_ipv4(),
            Self::V6 => addr.is_ipv6(),
        }
    }
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
            protocol: ProtocolChoice::Auto,
            key_exchange: KeyExchange::default(),
            ip_version: IpVersion::Auto,
            origin_proxies: EnvironmentProxies::default(),
            prechecks: None,
            proxy: None,
            max_edge_retries: DEFAULT_EDGE_RETRIES,
            quic_retry: DEFAULT_QUIC_RETRY,
            write_limit: None,
            management: None,
            private: PrivateConfig::default(),
            features: Vec::new(),
            remote_features: false,
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
    /// Address or name, for a proxy that looks names up by itself.
    pub(crate) fn destination(&self) -> Option<Destination> {
        let (host, port) = self.0.rsplit_once(':')?;
        Destination::host(host, port.parse().ok()?)
    }

    /// The host, if it is a name.
    pub(crate) fn name(&self) -> Option<Hostname> {
        let (host, _port) = self.0.rsplit_once(':')?;
        let is_name = !host.starts_with('[') && host.parse::<IpAddr>().is_err();
        is_name.then(|| host.parse().ok()).flatten()
    }

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
        let name = |text: &str| text.parse::<EdgeAddress>().unwrap().name();
        assert_eq!(name("edge.example.com:1"), "edge.example.com".parse().ok());
        assert_eq!([name("127.0.0.1:7844"), name("[::1]:7844")], [None, None]);
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
