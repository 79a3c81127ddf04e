//! The API's objects, with the fields that the stock client reads and prints.

use serde::{Deserialize, Deserializer, Serialize};

use super::render::time;

/// What stands for "never" in a printed object.
pub(super) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tunnel {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(serialize_with = "time")]
    pub(super) created_at: String,
    #[serde(default, deserialize_with = "or_zero_time", serialize_with = "time")]
    pub(super) deleted_at: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) connections: Vec<Connection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// A connection of a tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Connection {
    #[serde(default)]
    pub(super) colo_name: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) is_pending_reconnect: bool,
    #[serde(default)]
    pub(super) origin_ip: String,
    #[serde(default, serialize_with = "time")]
    pub(super) opened_at: String,
}

/// A connector of a tunnel, with its connections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Connector {
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) features: Vec<String>,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) arch: String,
    #[serde(default, serialize_with = "time")]
    pub(super) run_at: String,
    #[serde(rename = "conns", default, deserialize_with = "or_empty")]
    pub(super) connections: Vec<Connection>,
}

/// How far a tunnel's configuration has come; of Adit's API only.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ConfigurationStatus {
    pub(super) version: i32,
    pub(super) connectors: Vec<ConnectorStatus>,
}

/// What one connector made of it.
#[derive(Debug, Deserialize)]
pub(super) struct ConnectorStatus {
    pub(super) connector_id: String,
    pub(super) running: Option<Running>,
    pub(super) refused: Option<Refused>,
}

/// What a connector runs.
#[derive(Debug, Deserialize)]
pub(super) struct Running {
    pub(super) version: i32,
    pub(super) since: String,
}

/// What a connector refused.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) version: i32,
    pub(super) error: String,
    pub(super) at: String,
}

/// A tunnel with its connectors, as `info` prints it.
#[derive(Debug, Serialize)]
pub(super) struct TunnelInfo {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "createdAt", serialize_with = "time")]
    pub(super) created_at: String,
    #[serde(rename = "conns")]
    pub(super) connectors: Vec<Connector>,
}

impl Tunnel {
    /// Whether it has been deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.deleted_at != ZERO_TIME
    }
}

pub(super) fn or_zero_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let time = Option::<String>::deserialize(deserializer)?;
    Ok(time.unwrap_or_else(|| ZERO_TIME.to_owned()))
}

fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
