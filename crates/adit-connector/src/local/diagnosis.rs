//! `/ready`, `/diag/tunnel` and `/diag/configuration`: the state of the connections, and what the connector was told.
//! Names and order of what cloudflared has as well are cloudflared's; what Adit adds stands behind that.
//! Source: cloudflare/cloudflared: metrics/readiness.go, diagnostic/handlers.go, tunnelstate/conntracker.go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use adit_model::{ConnectionIndex, Timestamp, TunnelId};
use http::StatusCode;
use serde::Serialize;

use crate::status::Trouble;
use crate::{LiveConnection, Protocol, Status};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    status: u16,
    ready_connections: usize,
    connector_id: String,
    /// Only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<Vec<Connection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    troubles: Option<Vec<LastTrouble>>,
}

#[derive(Serialize)]
struct Tunnel {
    #[serde(rename = "tunnelID")]
    tunnel: TunnelId,
    #[serde(rename = "connectorID")]
    connector: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connections: Vec<Connection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    icmp_sources: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    troubles: Vec<LastTrouble>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    is_connected: bool,
    /// 1 for QUIC; HTTP/2 is 0, which cloudflared leaves out.
    #[serde(skip_serializing_if = "is_zero")]
    protocol: u8,
    edge_address: IpAddr,
    #[serde(skip_serializing_if = "is_zero")]
    index: u8,
    edge_port: u16,
    connection_id: String,
    location: String,
    since: Timestamp,
}

/// What last kept a slot from having a connection.
#[derive(Serialize)]
struct LastTrouble {
    index: u8,
    at: Timestamp,
    error: String,
    /// Whether the slot is without a connection still.
    lasting: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

fn connections(status: &Status) -> Vec<Connection> {
    let shown = |(index, live): (ConnectionIndex, LiveConnection)| Connection {
        is_connected: true,
        protocol: u8::from(live.protocol == Protocol::Quic),
        edge_address: live.edge.ip(),
        index: index.0,
        edge_port: live.edge.port(),
        connection_id: live.connection.to_string(),
        location: live.location,
        since: whole_seconds(live.since),
    };
    status.connections().into_iter().map(shown).collect()
}

fn troubles(status: &Status) -> Vec<LastTrouble> {
    let live = status.connections();
    let shown = |(index, trouble): (ConnectionIndex, Trouble)| LastTrouble {
        index: index.0,
        at: whole_seconds(trouble.at),
        error: trouble.error,
        lasting: !live.contains_key(&index),
    };
    status.troubles().into_iter().map(shown).collect()
}

fn whole_seconds(time: SystemTime) -> Timestamp {
    let exact = Timestamp::from(time);
    let micros = exact.unix_micros();
    Timestamp::from_unix_micros(micros - micros.rem_euclid(1_000_000)).unwrap_or(exact)
}

/// The status and body of `/ready`; `in_full` adds each connection.
pub(super) fn ready(status: &Status, in_full: bool) -> (StatusCode, String) {
    let ready_connections = status.ready_connections();
    let code = match ready_connections {
        0 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let ready = Ready {
        status: code.as_u16(),
        ready_connections,
        connector_id: status.connector_id().to_string(),
        connections: in_full.then(|| connections(status)),
        troubles: in_full.then(|| troubles(status)),
    };
    // Plain values always serialise.
    (code, serde_json::to_string(&ready).unwrap_or_default())
}

/// The body of `/diag/tunnel`.
pub(super) fn tunnel(tunnel: TunnelId, status: &Status, icmp_sources: &[IpAddr]) -> String {
    let tunnel = Tunnel {
        tunnel,
        connector: status.connector_id().to_string(),
        connections: connections(status),
        icmp_sources: icmp_sources.to_vec(),
        troubles: troubles(status),
    };
    line(&tunnel)
}

/// The body of `/diag/configuration`: the flags, and whose process it is.
pub(super) fn flags(flags: &BTreeMap<String, String>) -> String {
    let mut flags = flags.clone();
    #[cfg(unix)]
    flags.insert("uid".to_owned(), rustix::process::getuid().as_raw().to_string());
    line(&flags)
}

/// JSON with a line's end, as cloudflared writes what diagnoses are made of.
pub(super) fn line(value: &impl Serialize) -> String {
    // Plain values always serialise.
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("{json}\n")
}

#[cfg(test)]
mod tests {
    use adit_model::{ConnectionId, ConnectorId};

    use super::*;

    #[test]
    fn a_lost_connection_is_told_with_its_reason_and_a_new_one_beside_it() {
        let status = Status::new(ConnectorId::random());
        let index = ConnectionIndex(1);
        status.failed(index, "the edge fell silent".to_owned());
        let (code, body) = ready(&status, true);
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains(r#""error":"the edge fell silent","lasting":true"#),
            "{body}"
        );
        let connection = ConnectionId::random();
        let live = LiveConnection {
            connection,
            edge: "192.0.2.7:7844".parse().unwrap(),
            protocol: Protocol::Quic,
            location: "ber01".to_owned(),
            remotely_managed: false,
            since: SystemTime::UNIX_EPOCH,
        };
        status.opened(index, live);
        let body = tunnel(TunnelId::random(), &status, &[]);
        let shown = format!(
            r#""connections":[{{"isConnected":true,"protocol":1,"edgeAddress":"192.0.2.7","index":1,"edgePort":7844,"connectionId":"{connection}","location":"ber01","since":"1970-01-01T00:00:00.000000Z"}}]"#
        );
        assert!(body.contains(&shown), "{body}");
        assert!(body.contains(r#""lasting":false"#), "{body}");
    }

    #[test]
    fn what_is_kept_of_an_error_is_bounded() {
        let status = Status::new(ConnectorId::random());
        status.failed(ConnectionIndex(0), "ü".repeat(10_000));
        let kept = status.troubles().remove(&ConnectionIndex(0)).unwrap();
        assert_eq!(kept.error.len(), 512);
    }
}
