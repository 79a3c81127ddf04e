//! Points 4, 5, 8, 9 and 10 of the checklist: registrations, their refusals, and goodbyes. (With a connector that does what
//! the test says: `a_registration_tells_…`, `a_refused_connector_…` and `a_goodbye_…` of `scripted_connector`; with stock
//! ones `a_connector_that_says_goodbye_finishes_its_requests` and more of `stock_connector`.)

use adit_core::port::{CloseReason, ConnectionOpened, PresenceEvent};
use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_testing::{
    client::get,
    cloudflared::{self, Protocol},
    process::Signal,
    scripted::{ScriptedConnector, registration},
    skip, wait_for, within,
};
use tokio::task::JoinSet;

use crate::support::{
    HOST, MemoryStore, TestEdge, TestTunnel, closed_because,
    scripted::{Scene, on_both_transports},
    stock::{StockScene, connector_of, with_stock_on_both_transports},
};

on_both_transports!(
    four_registrations_of_one_connector_are_four_connections,
    every_refusal_is_one_that_stock_connectors_survive,
);

with_stock_on_both_transports!(
    a_stock_connector_registers_four_times_and_logs_our_ids,
    a_stock_connector_told_to_stop_says_goodbye_on_every_connection,
);

fn opened(store: &MemoryStore) -> Vec<ConnectionOpened> {
    let events = store.events.lock();
    let opened = events.iter().filter_map(|event| match event {
        PresenceEvent::Opened(opened) => Some(ConnectionOpened::clone(opened)),
        PresenceEvent::Closed(_) | PresenceEvent::Configured(_) | PresenceEvent::LocallyConfigured(_) => None,
    });
    opened.collect()
}

/// Four connections of one connector, with the indexes 0 to 3.
fn are_of_one(opened: &[ConnectionOpened]) {
    let mut indexes: Vec<_> = opened.iter().map(|opened| opened.index.0).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2, 3]);
    assert!(
        opened
            .iter()
            .all(|one| one.connector.id == opened[0].connector.id),
        "{opened:?}"
    );
}

async fn four_registrations_of_one_connector_are_four_connections(scene: Scene) {
    let mut connections = scene.four_connections().await;
    are_of_one(&opened(&scene.edge.store));
    // Each gets requests.
    let mut served = [false; 4];
    while served != [true; 4] {
        let asking = scene.get();
        let next = connections
            .iter_mut()
            .map(|connection| Box::pin(connection.next()));
        let (asked, at, _) = futures_util::future::select_all(next).await;
        served[at] = true;
        asked.say(200, "served").await;
        assert_eq!(asking.answer().await.0.status(), 200);
    }
}

async fn every_refusal_is_one_that_stock_connectors_survive(scene: Scene) {
    let (key, secret) = (scene.tunnel.key, &scene.tunnel.secret);
    let wrong = TunnelSecret::new(vec![7; 32]).unwrap();
    let unknown = TunnelKey {
        tunnel: TunnelId::random(),
        ..key
    };
    let foreign = TunnelKey {
        account: AccountId::random(),
        ..key
    };
    let site = scene.edge.tunnel("office").await;
    scene.edge.make_site(&site);
    let deleted = scene.edge.tunnel("gone").await;
    scene.edge.set(deleted.key, &deleted.secret, true);
    for request in [
        registration(&key, &wrong),
        registration(&unknown, secret),
        registration(&foreign, secret),
        registration(&site.key, &site.secret),
        registration(&deleted.key, &deleted.secret),
    ] {
        let mut connector = scene.dial().await;
        let refusal = connector.register(request).await.unwrap().unwrap_err();
        // Over HTTP/2 any other word would make the first connection of a stock connector its last.
        assert!(refusal.cause.starts_with("Unauthorized: "), "{}", refusal.cause);
        assert!(!refusal.should_retry);
        // And there it learns of the refusal only when the edge ends the TCP connection.
        connector.closed().await;
    }
}

async fn a_stock_connector_registers_four_times_and_logs_our_ids(scene: StockScene) {
    let opened = opened(&scene.edge.store);
    are_of_one(&opened);
    assert_eq!(scene.connector.connections().await, 4);
    for one in opened {
        let line = scene
            .connector
            .process
            .line(&format!("connection={}", one.connection))
            .await;
        assert!(line.contains("Registered tunnel connection"), "{line}");
        assert!(line.contains("location=local01"), "{line}");
        assert!(line.contains(&format!("connIndex={}", one.index.0)), "{line}");
    }
}

