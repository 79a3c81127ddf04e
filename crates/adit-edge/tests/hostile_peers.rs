//! Bad input on every listener: a clear answer, nothing lost, and the edge goes on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_edge::PublicLimits;
use adit_net::{
    quic::{CloseCause, QuicConnection, QuicDialer},
    tls::{QUIC_SERVER_NAME, TrustAnchors, connector_config},
};
use adit_testing::{client::get, process::Usage, wait_for};
use rand::RngExt;
use support::TestEdge;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

const SHORT_IDLE: Duration = Duration::from_millis(300);

/// What a client on a raw socket gets until the edge closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn still_serves(edge: &TestEdge) {
    let answer = get(edge.http(), "nobody.example", "/").await.unwrap();
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("no tunnel serves this host name"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_431() {
    let edge = TestEdge::start().await;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(
        exchange(edge.http(), head.as_bytes())
            .await
            .starts_with("HTTP/1.1 431 ")
    );
    let fields = (0..300).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    let head = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
    assert!(
        exchange(edge.http(), head.as_bytes())
            .await
            .starts_with("HTTP/1.1 431 ")
    );
    still_serves(&edge).await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_let_go() {
    let limits = PublicLimits {
        idle_timeout: SHORT_IDLE,
        ..PublicLimits::default()
    };
    let edge = TestEdge::start_with(limits).await;
    exchange(edge.http(), b"GET / HTTP/1.1\r\nHost: a.exam").await;
    still_serves(&edge).await;
}

#[tokio::test]
async fn requests_that_two_servers_could_read_in_two_ways_are_refused() {
    let edge = TestEdge::start().await;
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n folded\r\n\r\n",
        "GET  /  HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
    ] {
        let bytes = format!("{head}GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let answer =
            tokio::time::timeout(Duration::from_secs(5), exchange(edge.http(), bytes.as_bytes())).await;
        let answer = answer.unwrap_or_else(|_| panic!("no end after {head:?}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?} got {answer:?}");
    }
    let connect = exchange(
        edge.http(),
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(connect.starts_with("HTTP/1.1 405 "), "{connect}");
    still_serves(&edge).await;
}

#[tokio::test]
async fn reserved_host_names_never_reach_a_tunnel() {
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    edge.change(adit_core::port::Change::Host(
        "*.adit.localhost".parse().unwrap(),
        Some(tunnel.key.into()),
    ));
    wait_for("the wildcard", async || {
        get(edge.http(), "other.adit.localhost", "/")
            .await
            .unwrap()
            .status
            .as_u16()
            == 530
    })
    .await;
    for host in [
        "management.adit.localhost",
        "API.adit.localhost:8080",
        "management.adit.localhost.",
    ] {
        assert_eq!(get(edge.http(), host, "/").await.unwrap().status, 404, "{host}");
    }
    let absolute = b"GET http://management.adit.localhost/ping HTTP/1.1\r\nHost: management.adit.localhost\r\nConnection: close\r\n\r\n";
    assert!(exchange(edge.http(), absolute).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn garbage_on_the_connectors_port_leaves_no_trace() {
    let edge = TestEdge::start().await;
    let port = edge.edge.addresses().connectors;
    for _ in 0..20 {
        let mut garbage = vec![0; 2000];
        rand::rng().fill(&mut garbage[..]);
        exchange(port, &garbage).await;
        exchange(port, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    }
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for size in [1, 20, 1200, 1400] {
        let mut garbage = vec![0; size];
        for _ in 0..200 {
            rand::rng().fill(&mut garbage[..]);
            udp.send_to(&garbage, port).await.unwrap();
        }
    }
    still_serves(&edge).await;
    assert!(edge.store.events.lock().is_empty());
    dial(&edge).await;
}

#[tokio::test]
async fn an_edge_that_is_short_of_memory_takes_nothing_new() {
    let edge = TestEdge::start_as(|config| config.memory_budget = 1 << 20).await;
    wait_for("the edge to look at its memory", async || {
        get(edge.http(), "nobody.example", "/").await.is_err()
    })
    .await;
    let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
    let dialer = QuicDialer::new(connector_config(&anchors).unwrap(), None).unwrap();
    let connectors = edge.edge.addresses().connectors;
    let refused = dialer
        .dial(connectors, QUIC_SERVER_NAME, Duration::from_secs(5))
        .await;
    assert!(refused.is_err(), "a connector was taken");
}

async fn dial(edge: &TestEdge) -> QuicConnection {
    let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
    let dialer = QuicDialer::new(connector_config(&anchors).unwrap(), None).unwrap();
    let deadline = Duration::from_secs(5);
    dialer
        .dial(edge.edge.addresses().connectors, QUIC_SERVER_NAME, deadline)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_control_streams_costs_the_connection_and_no_memory() {
    let edge = TestEdge::start().await;
    let before = Usage::of(std::process::id()).unwrap();
    for round in 0..64_usize {
        let connection = dial(&edge).await;
        let (mut send, _receive) = connection.open_stream().await.unwrap();
        let mut garbage = vec![0_u8; 64 * 1024];
        match round % 3 {
            0 => rand::rng().fill(&mut garbage[..]),
            // A table that promises more than anybody may send.
            1 => garbage[..8].copy_from_slice(&[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x0F]),
            _ => garbage[..8].copy_from_slice(&[0xFF, 1, 0, 0, 1, 0, 0, 0]),
        }
        let _ = send.write_all(&garbage).await;
        send.finish();
        let closed = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await;
        let closed = closed.unwrap();
        assert!(
            matches!(closed, CloseCause::Peer { code: 0, .. }),
            "round {round}: {closed:?}"
        );
    }
    let after = Usage::of(std::process::id()).unwrap();
    let grown = after.rss_anon_bytes.saturating_sub(before.rss_anon_bytes);
    assert!(grown < 64 << 20, "64 hostile control streams cost {grown} bytes");
    still_serves(&edge).await;
}

#[tokio::test]
async fn a_dialler_that_says_nothing_is_let_go() {
    let edge = TestEdge::start().await;
    let connection = Arc::new(dial(&edge).await);
    let closed = tokio::time::timeout(Duration::from_secs(15), connection.closed()).await;
    let closed = closed.unwrap();
    assert!(matches!(closed, CloseCause::Peer { code: 0, .. }), "{closed:?}");
}
