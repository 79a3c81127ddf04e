//! What the edge reports of its connections.

use std::net::IpAddr;

use adit_model::{
    ConnectionId, ConnectionIndex, ConnectorId, Location, Timestamp, TransportProtocol, TunnelKey,
};

use crate::rollout::Standing;

/// A connector process, as it described itself at registration. Texts are a peer's: bounded, not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// The process.
    pub id: ConnectorId,
    /// Its version, such as `2026.8.2`; at most 64 bytes.
    pub version: String,
    /// Its platform, such as `linux_amd64`; at most 64 bytes.
    pub arch: String,
    /// What it says it can do; at most 32 entries of at most 64 bytes.
    pub features: Vec<String>,
    /// The name of its host, if it says so; at most 255 bytes. For people: nobody vouches for it.
    pub hostname: Option<String>,
}

/// A connection was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionOpened {
    /// The tunnel it serves.
    pub tunnel: TunnelKey,
    /// This connection.
    pub connection: ConnectionId,
    /// Who holds its other end.
    pub connector: ConnectorInfo,
    /// Its number within the connector.
    pub index: ConnectionIndex,
    /// What it runs over.
    pub protocol: TransportProtocol,
    /// The address it was dialled from.
    pub origin_ip: IpAddr,
    /// The edge's location.
    pub location: Location,
    /// When it was registered.
    pub opened_at: Timestamp,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The connector said goodbye.
    Unregistered,
    /// The link broke or fell silent.
    Lost,
    /// A newer connection took its place.
    Replaced,
    /// The API asked for it, or the tunnel was deleted or its secret changed.
    Evicted,
    /// The edge stopped.
    EdgeStopped,
    /// The peer broke the protocol.
    Misbehaved,
}

impl CloseReason {
    /// The name in logs, metrics and the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Evicted => "evicted",
            Self::EdgeStopped => "edge_stopped",
            Self::Misbehaved => "misbehaved",
        }
    }
}

/// A connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionClosed {
    /// The tunnel it served.
    pub tunnel: TunnelKey,
    /// The connection.
    pub connection: ConnectionId,
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub closed_at: Timestamp,
}

/// A connector took its tunnel's configuration, or refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorConfigured {
    /// The tunnel it serves.
    pub tunnel: TunnelKey,
    /// The connector.
    pub connector: ConnectorId,
    /// What it runs and what it refused; takes the place of what was told before.
    pub standing: Standing,
    /// When it answered.
    pub at: Timestamp,
}

/// A connector of a locally managed tunnel told what it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocallyConfigured {
    /// The tunnel.
    pub tunnel: TunnelKey,
    /// The connector.
    pub connector: ConnectorId,
    /// A JSON object of at most 512 KiB.
    pub config: String,
    /// When it told.
    pub at: Timestamp,
}

/// News of one connection, or of a connector's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceEvent {
    /// It was registered.
    Opened(Box<ConnectionOpened>),
    /// It ended.
    Closed(ConnectionClosed),
    /// A connector took or refused a configuration.
    Configured(ConnectorConfigured),
    /// A connector told its local configuration.
    LocallyConfigured(LocallyConfigured),
}

/// Where an edge reports its connections and what their connectors run.
pub trait Presence: Send + Sync {
    /// Takes the news without waiting; written within 50 ms. If several events of one connection queue up, the
    /// newest wins; none is lost. Memory is bounded by the connections that are open or closed unwritten. Of what
    /// connectors run, the newest of each counts, and what finds no room is dropped: a reconnect tells it again.
    fn report(&self, event: PresenceEvent);
}
