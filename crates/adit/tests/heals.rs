//! SIGKILL for each process in turn: the rest heals without help.
#![expect(clippy::print_stdout, reason = "a test tells what it measured")]

mod support;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use adit_testing::{
    cloudflared::{self, Protocol},
    long_only,
    origin::Origin,
    skip, wait_within,
};
use support::{Connector, Server, median};

const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_connector_leaves_a_530_and_its_successor_serves() {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let mut connector = server.connect(&tunnel, &origin.url()).await;
    assert_eq!(server.get(&tunnel.host, "/").await.text(), "hello");

    connector.process.kill().await;
    server.answers(&tunnel.host, 530, Duration::from_secs(6)).await;

    let successor = Connector::start(&server, &tunnel.token, &origin.url()).await;
    wait_within(Duration::from_secs(10), "a registered connection", async || {
        successor.ready().await["readyConnections"].as_u64() > Some(0)
    })
    .await;
    server.answers(&tunnel.host, 200, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_move_to_the_other_replica_when_one_dies() {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let mut first = server.connect(&tunnel, &origin.url()).await;
    let _second = Connector::start(&server, &tunnel.token, &origin.url()).await;
    server.connected(&tunnel, 8).await;

    first.process.kill().await;
    // Until the edge notices, half of these go to the dead one first.
    let requests = (0..32).map(|_| server.get(&tunnel.host, "/"));
    let answers = futures_util::future::join_all(requests).await;
    assert!(
        answers.iter().all(|answer| answer.text() == "hello"),
        "a request was lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn our_connector_is_back_within_two_seconds_of_a_killed_server() {
    heals_after([0, 500, 1000, 1500, 2000].map(Duration::from_millis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_connector_is_back_within_two_seconds_of_a_minutes_outage() {
    if long_only("our_connector_is_back_within_two_seconds_of_a_minutes_outage") {
        heals_after([10, 60].map(Duration::from_secs)).await;
    }
}

/// Kills the server once for each outage; each time the first answer comes within two seconds of its return.
async fn heals_after<const KILLED: usize>(outages: [Duration; KILLED]) {
    let mut server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let _connector = server.connect(&tunnel, &origin.url()).await;
    let mut firsts = Vec::new();
    for outage in outages {
        server.kill_and_return_after(outage).await;
        let returned = Instant::now();
        let first = server.answers(&tunnel.host, 200, Duration::from_secs(10)).await;
        server.connected(&tunnel, 4).await;
        let all = returned.elapsed();
        println!("away {outage:?}: first answer after {first:?}, four connections after {all:?}");
        firsts.push(first);
    }
    let in_time = |first: &Duration| *first <= Duration::from_secs(2);
    assert!(firsts.iter().all(in_time), "first answers took {firsts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_connectors_come_back_to_a_killed_server() {
    let name = "stock_connectors_come_back_to_a_killed_server";
    if !long_only(name) {
        return;
    }
    let Some(binary) = cloudflared::binary() else {
        return skip(name, cloudflared::ABSENT);
    };
    for (protocol, limit) in [
        (Protocol::Quic, Duration::from_secs(3)),
        (Protocol::Http2, Duration::from_secs(20)),
    ] {
        // Each kill with a connector of its own: it waits longer and longer after failures in a row.
        let kills = (0..KILLS).map(|_| kill_behind_stock(&binary, protocol));
        let (first, all): (Vec<_>, Vec<_>) = futures_util::future::join_all(kills).await.into_iter().unzip();
        println!("{protocol}: first answers after {first:?}, four connections after {all:?}");
        assert!(
            median(first.clone()) <= limit,
            "{protocol}: first answers took {first:?}"
        );
        assert!(
            median(all.clone()) <= Duration::from_secs(40),
            "{protocol}: four connections took {all:?}"
        );
    }
}

/// How long after the server's return a request is answered, and all four connections are there.
async fn kill_behind_stock(binary: &Path, protocol: Protocol) -> (Duration, Duration) {
    let mut server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let _connector = server
        .connect_stock(binary, protocol, &tunnel, &origin.url())
        .await;
    server.kill_and_return_after(Duration::from_secs(1)).await;
    let returned = Instant::now();
    let first = server.answers(&tunnel.host, 200, Duration::from_secs(60)).await;
    server.connected(&tunnel, 4).await;
    (first, returned.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_stock_connector_leaves_a_530_and_its_successor_serves() {
    let name = "a_killed_stock_connector_leaves_a_530_and_its_successor_serves";
    let Some(binary) = cloudflared::binary() else {
        return skip(name, cloudflared::ABSENT);
    };
    for protocol in Protocol::ALL {
        let server = Server::start().await;
        let tunnel = server.tunnel("shop").await;
        let origin = Origin::saying("hello").await;
        let mut connector = server
            .connect_stock(&binary, protocol, &tunnel, &origin.url())
            .await;
        connector.process.kill().await;
        let gone = server.answers(&tunnel.host, 530, Duration::from_secs(6)).await;
        println!("{protocol}: 530 after {gone:?}");
        let successor = server
            .connect_stock(&binary, protocol, &tunnel, &origin.url())
            .await;
        server.answers(&tunnel.host, 200, Duration::from_secs(1)).await;
        drop(successor);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_acknowledged_survives_a_killed_server() {
    let mut server = Server::start().await;
    let mut names = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let tunnel = server.tunnel(&format!("t{round}-{number}")).await;
            names.push(tunnel.id);
        }
        server.kill_and_return_after(Duration::ZERO).await;
        let listed = server.api("GET", "/cfd_tunnel", serde_json::json!({})).await;
        let listed: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|tunnel| tunnel["id"].as_str().unwrap())
            .collect();
        assert!(
            names.iter().all(|id| listed.contains(&id.as_str())),
            "a tunnel is gone"
        );
    }
}
