//! The edges: one ends, one of two is gone, somebody else answers, UDP is dropped.

use std::time::Duration;

use adit_testing::{netns, scripted::Transports, skip, wait_within};

use crate::scene::{Edge, Scene, listen};

const SOON: Duration = Duration::from_secs(20);
const BACK: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_restarts_is_served_again_within_a_second() {
    if let Some(reason) = netns::absent() {
        return skip("an_edge_that_restarts_is_served_again_within_a_second", reason);
    }
    for protocol in ["quic", "http2"] {
        let scene = Scene::build();
        let mut edge = scene.edge(1, Transports::Both);
        let _connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844", "--protocol", protocol]);
        edge.has(4, SOON).await;
        for away in [Duration::ZERO, Duration::from_millis(700), Duration::from_secs(8)] {
            edge.edge.kill();
            tokio::time::sleep(away).await;
            let before = edge.registrations();
            edge.restart();
            let took = edge.is_back(before, SOON).await;
            // A second, and what a busy machine takes for a handshake.
            assert!(
                took <= Duration::from_millis(1_250),
                "{protocol}, away {away:?}: {took:?}"
            );
            edge.has(4, SOON).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_edge_of_two_gone_the_other_serves_and_gets_all_connections() {
    if let Some(reason) = netns::absent() {
        return skip(
            "with_one_edge_of_two_gone_the_other_serves_and_gets_all_connections",
            reason,
        );
    }
    let scene = Scene::build();
    let (one, two) = (scene.edge(1, Transports::Both), scene.edge(2, Transports::Both));
    let edges = "198.18.0.1:7844,198.18.0.2:7844";
    let _connector = scene.connector(&[&one, &two], &["--edge", edges]);
    one.has(2, SOON).await;
    two.has(2, SOON).await;
    one.host.ip("link set wan down");
    assert_eq!(two.edge.live()[0].get("shop.example", "/").await.status, 200);
    // Five seconds of silence, then a dial to the lost edge, then one to the other.
    two.has(4, Duration::from_secs(9)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captive_portal_is_told_nothing_and_its_end_is_noticed() {
    if let Some(reason) = netns::absent() {
        return skip("a_captive_portal_is_told_nothing_and_its_end_is_noticed", reason);
    }
    let scene = Scene::build();
    let mut edge = scene.edge(1, Transports::Both);
    edge.edge.kill();
    // It answers everything itself, with a certificate of its own.
    let portal = listen(&edge.host, 1, Transports::Both);
    let connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844"]);
    connector.line("Failed to dial").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(portal.registrations().is_empty());
    drop(portal);
    edge.restart();
    let took = edge.is_back(0, SOON).await;
    assert!(took <= BACK, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_dropped_http2_serves_until_it_is_let_through() {
    let name = "where_udp_is_dropped_http2_serves_until_it_is_let_through";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    if let Some(reason) = netns::absent_program("nft") {
        return skip(name, reason);
    }
    let scene = Scene::build();
    let edge = scene.edge(1, Transports::Both);
    let nft = |words: &str| scene.laptop.run(&words.split(' ').collect::<Vec<_>>());
    nft("nft add table ip filter");
    nft("nft add chain ip filter out { type filter hook output priority 0 ; }");
    nft("nft add rule ip filter out udp dport 7844 drop");
    let flags = ["--edge", "198.18.0.1:7844", "--max-edge-addr-retries", "1"];
    let connector = scene.connector(&[&edge], &flags);
    connector.line("Switching to fallback protocol http2").await;
    edge.has(4, SOON).await;
    let quic = |edge: &Edge| edge.edge.live().iter().filter(|at| at.is_quic()).count();
    assert_eq!(quic(&edge), 0);
    nft("nft delete table ip filter");
    // The next try may be half a minute off; a change of the network brings it forward.
    scene.laptop.ip("addr add 198.18.0.77/24 dev wan");
    scene
        .laptop
        .ip("route replace 198.18.0.0/24 dev wan src 198.18.0.77");
    wait_within(SOON, "all connections on QUIC", async || quic(&edge) == 4).await;
    connector.line("QUIC comes through").await;
}
