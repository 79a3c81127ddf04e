//! What an edge that stops does to its connectors and to the requests that they carry.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::port::{CloseReason, PresenceEvent};
use adit_testing::{
    client::get,
    scripted::{ScriptedConnector, registration},
    wait_for, within,
};
use futures_util::future::join_all;
use support::{
    GRACE, HOST,
    scripted::{Scene, on_both_transports},
    stock::{StockScene, with_stock_on_both_transports},
};
use tokio::{net::TcpStream, task::JoinSet};

on_both_transports!(
    connections_leave_one_after_another_with_a_goodbye,
    a_connection_leaves_once_its_request_is_done_and_gets_no_other,
    a_stopping_edge_turns_connectors_and_clients_away_at_once,
    what_outlasts_the_grace_period_is_cut_off,
);

async fn connections_leave_one_after_another_with_a_goodbye(scene: Scene) {
    let mut connections = scene.four_connections().await;
    let store = Arc::clone(&scene.edge.store);
    let begun = Instant::now();
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(GRACE));
    let leaving = connections
        .iter_mut()
        .map(async |connection: &mut ScriptedConnector| {
            assert_eq!(connection.goodbye().await, Some(0));
            begun.elapsed()
        });
    let left = join_all(leaving).await;
    assert!(left.is_sorted(), "{left:?}");
    assert!(left[3] - left[0] > Duration::from_secs(1), "{left:?}");
    within("the edge to stop", stopping.join_next()).await;
    assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());
    assert_eq!(support::closed_because(&store, CloseReason::EdgeStopped), 4);
}

async fn a_connection_leaves_once_its_request_is_done_and_gets_no_other(scene: Scene) {
    let mut busy = scene.connector().await;
    let running = scene.get();
    let asked = busy.next().await;
    let other = scene.connector().await;
    let store = Arc::clone(&scene.edge.store);
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(GRACE));
    // The other has gone, which has nothing to finish; this one has not.
    let mut other = other;
    assert_eq!(other.goodbye().await, Some(0));
    // Its peer may hear of it before the store does.
    wait_for("the first to be gone", async || {
        support::closed_because(&store, CloseReason::EdgeStopped) == 1
    })
    .await;
    asked.say(200, "done").await;
    assert_eq!(running.answer().await.1.read().await.unwrap(), "done");
    assert_eq!(busy.goodbye().await, Some(0));
    within("the edge to stop", stopping.join_next()).await;
    assert_eq!(support::closed_because(&store, CloseReason::EdgeStopped), 2);
}

async fn a_stopping_edge_turns_connectors_and_clients_away_at_once(scene: Scene) {
    let mut connector = scene.connector().await;
    let running = scene.get();
    let asked = connector.next().await;
    let (http, connectors) = (scene.edge.http(), scene.connectors());
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(GRACE));
    within("the public port to close", async {
        while TcpStream::connect(http).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(get(http, HOST, "/").await.is_err());
    let begun = Instant::now();
    let (anchors, protocol) = (scene.anchors.clone(), scene.protocol);
    let mut late = JoinSet::new();
    late.spawn(async move {
        let late = ScriptedConnector::dial(connectors, &anchors, protocol).await;
        let _ = late.register(request).await;
    });
    // The scripted connector panics when it is refused.
    assert!(within("the refusal", late.join_next()).await.unwrap().is_err());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    asked.say(200, "done").await;
    assert_eq!(running.answer().await.1.read().await.unwrap(), "done");
    within("the edge to stop", stopping.join_next()).await;
}

async fn what_outlasts_the_grace_period_is_cut_off(scene: Scene) {
    let mut connector = scene.connector().await;
    let running = scene.get();
    let (_, mut body) = connector.next().await.answer(200, Default::default()).await;
    body.write("half of").await.unwrap();
    let (_, mut answer) = running.answer().await;
    let begun = Instant::now();
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(Duration::from_secs(1)));
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "half of");
    assert!(answer.count().await.is_err(), "it looked complete");
    connector.closed().await;
    within("the edge to stop", stopping.join_next()).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

with_stock_on_both_transports!(
    a_stock_connectors_connections_leave_one_after_another_and_its_request_finishes
);

async fn a_stock_connectors_connections_leave_one_after_another_and_its_request_finishes(scene: StockScene) {
    let (http, mut held) = (scene.edge.http(), JoinSet::new());
    held.spawn(async move { get(http, HOST, "/held").await });
    wait_for("the request at the origin", async || {
        scene.origin.live_requests() == 1
    })
    .await;
    let store = Arc::clone(&scene.edge.store);
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(GRACE));
    let left = async || support::closed_because(&store, CloseReason::EdgeStopped);
    wait_for("three connections to leave", async || left().await == 3).await;
    assert!(
        stopping.try_join_next().is_none(),
        "the edge did not wait for the request"
    );
    scene.connector.process.line("Retrying connection in up to").await;
    scene.origin.release();
    let answer = within("the answer", held.join_next()).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().status, 200);
    within("the edge to stop", stopping.join_next()).await;
    let events = store.events.lock();
    let mut times: Vec<i64> = events.iter().filter_map(closed_at).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 4);
    assert!(times[3] - times[0] > 1_000_000, "{times:?}");
}

/// Microseconds.
fn closed_at(event: &PresenceEvent) -> Option<i64> {
    match event {
        PresenceEvent::Opened(_) | PresenceEvent::Configured(_) | PresenceEvent::LocallyConfigured(_) => None,
        PresenceEvent::Closed(closed) => Some(closed.closed_at.unix_micros()),
    }
}
