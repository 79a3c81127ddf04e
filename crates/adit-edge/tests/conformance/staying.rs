//! Points 28, 29 and 31 of the checklist: connections that idle, come back, or find UDP blocked. (A killed server and its
//! stock connectors: `stock_connectors_come_back_to_a_killed_server` of the binary.)

use std::{net::SocketAddr, time::Duration};

use adit_core::port::CloseReason;
use adit_net::{
    quic::QuicDialer,
    tls::{QUIC_SERVER_NAME, connector_config},
};
use adit_testing::{
    client::get,
    cloudflared::{self, Cloudflared, Options, Protocol},
    long_only,
    origin::Origin,
    skip, within,
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use crate::support::{
    HOST, TestEdge, closed_because, connection_events,
    scripted::{Scene, on_both_transports},
    stock::StockScene,
};

on_both_transports!(an_idle_connection_stays);

async fn an_idle_connection_stays(scene: Scene) {
    let mut connector = scene.connector().await;
    // Twice the time after which a silent QUIC connection is dead, and two PINGs over HTTP/2.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(scene.closed_because(CloseReason::Lost), 0);
    let asking = scene.get();
    connector.next().await.say(200, "here").await;
    assert_eq!(asking.answer().await.1.read().await.unwrap(), "here");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_connections_that_idle_for_minutes_stay() {
    let test = "stock_connections_that_idle_for_minutes_stay";
    if !long_only(test) {
        return;
    }
    for protocol in Protocol::ALL {
        let Some(scene) = StockScene::new(test, protocol).await else {
            return;
        };
        // The time is what is tested.
        tokio::time::sleep(Duration::from_secs(180)).await;
        assert_eq!(
            connection_events(&scene.edge.store),
            4,
            "{protocol}: one was lost"
        );
        assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_may_come_back_from_the_same_port() {
    let scene = Scene::new(Protocol::Quic).await;
    let dialer = QuicDialer::new(connector_config(&scene.anchors).unwrap(), None).unwrap();
    let limit = Duration::from_secs(5);
    let mut connections = Vec::new();
    for _ in 0..3 {
        let dialled = dialer.dial(scene.connectors(), QUIC_SERVER_NAME, limit).await;
        connections.push(dialled.unwrap());
    }
    // The earlier ones are still known.
    for connection in &connections {
        assert_eq!(connection.close_cause(), None);
    }
}

/// The edge behind an address whose UDP leads nowhere.
async fn without_udp(edge: SocketAddr) -> (SocketAddr, UdpSocket, JoinSet<()>) {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let mut carrying = JoinSet::new();
    carrying.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut connector, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut edge = TcpStream::connect(edge).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut connector, &mut edge).await;
            });
        }
    });
    (address, silent, carrying)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_that_may_choose_falls_back_to_http2_where_udp_is_blocked() {
    let test = "a_stock_connector_that_may_choose_falls_back_to_http2_where_udp_is_blocked";
    if !long_only(test) {
        return;
    }
    let Some(binary) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let (address, _silent, _carrying) = without_udp(edge.edge.addresses().connectors).await;
    let origin = Origin::start().await;
    let options = Options::new(&binary, address, &edge.ca, &tunnel.token)
        .serving(&origin.url())
        .with(&["--protocol", "auto", "--max-edge-addr-retries", "1"]);
    let connector = Cloudflared::start_ready(&options, 4).await;
    within(
        "the change",
        connector.process.line("Switching to fallback protocol http2"),
    )
    .await;
    assert_eq!(get(edge.http(), HOST, "/").await.unwrap().status, 200);
    assert_eq!(closed_because(&edge.store, CloseReason::Lost), 0);
}
