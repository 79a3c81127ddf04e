//! The values of the registration call, apart from their encoding.

use std::{fmt, net::IpAddr, time::Duration};

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, TunnelId};

/// What a connector presents as the tunnel's secret. Never printed.
#[derive(Clone)]
pub struct PresentedSecret(pub Vec<u8>);

impl fmt::Debug for PresentedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Who dials: one connector process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// The process; the same for all its connections.
    pub id: ConnectorId,
    /// What it can do, in any order.
    pub features: Vec<String>,
    /// Its version, such as `2026.8.2`.
    pub version: String,
    /// Its platform, such as `linux_amd64`.
    pub arch: String,
}

/// The arguments of registerConnection.
/// Source: cloudflare/cloudflared: tunnelrpc/pogs/registration_server.go.
#[derive(Debug, Clone)]
pub struct RegisterConnection {
    /// The account's tag as presented.
    pub account_tag: String,
    /// The secret as presented.
    pub secret: PresentedSecret,
    /// The tunnel.
    pub tunnel: TunnelId,
    /// The connection's number within its connector.
    pub index: ConnectionIndex,
    /// The connector.
    pub client: ClientInfo,
    /// The connector's own address as it sees it; over QUIC stock cloudflared sends the edge's.
    pub origin_local_ip: Option<IpAddr>,
    /// Failed attempts before this one.
    pub previous_attempts: u8,
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// The new connection.
    pub connection: ConnectionId,
    /// The edge's location.
    pub location: String,
    /// Whether the connector takes its configuration from the edge.
    pub remotely_managed: bool,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct RegistrationRefusal {
    /// Why. Permanent ones start with `Unauthorized: `, which stock cloudflared tells apart over HTTP/2.
    pub cause: String,
    /// How long to wait before the next attempt.
    pub retry_after: Duration,
    /// Whether another attempt can succeed.
    pub should_retry: bool,
}

/// The answer to registerConnection.
pub type RegistrationAnswer = Result<ConnectionDetails, RegistrationRefusal>;
