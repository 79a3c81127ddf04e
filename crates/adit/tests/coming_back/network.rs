//! The laptop's own network: it goes, comes, moves, and stands still.

use std::time::{Duration, Instant};

use adit_testing::{netns, process::Signal, scripted::Transports, skip};

use crate::scene::{HERE, Scene};

const SOON: Duration = Duration::from_secs(20);
/// The connector is to be back within this once its network is.
const BACK: Duration = Duration::from_secs(3);
/// More than any connection bears.
const OUTAGE: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_and_comes_is_used_within_three_seconds() {
    if let Some(reason) = netns::absent() {
        return skip(
            "a_network_that_goes_and_comes_is_used_within_three_seconds",
            reason,
        );
    }
    for protocol in ["quic", "http2"] {
        let scene = Scene::build();
        let edge = scene.edge(1, Transports::Both);
        let _connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844", "--protocol", protocol]);
        edge.has(4, SOON).await;
        // First without a route, then with one that leads nowhere.
        for (host, name) in [
            (&scene.laptop, "the laptop's link"),
            (&edge.host, "the way to the edge"),
        ] {
            host.ip("link set wan down");
            tokio::time::sleep(OUTAGE).await;
            let before = edge.registrations();
            host.ip("link set wan up");
            let took = edge.is_back(before, SOON).await;
            assert!(took <= BACK, "{name} over {protocol}: {took:?}");
            edge.has(4, SOON).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_used_within_three_seconds() {
    if let Some(reason) = netns::absent() {
        return skip("another_address_is_used_within_three_seconds", reason);
    }
    for protocol in ["quic", "http2"] {
        let scene = Scene::build();
        let edge = scene.edge(1, Transports::Both);
        let connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844", "--protocol", protocol]);
        edge.has(4, SOON).await;
        let before = edge.registrations();
        // Addresses of the same network that depend on it would go with it.
        scene.laptop.ip(&format!("addr del {HERE} dev wan"));
        scene.laptop.ip("addr add 198.18.0.12/24 dev wan");
        match protocol {
            // It moves with the address and loses nothing.
            "quic" => {
                let moved = Instant::now();
                let at = edge.edge.live().remove(0);
                assert_eq!(at.get("shop.example", "/").await.status, 200);
                assert!(moved.elapsed() <= BACK, "{:?}", moved.elapsed());
                assert_eq!(edge.registrations(), before);
            }
            _ => {
                let took = edge.is_back(before, SOON).await;
                assert!(took <= BACK, "{took:?}");
                connector.line("another address").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_is_back_within_three_seconds() {
    if let Some(reason) = netns::absent() {
        return skip("a_process_that_stood_still_is_back_within_three_seconds", reason);
    }
    let scene = Scene::build();
    let edge = scene.edge(1, Transports::Both);
    let connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844"]);
    edge.has(4, SOON).await;
    connector.signal(Signal::STOP);
    tokio::time::sleep(OUTAGE).await;
    let before = edge.registrations();
    connector.signal(Signal::CONT);
    let took = edge.is_back(before, SOON).await;
    assert!(took <= BACK, "{took:?}");
    connector.line("stood still").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_silence_costs_no_connection() {
    if let Some(reason) = netns::absent() {
        return skip("a_short_silence_costs_no_connection", reason);
    }
    let scene = Scene::build();
    let edge = scene.edge(1, Transports::Both);
    let _connector = scene.connector(&[&edge], &["--edge", "198.18.0.1:7844"]);
    edge.has(4, SOON).await;
    let before = edge.registrations();
    let at = edge.edge.live().remove(0);
    edge.host.ip("link set wan down");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    edge.host.ip("link set wan up");
    let back = Instant::now();
    assert_eq!(at.get("shop.example", "/").await.status, 200);
    assert!(back.elapsed() <= BACK, "{:?}", back.elapsed());
    assert_eq!(edge.registrations(), before);
}
