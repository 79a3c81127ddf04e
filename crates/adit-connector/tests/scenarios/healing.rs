//! Edges that die and return.

use std::time::{Duration, Instant};

use crate::support::{Running, single};
use adit_testing::scripted::ScriptedEdge;
use adit_testing::wait_for;

async fn all_lost(connector: &Running) {
    wait_for("the loss", async || connector.status.ready_connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_edge_that_returns_at_once_has_all_connections_back_within_two_seconds() {
    let mut edge = ScriptedEdge::start();
    let _connector = Running::start(single(&edge, "http_status:204", 4));
    edge.connected(4).await;

    edge.restart();
    let back = Instant::now();

    // Each connection's next ping is answered with a stateless reset, and each slot dials at once.
    edge.connected(4).await;
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "took {:?}",
        back.elapsed()
    );
    assert_eq!(edge.live()[0].get("shop.example", "/").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_returns_after_its_connections_timed_out_is_found_within_two_seconds() {
    let mut edge = ScriptedEdge::start();
    let connector = Running::start(single(&edge, "http_status:204", 4));
    edge.connected(4).await;
    edge.kill();
    all_lost(&connector).await;
    // Long enough that several dials are pending and their retransmissions far apart.
    tokio::time::sleep(Duration::from_secs(3)).await;

    edge.restart();
    let back = Instant::now();

    edge.connected(4).await;
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "took {:?}",
        back.elapsed()
    );
}

#[tokio::test]
async fn a_connection_that_the_edge_closes_is_back_at_once() {
    let edge = ScriptedEdge::start();
    let connector = Running::start(single(&edge, "http_status:204", 1));
    let closed = edge.connected(1).await.remove(0);
    wait_for("readiness", async || connector.status.ready_connections() == 1).await;
    // A dial of the last second would put off the next.
    tokio::time::sleep(Duration::from_millis(1100)).await;

    closed.quic().close(0, "drain");
    let began = Instant::now();

    wait_for("the registration", async || edge.registrations().len() == 2).await;
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "took {:?}",
        began.elapsed()
    );
}
