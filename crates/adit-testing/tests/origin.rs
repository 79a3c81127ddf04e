//! The origin does what its table says, so that a test that fails has the proxy to blame.

use adit_testing::{
    client::{self, ClientError},
    origin::{Origin, pattern},
    wait_for,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::{Empty, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

const HOST: &str = "shop.example";

fn request(path: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

#[tokio::test]
async fn a_request_is_told_back() {
    let origin = Origin::start().await;
    let told = client::get(origin.addr(), HOST, "/a?b=c").await.unwrap().json();
    assert_eq!(told["method"], "GET");
    assert_eq!(told["target"], "/a?b=c");
    assert_eq!(told["headers"], serde_json::json!([["host", HOST]]));
    assert_eq!(told["body_bytes"], 0);
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn an_origin_with_one_thing_to_say_says_it_everywhere() {
    let origin = Origin::saying("hello").await;
    assert_eq!(
        client::get(origin.addr(), HOST, "/bytes/3").await.unwrap().text(),
        "hello"
    );
}

#[tokio::test]
async fn bytes_come_in_the_size_asked_for() {
    let origin = Origin::start().await;
    let answer = client::get(origin.addr(), HOST, "/bytes/200000").await.unwrap();
    assert_eq!(answer.headers["content-length"], "200000");
    assert_eq!(answer.body, pattern(200_000));
    let answer = client::get(origin.addr(), HOST, "/bytes/7?chunked")
        .await
        .unwrap();
    assert_eq!(answer.headers["transfer-encoding"], "chunked");
    assert_eq!(answer.body, pattern(7));
}

#[tokio::test]
async fn an_upload_is_measured_and_hashed() {
    let origin = Origin::start().await;
    let upload = Request::post("/upload")
        .body(Full::new(Bytes::from("abc")))
        .unwrap();
    let (_, mut body) = client::send(origin.addr(), upload).await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&body.read().await.unwrap()).unwrap();
    assert_eq!(told["bytes"], 3);
    assert_eq!(
        told["sha256"],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[tokio::test]
async fn a_body_breaks_off_with_and_without_a_length() {
    let origin = Origin::start().await;
    for path in ["/reset/100", "/reset/100?chunked"] {
        let (head, mut body) = client::send(origin.addr(), request(path)).await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        let end: Result<u64, ClientError> = body.count().await;
        assert!(end.is_err(), "{path} ended well");
    }
    assert!(client::get(origin.addr(), HOST, "/hangup").await.is_err());
}

#[tokio::test]
async fn events_come_when_they_are_emitted() {
    let origin = Origin::start().await;
    let (_, mut body) = client::send(origin.addr(), request("/events")).await.unwrap();
    wait_for("a reader", async || origin.emit("one") == 1).await;
    assert_eq!(body.chunk().await.unwrap().unwrap(), "data: one\n\n");
    assert_eq!(origin.live_requests(), 1);

    drop(body);
    wait_for("the reader to be gone", async || origin.live_requests() == 0).await;

    let answer = client::get(origin.addr(), HOST, "/events?count=2").await.unwrap();
    assert_eq!(answer.text(), "data: 1\n\ndata: 2\n\n");
}

#[tokio::test]
async fn a_held_answer_comes_after_its_release() {
    let origin = Origin::start().await;
    let (answer, ()) = tokio::join!(client::get(origin.addr(), HOST, "/held"), async {
        wait_for("the request", async || origin.live_requests() == 1).await;
        origin.release();
    });
    assert_eq!(answer.unwrap().text(), "released\n");
}

#[tokio::test]
async fn statuses_and_cookies_are_as_asked_for() {
    let origin = Origin::start().await;
    let none = client::get(origin.addr(), HOST, "/status/204").await.unwrap();
    assert_eq!((none.status, none.body.len()), (StatusCode::NO_CONTENT, 0));
    let cookies = client::get(origin.addr(), HOST, "/cookies").await.unwrap();
    assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(
        client::get(origin.addr(), HOST, "/drip/3").await.unwrap().text(),
        "..."
    );
}

#[tokio::test]
async fn messages_are_echoed() {
    let origin = Origin::start().await;
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://shop.example/websocket", stream)
        .await
        .unwrap();
    for message in [Message::text("hello"), Message::binary(pattern(70_000))] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(message) = socket.next().await {
        assert!(message.unwrap().is_close());
    }
}

#[tokio::test]
async fn an_upgraded_connection_echoes_bytes() {
    let origin = Origin::start().await;
    let mut stream = TcpStream::connect(origin.addr()).await.unwrap();
    let head = "GET /websocket/raw HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");

    stream.write_all(b"no frame").await.unwrap();
    let mut echoed = [0; 8];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"no frame");
}
