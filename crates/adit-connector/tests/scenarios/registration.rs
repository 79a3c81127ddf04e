//! How a connector registers, and what it does when an edge refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Running, config, single};
use adit_connector::{ConnectorError, EdgeAddress};
use adit_core::ingress::Ingress;
use adit_testing::scripted::ScriptedEdge;
use adit_testing::wait_for;
use adit_wire::registration::RegistrationRefusal;

fn refusal(cause: &str, should_retry: bool, retry_after: Duration) -> RegistrationRefusal {
    RegistrationRefusal {
        cause: cause.to_owned(),
        retry_after,
        should_retry,
    }
}

#[tokio::test]
async fn four_connections_register_as_one_connector_at_a_single_edge() {
    let edge = ScriptedEdge::start();
    let connector = Running::start(single(&edge, "http_status:204", 4));

    let connections = edge.connected(4).await;

    let mut indexes: Vec<u8> = connections
        .iter()
        .map(|connection| connection.request().index.0)
        .collect();
    assert_eq!(indexes[0], 0, "index 0 comes first, alone");
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2, 3]);
    let id = connector.status.connector_id();
    assert!(
        connections
            .iter()
            .all(|connection| connection.request().client.id == id)
    );
    wait_for("readiness", async || connector.status.ready_connections() == 4).await;
}

#[tokio::test]
async fn nothing_else_starts_before_index_0_is_registered() {
    let answers = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&answers);
    let edge = ScriptedEdge::scripted(Arc::new(move |_| match seen.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(refusal("not yet", true, Duration::ZERO)),
        _ => Ok(ScriptedEdge::details()),
    }));
    let _connector = Running::start(single(&edge, "http_status:204", 2));
    edge.connected(2).await;
    let indexes: Vec<u8> = edge.registrations().iter().map(|call| call.index.0).collect();
    assert_eq!(indexes, [0, 0, 0, 1]);
    let attempts: Vec<u8> = edge
        .registrations()
        .iter()
        .map(|call| call.previous_attempts)
        .collect();
    assert_eq!(attempts, [0, 1, 2, 0]);
}

#[tokio::test]
async fn the_local_configuration_is_told_once_by_index_0() {
    let edge = ScriptedEdge::start();
    let _connector = Running::start(single(&edge, "http_status:204", 2));
    let connections = edge.connected(2).await;
    wait_for("the configuration", async || {
        connections[0].local_configuration().is_some()
    })
    .await;
    let told = connections[0].local_configuration().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        told,
        serde_json::json!({
            "__configuration_flags": {},
            "ingress": [{"service": "http_status:204", "originRequest": {}}],
            "warp-routing": {},
        })
    );
    assert_eq!(connections[1].local_configuration(), None);
}

#[tokio::test]
async fn a_permanent_refusal_stops_the_connector_and_names_its_cause() {
    for (cause, should_retry) in [
        ("Unauthorized: Invalid tunnel secret", true),
        ("the account is closed", false),
    ] {
        let edge = ScriptedEdge::scripted(Arc::new(move |_| {
            Err(refusal(cause, should_retry, Duration::ZERO))
        }));
        let mut connector = Running::start(single(&edge, "http_status:204", 4));
        let ended = connector.ended().await;
        assert!(
            matches!(&ended, Err(ConnectorError::Refused(text)) if text == cause),
            "{ended:?}"
        );
        assert_eq!(edge.registrations().len(), 1);
    }
}

#[tokio::test]
async fn a_transient_refusal_is_retried_after_the_wait_that_the_edge_asks_for() {
    let began = Instant::now();
    let answers = AtomicUsize::new(0);
    let edge = ScriptedEdge::scripted(Arc::new(move |_| match answers.fetch_add(1, Ordering::Relaxed) {
        0 => Err(refusal(
            "the snapshot is not loaded",
            true,
            Duration::from_secs(1),
        )),
        _ => Ok(ScriptedEdge::details()),
    }));
    let _connector = Running::start(single(&edge, "http_status:204", 1));
    edge.connected(1).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(edge.registrations().len(), 2);
}

#[tokio::test]
async fn a_duplicate_goes_to_another_edge() {
    let full = ScriptedEdge::scripted(Arc::new(|_| Err(refusal("EDUPCONN", false, Duration::ZERO))));
    // The same certificate would do in the field; here each edge has its own, so trust both.
    let free = ScriptedEdge::start();
    let anchors = crate::support::both(&full, &free);
    let edges: Vec<EdgeAddress> = vec![full.addr().into(), free.addr().into()];
    let mut config = config(edges, anchors, Ingress::unconfigured());
    config.ha_connections = 1;
    let _connector = Running::start(config);
    free.connected(1).await;
    assert_eq!(full.registrations().len(), 1);
}

#[tokio::test]
async fn slots_are_spread_over_the_edges_and_a_dead_edge_is_passed_over() {
    let (one, two) = (ScriptedEdge::start(), ScriptedEdge::start());
    let anchors = crate::support::both(&one, &two);
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let edges = vec![
        one.addr().into(),
        two.addr().into(),
        silent.local_addr().unwrap().into(),
    ];
    let mut config = config(edges, anchors, Ingress::unconfigured());
    config.ha_connections = 3;
    let connector = Running::start(config);
    wait_for("three connections", async || {
        connector.status.ready_connections() == 3
    })
    .await;
    assert!(!one.live().is_empty() && !two.live().is_empty());
}

#[tokio::test]
async fn a_wrong_authority_is_never_registered_with() {
    let edge = ScriptedEdge::start();
    let stranger = ScriptedEdge::start();
    let ingress = Ingress::unconfigured();
    let connector = Running::start(config(vec![edge.addr().into()], stranger.anchors(), ingress));
    let ready = tokio::time::timeout(Duration::from_millis(1500), connector.status.wait_ready(1)).await;
    assert!(ready.is_err());
    assert!(edge.registrations().is_empty());
}
