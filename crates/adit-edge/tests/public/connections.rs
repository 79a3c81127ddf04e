//! How many connections, and how large heads, clients may have.

use std::time::Duration;

use adit_edge::PublicLimits;
use adit_testing::{cloudflared::Protocol, within};
use http::HeaderMap;

use crate::stage::{HOST, Stage};

#[tokio::test]
async fn connections_above_the_limit_wait_for_others_to_end() {
    let limits = PublicLimits {
        max_connections: 2,
        ..PublicLimits::default()
    };
    let stage = Stage::with(Protocol::Quic, limits).await;
    let request = "GET / HTTP/1.1\r\nHost: nobody.adit.localhost\r\n\r\n";
    let mut served = Vec::new();
    for _ in 0..2 {
        let mut raw = stage.raw().await;
        raw.write(request).await;
        assert!(raw.until("\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
        served.push(raw);
    }
    // The system takes it; the edge does not yet.
    let mut waiting = stage.raw().await;
    waiting.write(request).await;
    assert!(waiting.is_silent().await);
    served.pop();
    assert!(waiting.until("\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn heads_above_the_limits_are_a_431_and_the_end() {
    let limits = PublicLimits {
        max_header_bytes: 16 * 1024,
        max_headers: 20,
        ..PublicLimits::default()
    };
    let stage = Stage::with(Protocol::Quic, limits).await;
    let fields: String = (0..21).map(|i| format!("X-{i}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "x".repeat(100_000));
    let name = format!("{}: 1\r\n", "x".repeat(100_000));
    for large in [fields, long, name] {
        let mut raw = stage.raw().await;
        raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{large}\r\n"))
            .await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let mut raw = stage.raw().await;
    raw.write(format!(
        "GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        "x".repeat(100_000)
    ))
    .await;
    let answer = raw.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_let_go() {
    let limits = PublicLimits {
        idle_timeout: Duration::from_millis(300),
        ..PublicLimits::default()
    };
    let mut stage = Stage::with(Protocol::Quic, limits).await;
    let mut raw = stage.raw().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let (_, mut body) = stage.connector.next().await.answer(200, HeaderMap::new()).await;
    // More than all sockets and windows on the way hold, however slowly it goes.
    within("the end of the answer", async {
        while body.write(vec![0; 64 * 1024]).await.is_ok() {}
    })
    .await;
}
