//! Tunnels, connectors and connections as clients see them.

use adit_core::port::{ConnectionRecord, ConnectorRecord, Tunnel};
use adit_model::{
    AccountId, ConfigSource, ConnectionId, ConnectorId, Location, Timestamp, TunnelId, TunnelKind,
    TunnelName, TunnelStatus,
};
use schemars::JsonSchema;
use serde::Serialize;

/// A tunnel.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TunnelView {
    id: TunnelId,
    account_tag: AccountId,
    name: TunnelName,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    connections: Vec<ConnectionView>,
    conns_active_at: Option<Timestamp>,
    conns_inactive_at: Option<Timestamp>,
    tun_type: TunnelKind,
    metadata: NoMetadata,
    status: TunnelStatus,
    /// Absent once deleted, and of a site.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_src: Option<ConfigSource>,
    /// Absent of a site.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_config: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NoMetadata {}

/// A connector with its live connections.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConnectorView {
    id: ConnectorId,
    arch: String,
    version: String,
    features: Vec<String>,
    run_at: Timestamp,
    /// The version of the tunnel's configuration that it runs; absent if it has never had one from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_version: Option<i32>,
    conns: Vec<ConnectionView>,
    /// Only connectors of sites have one.
    ha_status: Option<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ConnectionView {
    id: ConnectionId,
    uuid: ConnectionId,
    client_id: ConnectorId,
    client_version: String,
    colo_name: String,
    is_pending_reconnect: bool,
    opened_at: Timestamp,
    origin_ip: String,
}

impl TunnelView {
    /// What clients see of a tunnel. A deleted one has no connections, whatever is still being written about them.
    pub(crate) fn of(tunnel: &Tunnel) -> Self {
        let live = tunnel.deleted_at.is_none();
        let configurable = has_configuration(tunnel.kind);
        let connectors = if live { tunnel.connectors.as_slice() } else { &[] };
        Self {
            id: tunnel.key.tunnel,
            account_tag: tunnel.key.account,
            name: tunnel.name.clone(),
            created_at: tunnel.created_at,
            deleted_at: tunnel.deleted_at,
            connections: connectors.iter().flat_map(ConnectionView::all_of).collect(),
            conns_active_at: tunnel.active_since,
            conns_inactive_at: tunnel.inactive_since,
            tun_type: tunnel.kind,
            metadata: NoMetadata {},
            status: tunnel.status,
            config_src: (live && configurable).then_some(tunnel.config_source),
            remote_config: configurable.then_some(live && is_remote(tunnel.config_source)),
        }
    }
}

/// Whether tunnels of a kind have an ingress configuration, and so an owner of it.
const fn has_configuration(kind: TunnelKind) -> bool {
    match kind {
        TunnelKind::CfdTunnel => true,
        TunnelKind::WarpConnector => false,
    }
}

const fn is_remote(source: ConfigSource) -> bool {
    match source {
        ConfigSource::Cloudflare => true,
        ConfigSource::Local => false,
    }
}

impl ConnectorView {
    /// What clients see of a connector.
    pub(crate) fn of(connector: &ConnectorRecord) -> Self {
        Self {
            id: connector.id,
            arch: connector.arch.clone(),
            version: connector.version.clone(),
            features: connector.features.clone(),
            run_at: connector.run_at,
            config_version: connector.configuration.applied.map(|applied| applied.version.0),
            conns: ConnectionView::all_of(connector).collect(),
            ha_status: None,
        }
    }
}

impl ConnectionView {
    fn all_of(connector: &ConnectorRecord) -> impl Iterator<Item = Self> {
        connector
            .connections
            .iter()
            .map(|connection| Self::of(connector, connection))
    }

    fn of(connector: &ConnectorRecord, connection: &ConnectionRecord) -> Self {
        let location: &Location = &connection.location;
        Self {
            id: connection.id,
            uuid: connection.id,
            client_id: connector.id,
            client_version: connector.version.clone(),
            colo_name: location.to_string(),
            is_pending_reconnect: false,
            opened_at: connection.opened_at,
            origin_ip: connection.origin_ip.to_canonical().to_string(),
        }
    }
}
