//! The API on a socket, with clients that behave badly.

mod proxies;

use std::time::Duration;

use adit_api::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Api, Fault, Server, TOKEN, tunnels};

const SOON: Duration = Duration::from_secs(10);

struct BadClient {
    api: Api,
    server: Server,
}

impl BadClient {
    async fn of(limits: Limits) -> Self {
        let api = Api::new().await;
        let server = Server::start(api.limited(limits).router, limits).await;
        Self { api, server }
    }

    /// A request for the account's zone.
    fn get_zone(&self, more: &str) -> Vec<u8> {
        bytes_of("GET", &self.api.zone(""), more)
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.server.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.dial().await;
        // The server may answer and close before it read everything.
        let _ = stream.write_all(bytes).await;
        read_to_end(&mut stream).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes")
        .ok();
    String::from_utf8(bytes).unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        let read = timeout(SOON, stream.read(&mut byte))
            .await
            .expect("an answer")
            .unwrap();
        assert_ne!(read, 0, "closed after {text}");
        text.push(char::from(byte[0]));
    }
    text
}

fn bytes_of(method: &str, path: &str, more: &str) -> Vec<u8> {
    format!("{method} /client/v4{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n{more}\r\n")
        .into_bytes()
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let client = BadClient::of(Limits::default()).await;
    let mut stream = client.dial().await;
    for _ in 0..3 {
        stream.write_all(&client.get_zone("")).await.unwrap();
        let answer = read_until(&mut stream, "\"permissions\":[]}}").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn large_heads_are_refused_with_the_envelope_while_they_can_be_read() {
    let client = BadClient::of(Limits::default()).await;
    let large = client
        .exchange(&bytes_of(
            "GET",
            "/zones",
            &format!("connection: close\r\nx: {}\r\n", "y".repeat(100_000)),
        ))
        .await;
    assert!(large.starts_with("HTTP/1.1 431 "), "{large}");
    assert!(large.contains("\"code\":1431"), "{large}");
    let huge = client
        .exchange(&bytes_of(
            "GET",
            "/zones",
            &format!("x: {}\r\n", "y".repeat(2_000_000)),
        ))
        .await;
    assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 431 "), "{huge}");
    let many = client
        .exchange(&bytes_of("GET", "/zones", &"x: y\r\n".repeat(1000)))
        .await;
    assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_learns_that_its_body_is_too_large() {
    let client = BadClient::of(Limits {
        body_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let length = 1_500_000;
    let head = format!(
        "POST /client/v4{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n",
        tunnels("")
    );
    let answer = client
        .exchange(&[head.as_bytes(), &vec![b'x'; length]].concat())
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn garbage_ends_its_connection_only() {
    let client = BadClient::of(Limits::default()).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let answer = client.exchange(garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let answer = client.exchange(&client.get_zone("connection: close\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_slow_head_and_an_idle_connection_are_closed() {
    let client = BadClient::of(Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let mut idle = client.dial().await;
    let mut slow = client.dial().await;
    slow.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.unwrap();
    let mut used = client.dial().await;
    used.write_all(&client.get_zone("")).await.unwrap();
    read_to_end(&mut slow).await;
    read_to_end(&mut idle).await;
    assert!(read_to_end(&mut used).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn connections_above_the_cap_wait_until_one_is_free() {
    let limits = Limits {
        connections: 1,
        head_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let client = BadClient::of(limits).await;
    let _idle = client.dial().await;
    let answer = client.exchange(&client.get_zone("connection: close\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_lets_requests_finish() {
    let client = BadClient::of(Limits::default()).await;
    let mut idle = client.dial().await;
    idle.write_all(&client.get_zone("")).await.unwrap();
    read_until(&mut idle, "\"permissions\":[]}}").await;
    let mut busy = client.dial().await;
    // The body is missing, so the request is open until it comes.
    let open = format!(
        "POST /client/v4{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nexpect: 100-continue\r\n\
         content-length: 15\r\n\r\n",
        tunnels("")
    );
    busy.write_all(open.as_bytes()).await.unwrap();
    read_until(&mut busy, "100 Continue\r\n\r\n").await;

    client.server.stop.cancel();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(!client.server.ended.is_finished());
    busy.write_all(br#"{"name":"shop"}"#).await.unwrap();
    assert!(read_to_end(&mut busy).await.starts_with("HTTP/1.1 200 "));
    timeout(SOON, client.server.ended)
        .await
        .expect("the server ends")
        .unwrap();
    assert!(TcpStream::connect(client.server.address).await.is_err());
}

#[tokio::test]
async fn the_grace_period_ends_requests_that_do_not() {
    let client = BadClient::of(Limits {
        grace_period: Duration::from_millis(20),
        ..Limits::default()
    })
    .await;
    let id = client.api.create_tunnel("blog").await;
    client.api.edges.fail(Fault::Hang);
    let mut stuck = client.dial().await;
    let path = tunnels(&format!("/{id}/connections"));
    stuck.write_all(&bytes_of("DELETE", &path, "")).await.unwrap();
    client.api.edges.are_asked().await;

    client.server.stop.cancel();
    timeout(SOON, client.server.ended)
        .await
        .expect("the server ends")
        .unwrap();
    assert_eq!(read_to_end(&mut stuck).await, "");
}
