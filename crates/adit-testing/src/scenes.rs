//! What must hold through every edge and every connector: requests from a public listener to an [`Origin`] and back.

use std::{net::SocketAddr, time::Duration};

use adit_net::tls::TrustAnchors;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{Empty, Full, StreamBody};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::{
    client::{Answer, AnswerBody, ClientError, send, send_http2, websocket_http2},
    origin::{Origin, pattern},
    wait::{wait_for, wait_within},
};

/// A public listener and a host name behind which the origin is reached.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// Where public traffic enters.
    pub listener: SocketAddr,
    /// The host name.
    pub host: &'a str,
    /// Whom clients that speak HTTP/2 over TLS trust; `None` for clients that speak HTTP/1.1 in the clear.
    pub http2: Option<&'a TrustAnchors>,
}

impl<'a> Way<'a> {
    /// HTTP/1.1 in the clear.
    #[must_use]
    pub const fn plain(listener: SocketAddr, host: &'a str) -> Self {
        Self {
            listener,
            host,
            http2: None,
        }
    }

    async fn send<B>(
        &self,
        request: http::request::Builder,
        body: B,
    ) -> Result<(http::Response<()>, AnswerBody), ClientError>
    where
        B: http_body::Body<Data: Send, Error: Into<ClientError>> + Send + Unpin + 'static,
    {
        let mut request = request.body(body)?;
        match self.http2 {
            None => {
                request
                    .headers_mut()
                    .insert(http::header::HOST, self.host.parse()?);
                send(self.listener, request).await
            }
            Some(anchors) => {
                *request.uri_mut() = format!("https://{}{}", self.host, request.uri()).parse()?;
                send_http2(self.listener, anchors, request).await
            }
        }
    }

    async fn ask(&self, request: http::request::Builder) -> (http::Response<()>, AnswerBody) {
        self.send(request, Empty::<Bytes>::new()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        let (head, mut body) = self.ask(Request::get(path)).await;
        Answer {
            status: head.status(),
            headers: head.headers().clone(),
            body: body.read().await.unwrap(),
        }
    }

    async fn upload<B>(&self, body: B) -> (Option<u64>, String)
    where
        B: http_body::Body<Data: Send, Error: Into<ClientError>> + Send + Unpin + 'static,
    {
        let (_, mut answer) = self.send(Request::post("/upload"), body).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        (
            told["bytes"].as_u64(),
            told["sha256"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// The origin sees the request as it was, and what the edge says of its client.
pub async fn a_request_arrives_as_it_was(way: Way<'_>) {
    let echo = way.get("/a/%2Fb?c=d&e").await;
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
    let cookies = way.get("/cookies").await;
    assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
    let internal = |name: &http::HeaderName| name.as_str().starts_with("cf-cloudflared");
    assert!(
        !cookies.headers.keys().any(internal),
        "an internal header got out"
    );
    assert_eq!(way.get("/status/418").await.status, 418);
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
        let answer = way.get(path).await;
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
    let chunked = StreamBody::new(futures_util::stream::iter(pieces));
    assert_eq!(way.upload(chunked).await, sum(300_000), "a chunked body changed");
}

/// Large bodies arrive whole, each way. What they hold is not looked at.
pub async fn large_bodies_arrive_whole(way: Way<'_>, bytes: u64) {
    const PIECE: usize = 64 * 1024;
    let (_, mut body) = way.ask(Request::get(format!("/bytes/{bytes}"))).await;
    assert_eq!(body.count().await.unwrap(), bytes);
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = futures_util::stream::iter(0..bytes / PIECE as u64)
        .map(move |_| Ok::<_, std::io::Error>(Frame::data(piece.clone())));
    let (told, _) = way.upload(StreamBody::new(pieces)).await;
    assert_eq!(told, Some(bytes));
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
    wait_within(Duration::from_secs(1), "the origin's request to end", ended).await;
}

/// An answer that the origin cuts short never looks complete.
pub async fn an_origin_that_breaks_off_breaks_the_answer(way: Way<'_>) {
    // Large, so that its head is out long before it breaks off.
    for path in ["/reset/20000000", "/reset/20000000?chunked"] {
        let (head, mut body) = way.ask(Request::get(path)).await;
        assert_eq!(head.status(), 200);
        assert!(body.count().await.is_err(), "{path} looked complete");
    }
    assert_eq!(way.get("/hangup").await.status, 502);
}

/// WebSocket messages of every size come back, and the close reaches the origin.
pub async fn a_websocket_carries_bytes_both_ways(way: Way<'_>, origin: &Origin) {
    match way.http2 {
        None => {
            let stream = TcpStream::connect(way.listener).await.unwrap();
            let url = format!("ws://{}/websocket", way.host);
            let (socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
            echo(socket).await;
        }
        Some(anchors) => {
            let uri = format!("https://{}/websocket", way.host).parse().unwrap();
            let (stream, _connection) = websocket_http2(way.listener, anchors, uri).await.unwrap();
            echo(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
        }
    }
    wait_for("the origin's socket to close", async || {
        origin.live_requests() == 0
    })
    .await;
}

async fn echo(mut socket: WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>) {
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
}

/// Nobody listens where the connector looks for the origin.
pub async fn an_origin_that_is_down_is_a_502(way: Way<'_>) {
    let answer = way.get("/").await;
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
        way.get("/").await.status.as_u16() == 530
    })
    .await;
    origin.emit("after");
    let chunk = events.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&chunk).contains("after"), "{chunk:?}");
}
