//! What must hold through every edge and every connector: requests from a public listener to an [`Origin`] and back.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{AnswerBody, get, send},
    origin::{Origin, pattern},
    wait::{wait_for, wait_within},
};

/// A public listener and a host name behind which the origin is reached.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// Where public HTTP enters.
    pub listener: SocketAddr,
    /// The host name.
    pub host: &'a str,
}

impl Way<'_> {
    async fn ask(&self, request: http::request::Builder) -> (http::Response<()>, AnswerBody) {
        let request = request.header("host", self.host).body(Empty::<Bytes>::new());
        send(self.listener, request.unwrap()).await.unwrap()
    }

    async fn upload<B>(&self, body: B) -> (Option<u64>, String)
    where
        B: http_body::Body<Data: Send, Error: Into<crate::client::ClientError>> + Send + 'static,
    {
        let request = Request::post("/upload")
            .header("host", self.host)
            .body(body)
            .unwrap();
        let (_, mut answer) = send(self.listener, request).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        (
            told["bytes"].as_u64(),
            told["sha256"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// The origin sees the request as it was, and what the edge says of its client.
pub async fn a_request_arrives_as_it_was(way: Way<'_>) {
    let echo = get(way.listener, way.host, "/a/%2Fb?c=d&e").await.unwrap();
    assert_eq!(echo.status, 200);
    assert_eq!(echo.json()["target"], "/a/%2Fb?c=d&e");
    let headers = echo.json()["headers"].to_string().to_lowercase();
    let host = format!("\"{}\"", way.host);
    for expected in [
        "cf-connecting-ip",
        "\"127.0.0.1\"",
        "x-forwarded-proto",
        "cf-ray",
        "cdn-loop",
        &host,
    ] {
        assert!(headers.contains(expected), "{expected} is missing in {headers}");
    }
    let cookies = get(way.listener, way.host, "/cookies").await.unwrap();
    assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
    let internal = |name: &http::HeaderName| name.as_str().starts_with("cf-cloudflared");
    assert!(
        !cookies.headers.keys().any(internal),
        "an internal header got out"
    );
    assert_eq!(
        get(way.listener, way.host, "/status/418").await.unwrap().status,
        418
    );
    let (head, mut body) = way.ask(Request::head("/bytes/1000")).await;
    assert_eq!(head.headers()["content-length"], "1000");
    assert_eq!(body.count().await.unwrap(), 0);
}

/// Bodies of every size and framing arrive unchanged, both ways.
pub async fn bodies_of_every_kind_arrive_whole(way: Way<'_>) {
    for (path, bytes) in [
        ("/bytes/0", 0),
        ("/bytes/1", 1),
        ("/bytes/33554432", 33_554_432),
        ("/bytes/300000?chunked", 300_000),
    ] {
        let answer = get(way.listener, way.host, path).await.unwrap();
        assert!(answer.body == pattern(bytes), "{path} came back changed");
    }
    let sum = |bytes: usize| (Some(bytes as u64), hex::encode(Sha256::digest(pattern(bytes))));
    for bytes in [0, 1, 20_000_000] {
        assert_eq!(
            way.upload(Full::new(Bytes::from(pattern(bytes)))).await,
            sum(bytes)
        );
    }
    let pieces: Vec<_> = pattern(300_000)
        .chunks(7_000)
        .map(Bytes::copy_from_slice)
        .collect();
    let pieces = pieces
        .into_iter()
        .map(|piece| Ok::<_, std::io::Error>(Frame::data(piece)));
    let chunked = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)));
    assert_eq!(way.upload(chunked).await, sum(300_000), "a chunked body changed");
}

/// An origin that answers without reading a long body is heard, even by a client that sends it all before it listens.
pub async fn an_early_answer_reaches_a_client_that_still_sends(way: Way<'_>) {
    let body = pattern(20_000_000);
    let mut stream = TcpStream::connect(way.listener).await.unwrap();
    let head = format!(
        "POST /early HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        way.host,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.expect("the edge goes on reading");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// What the origin writes reaches the client before the origin is done.
pub async fn an_answer_flows_while_the_origin_still_writes(way: Way<'_>, origin: &Origin) {
    let (_, mut events) = way.ask(Request::get("/events")).await;
    for event in ["first", "second"] {
        wait_for("the origin's listener", async || origin.emit(event) > 0).await;
        let chunk = tokio::time::timeout(Duration::from_secs(5), events.chunk()).await;
        let chunk = chunk.expect("the event was held back").unwrap().unwrap();
        assert!(String::from_utf8_lossy(&chunk).contains(event), "{chunk:?}");
    }
}

/// A client that leaves ends the origin's work.
pub async fn a_client_that_leaves_cancels_the_origins_work(way: Way<'_>, origin: &Origin) {
    let (_, mut events) = way.ask(Request::get("/events")).await;
    wait_for("the origin's listener", async || origin.emit("x") > 0).await;
    events.chunk().await.unwrap();
    assert_eq!(origin.live_requests(), 1);
    drop(events);
    let ended = async || origin.live_requests() == 0;
    wait_within(Duration::from_secs(5), "the origin's request to end", ended).await;
}

/// An answer that the origin cuts short never looks complete.
pub async fn an_origin_that_breaks_off_breaks_the_answer(way: Way<'_>) {
    // Large, so that its head is out long before it breaks off.
    for path in ["/reset/20000000", "/reset/20000000?chunked"] {
        let (head, mut body) = way.ask(Request::get(path)).await;
        assert_eq!(head.status(), 200);
        assert!(body.count().await.is_err(), "{path} looked complete");
    }
    assert_eq!(get(way.listener, way.host, "/hangup").await.unwrap().status, 502);
}

/// WebSocket messages of every size come back, and the close reaches the origin.
pub async fn a_websocket_carries_bytes_both_ways(way: Way<'_>, origin: &Origin) {
    let stream = TcpStream::connect(way.listener).await.unwrap();
    let url = format!("ws://{}/websocket", way.host);
    let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    for size in [1, 125, 60_000, 1_000_000] {
        let sent = Message::binary(pattern(size));
        socket.send(sent.clone()).await.unwrap();
        assert!(
            socket.next().await.unwrap().unwrap() == sent,
            "{size} bytes came back changed"
        );
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    wait_for("the origin's socket to close", async || {
        origin.live_requests() == 0
    })
    .await;
}

/// Nobody listens where the connector looks for the origin.
pub async fn an_origin_that_is_down_is_a_502(way: Way<'_>) {
    let answer = get(way.listener, way.host, "/").await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("bad gateway"), "{}", answer.text());
}

/// A connector that was told to stop takes nothing new and finishes what it has. `stop` tells it.
pub async fn a_connector_that_says_goodbye_finishes_its_requests(
    way: Way<'_>,
    origin: &Origin,
    stop: impl FnOnce(),
) {
    let (_, mut events) = way.ask(Request::get("/events")).await;
    wait_for("the origin's listener", async || origin.emit("before") > 0).await;
    events.chunk().await.unwrap();
    stop();
    wait_for("no more routing", async || {
        get(way.listener, way.host, "/")
            .await
            .is_ok_and(|answer| answer.status.as_u16() == 530)
    })
    .await;
    origin.emit("after");
    let chunk = events.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&chunk).contains("after"), "{chunk:?}");
}
