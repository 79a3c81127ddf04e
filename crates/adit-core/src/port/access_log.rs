//! One line for each public request.

use std::{fmt, net::IpAddr};

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, TransportProtocol, TunnelId};
use serde::{Serialize, Serializer};

/// A request's id, as in the first part of `Cf-Ray`: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ray(pub u64);

impl fmt::Display for Ray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Ray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The connection that a request went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Via {
    /// The connector at its other end.
    #[serde(rename = "connector.id")]
    pub connector: ConnectorId,
    /// Its id.
    #[serde(rename = "connection.id")]
    pub connection: ConnectionId,
    /// Its place among those of the connector.
    #[serde(rename = "connection.index")]
    pub index: ConnectionIndex,
    /// What carries it.
    pub transport: TransportProtocol,
}

/// A public request whose answer has been sent or given up. Neither queries nor headers are here: they hold secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServedRequest<'r> {
    /// Its id.
    pub ray: Ray,
    /// Who asked, behind trusted proxies.
    pub client: IpAddr,
    /// Its method.
    pub method: &'r str,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: &'r str,
    /// The host that was asked for, as it was written. Bytes that are no UTF-8 are replaced.
    pub host: &'r str,
    /// Its path.
    pub path: &'r str,
    /// The answer's status.
    pub status: u16,
    /// The tunnel that served it, or would have if it had a connection.
    #[serde(rename = "tunnel.id", skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelId>,
    /// What was asked last.
    #[serde(flatten)]
    pub via: Option<Via>,
    /// How many connections were asked.
    pub asked: u32,
    /// Bytes of its body.
    pub request_bytes: u64,
    /// Bytes of its answer's body.
    pub response_bytes: u64,
    /// Milliseconds from its start until its head was with the connector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_ms: Option<f64>,
    /// Until the answer's head was there.
    pub head_ms: f64,
    /// Until the end.
    pub total_ms: f64,
    /// Who ended it: `complete` is nobody before its time.
    pub end: &'static str,
    /// The hop that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<&'static str>,
    /// What went wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'r str>,
}

/// Where edges write their access log. Called once a request, when it ends.
pub trait AccessLog: Send + Sync {
    /// Writes the line of a request, or not, as the log is set. Bounded: a reader that takes nothing holds up whoever writes.
    fn write(&self, request: &ServedRequest<'_>);
}