async fn a_stock_connector_told_to_stop_says_goodbye_on_every_connection(mut scene: StockScene) {
    let way = scene.way();
    let (listener, mut held) = (way.listener, JoinSet::new());
    held.spawn(async move { get(listener, HOST, "/held").await });
    wait_for("the request at the origin", async || {
        scene.origin.live_requests() == 1
    })
    .await;
    scene.connector.process.signal(Signal::TERM);
    wait_for("no more work", async || {
        get(listener, HOST, "/").await.unwrap().status == 530
    })
    .await;
    scene.origin.release();
    let answer = within("the answer", held.join_next()).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().status, 200);
    assert!(scene.connector.process.ended().await.success());
    wait_for("four goodbyes", async || {
        closed_because(&scene.edge.store, CloseReason::Unregistered) == 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_with_a_wrong_secret_waits_longer_and_longer_and_never_exits() {
    let test = "a_stock_connector_with_a_wrong_secret_waits_longer_and_longer_and_never_exits";
    if cloudflared::binary().is_none() {
        return skip(test, cloudflared::ABSENT);
    }
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let wrong = TestTunnel::new(tunnel.key, TunnelSecret::new(vec![1; 32]).unwrap());
    let waits = Protocol::ALL.map(|protocol| {
        let (edge, token) = (&edge, &wrong.token);
        async move {
            let mut connector = connector_of(edge, token, protocol).await;
            for up_to in ["2s", "4s", "8s"] {
                let line = format!("Retrying connection in up to {up_to}");
                connector.process.line(&line).await;
            }
            assert!(connector.process.is_running(), "{protocol}: it gave up");
        }
    });
    futures_util::future::join_all(waits).await;
    assert!(opened(&edge.store).is_empty());
}

/// A tunnel that the store of an edge will know, but the edge does not yet.
fn promised(edge: &TestEdge) -> TestTunnel {
    let key = TunnelKey {
        account: AccountId::random(),
        tunnel: TunnelId::random(),
    };
    let tunnel = TestTunnel::new(key, TunnelSecret::new(vec![3; 32]).unwrap());
    edge.set(tunnel.key, &tunnel.secret, false);
    tunnel
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_without_its_tunnels_asks_quic_to_retry_and_keeps_http2_waiting() {
    let edge = TestEdge::start_without_store().await;
    let tunnel = promised(&edge);
    let pem = std::fs::read(&edge.ca).unwrap();
    let anchors = adit_net::tls::TrustAnchors::from_pem(&pem).unwrap();
    let address = edge.edge.addresses().connectors;
    let request = registration(&tunnel.key, &tunnel.secret);

    let quic = ScriptedConnector::dial(address, &anchors, Protocol::Quic).await;
    let refusal = quic.register(request.clone()).await.unwrap().unwrap_err();
    assert!(refusal.should_retry, "{refusal:?}");

    let mut dialling = JoinSet::new();
    dialling.spawn(async move { ScriptedConnector::dial(address, &anchors, Protocol::Http2).await });
    let early = tokio::time::timeout(std::time::Duration::from_millis(500), dialling.join_next()).await;
    assert!(early.is_err(), "the control stream was opened");
    edge.store_comes();
    let http2 = within("the control stream", dialling.join_next())
        .await
        .unwrap()
        .unwrap();
    http2.register(request).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_that_comes_before_the_tunnels_are_known_registers_when_they_are() {
    let test = "a_stock_connector_that_comes_before_the_tunnels_are_known_registers_when_they_are";
    if cloudflared::binary().is_none() {
        return skip(test, cloudflared::ABSENT);
    }
    for protocol in Protocol::ALL {
        let edge = TestEdge::start_without_store().await;
        let tunnel = promised(&edge);
        let mut connector = connector_of(&edge, &tunnel.token, protocol).await;
        match protocol {
            Protocol::Quic => drop(connector.process.line("Retrying connection in up to").await),
            // It says nothing while it waits.
            Protocol::Http2 => drop(connector.process.line("Initial protocol http2").await),
        }
        edge.store_comes();
        connector.ready(4).await;
        assert!(connector.process.is_running());
    }
}
