//! How a connector leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Running, single};
use adit_connector::Shutdown;
use adit_testing::scripted::{ScriptedEdge, ScriptedOrigin, full};
use adit_testing::wait_for;
use http::Response;

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_connector_unregisters_finishes_what_runs_and_leaves_at_once() {
    let (release, released) = tokio::sync::watch::channel(false);
    let origin = ScriptedOrigin::start(move |_| {
        let mut released = released.clone();
        async move {
            released.wait_for(|released| *released).await.unwrap();
            Response::new(full("late"))
        }
    })
    .await;
    let edge = ScriptedEdge::start();
    let mut connector = Running::start(single(&edge, &origin.url(), 2));
    let at = edge.connected(2).await;
    let asking = at[0].clone();
    let mut asked = tokio::task::JoinSet::new();
    asked.spawn(async move { asking.get("shop.example", "/").await });

    wait_for("readiness", async || connector.status.ready_connections() == 2).await;
    connector.shutdown.drain();
    assert_eq!(connector.status.ready_connections(), 0, "no balancer sends more");
    wait_for("unregistration", async || {
        at.iter().all(|connection| connection.is_unregistered())
    })
    .await;
    release.send(true).unwrap();

    assert_eq!(asked.join_next().await.unwrap().unwrap().body, "late");
    let finished = Instant::now();
    connector.ended().await.unwrap();
    assert!(
        finished.elapsed() < Duration::from_secs(2),
        "the grace period is not sat out"
    );
}

#[tokio::test]
async fn a_connector_whose_stop_is_announced_is_not_ready_and_serves_until_it_is_told() {
    let origin = ScriptedOrigin::start(async |_| Response::new(full("served"))).await;
    let edge = ScriptedEdge::start();
    let announced = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&announced);
    let shutdown = Shutdown::announced_by(move || flag.load(Ordering::SeqCst));
    let mut connector = Running::start_with(single(&edge, &origin.url(), 1), shutdown);
    let at = edge.connected(1).await.remove(0);
    wait_for("readiness", async || connector.status.ready_connections() == 1).await;

    announced.store(true, Ordering::SeqCst);
    assert_eq!(connector.status.ready_connections(), 0, "no balancer sends more");
    assert_eq!(at.get("shop.example", "/").await.body, "served");
    assert!(!at.is_unregistered());

    connector.shutdown.drain();
    connector.ended().await.unwrap();
    assert!(at.is_unregistered());
}

#[tokio::test]
async fn the_grace_period_is_an_upper_bound() {
    let origin = ScriptedOrigin::start(async |_| std::future::pending().await).await;
    let edge = ScriptedEdge::start();
    let mut config = single(&edge, &origin.url(), 1);
    config.grace_period = Duration::from_millis(300);
    let mut connector = Running::start(config);
    let at = edge.connected(1).await.remove(0);
    let mut exchange = at.open(&head(), b"").await;
    wait_for("readiness", async || connector.status.ready_connections() == 1).await;
    connector.shutdown.drain();
    connector.ended().await.unwrap();
    assert!(exchange.recv.read_chunk(1).await.is_err());
}

#[tokio::test]
async fn a_second_signal_ends_the_connector_at_once() {
    let origin = ScriptedOrigin::start(async |_| std::future::pending().await).await;
    let edge = ScriptedEdge::start();
    let mut connector = Running::start(single(&edge, &origin.url(), 1));
    let at = edge.connected(1).await.remove(0);
    let _exchange = at.open(&head(), b"").await;
    wait_for("readiness", async || connector.status.ready_connections() == 1).await;
    connector.shutdown.drain();
    wait_for("unregistration", async || at.is_unregistered()).await;
    let second = Instant::now();
    connector.shutdown.abort();
    connector.ended().await.unwrap();
    assert!(second.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_connector_without_an_edge_stops_when_told() {
    let mut edge = ScriptedEdge::start();
    edge.kill();
    let mut connector = Running::start(single(&edge, "http_status:204", 4));
    connector.shutdown.drain();
    connector.ended().await.unwrap();
}

fn head() -> adit_wire::RequestHead {
    adit_wire::RequestHead {
        kind: adit_wire::FlowKind::Http,
        dest: "http://h/".to_owned(),
        method: http::Method::GET,
        host: "h".to_owned(),
        headers: http::HeaderMap::new(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}
