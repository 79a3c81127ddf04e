//! WebSockets through a connector.

use adit_testing::scripted::{ScriptedOrigin, full};
use adit_testing::within;
use adit_wire::{ConnectAnswer, FlowKind};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::support::{Tunnel, head};

#[tokio::test]
async fn a_websocket_passes_as_bytes_in_both_directions() {
    let origin = ScriptedOrigin::start(async |mut request: Request<Incoming>| {
        assert_eq!(request.headers()["upgrade"], "websocket");
        let upgrading = hyper::upgrade::on(&mut request);
        #[expect(
            clippy::disallowed_methods,
            reason = "the origin of this test ends with its runtime"
        )]
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgrading.await.unwrap());
            let (mut read, mut write) = tokio::io::split(&mut io);
            drop(tokio::io::copy(&mut read, &mut write).await);
        });
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
            .headers_mut()
            .insert("connection", HeaderValue::from_static("Upgrade"));
        response
            .headers_mut()
            .insert("upgrade", HeaderValue::from_static("websocket"));
        response
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    let mut exchange = tunnel.at.open(&request, b"early ").await;
    let (answer, first) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(head) = answer else {
        panic!("refused: {answer:?}")
    };
    assert_eq!(
        (head.status, &head.headers["upgrade"]),
        (StatusCode::SWITCHING_PROTOCOLS, &"websocket".parse().unwrap())
    );
    exchange
        .send
        .write_chunk(Bytes::from_static(b"frames"))
        .await
        .unwrap();
    let mut got = first.to_vec();
    while got.len() < 12 {
        got.extend_from_slice(
            &within("the echo", exchange.recv.read_chunk(100))
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(got, b"early frames");
    exchange.send.finish();
    assert_eq!(within("the end", exchange.recv.read_chunk(100)).await, Ok(None));
}

#[tokio::test]
async fn an_origin_that_refuses_the_upgrade_is_passed_on_as_it_answers() {
    let origin = ScriptedOrigin::start(async |_| {
        let mut response = Response::new(full("no"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "x")]);
    request.kind = FlowKind::WebSocket;
    let answer = tunnel.at.open(&request, b"").await.answer().await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::FORBIDDEN, &b"no"[..])
    );
}

#[tokio::test]
async fn the_built_in_site_echoes_over_a_websocket() {
    let tunnel = Tunnel::to("hello_world").await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    request.dest = "http://h/ws".to_owned();
    let mut exchange = tunnel.at.open(&request, b"").await;
    let (answer, _) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(head) = answer else {
        panic!("refused: {answer:?}")
    };
    assert_eq!(
        head.headers["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let io = tokio::io::join(exchange.recv, exchange.send);
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        within("the echo", socket.next()).await.unwrap().unwrap(),
        Message::text("hello")
    );
}

#[tokio::test]
async fn a_tcp_service_speaks_with_a_websocket_client() {
    let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = Tunnel::to(&format!("tcp://{}", origin.local_addr().unwrap())).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    let mut exchange = tunnel.at.open(&request, b"").await;
    let (mut tcp, _) = within("the connection", origin.accept()).await.unwrap();
    let (answer, _) = exchange.head().await.unwrap();
    assert!(
        matches!(answer, ConnectAnswer::Accepted(head) if head.status == StatusCode::SWITCHING_PROTOCOLS)
    );
    let io = tokio::io::join(exchange.recv, exchange.send);
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    socket.send(Message::binary("ping")).await.unwrap();
    let mut got = [0; 4];
    within(
        "the bytes",
        tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut got),
    )
    .await
    .unwrap();
    assert_eq!(&got, b"ping");
    tokio::io::AsyncWriteExt::write_all(&mut tcp, b"pong")
        .await
        .unwrap();
    assert_eq!(
        within("the frame", socket.next()).await.unwrap().unwrap(),
        Message::binary("pong")
    );
    drop(tcp);
    assert!(matches!(
        within("the close", socket.next()).await,
        Some(Ok(Message::Close(_)))
    ));
}
