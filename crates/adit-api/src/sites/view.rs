//! Replicas as clients see them.

use adit_core::{
    ha::{HaState, Replica},
    port::ConnectorRecord,
};
use adit_model::{ConnectionId, ConnectorId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A replica of a site.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReplicaView {
    id: ConnectorId,
    arch: String,
    version: String,
    features: Vec<String>,
    run_at: Timestamp,
    /// The name of its host, as it says; null if it has not said so. Adit's own field.
    hostname: Option<String>,
    conns: Vec<ReplicaConnectionView>,
    #[schemars(with = "HaStatusSchema")]
    ha_status: &'static str,
}

/// How a replica stands.
#[derive(JsonSchema)]
#[schemars(rename = "HaStatus", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the values of a text")]
enum HaStatusSchema {
    Active,
    Passive,
    Offline,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReplicaConnectionView {
    id: ConnectionId,
    client_id: ConnectorId,
    client_version: String,
    colo_name: String,
    opened_at: Timestamp,
    origin_ip: String,
}

/// What decides how a replica stands.
pub(super) fn replica(record: &ConnectorRecord) -> Replica {
    Replica {
        online: !record.connections.is_empty(),
    }
}

impl ReplicaView {
    /// What clients see of a replica in a site of this state.
    pub(super) fn of(record: &ConnectorRecord, state: &HaState) -> Self {
        let connection = |connection: &adit_core::port::ConnectionRecord| ReplicaConnectionView {
            id: connection.id,
            client_id: record.id,
            client_version: record.version.clone(),
            colo_name: connection.location.to_string(),
            opened_at: connection.opened_at,
            origin_ip: connection.origin_ip.to_canonical().to_string(),
        };
        Self {
            id: record.id,
            arch: record.arch.clone(),
            version: record.version.clone(),
            features: record.features.clone(),
            run_at: record.run_at,
            hostname: record.hostname.clone(),
            conns: record.connections.iter().map(connection).collect(),
            ha_status: state.status(record.id, replica(record)).as_str(),
        }
    }
}
