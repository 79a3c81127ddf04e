//! TCP services inside a client's WebSocket: one origin, a bastion, a SOCKS5 server.

use std::net::SocketAddr;

use adit_core::ingress::Ingress;
use adit_net::quic::{RecvStream, SendStream};
use adit_testing::scripted::{EdgeConnection, ScriptedEdge};
use adit_testing::within;
use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Join};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::support::{Running, config, head};

type Client = WebSocketStream<Join<RecvStream, SendStream>>;

struct Scene {
    at: EdgeConnection,
    _edge: ScriptedEdge,
    _connector: Running,
}

impl Scene {
    /// One rule.
    async fn with(service: &str, settings: Value) -> Self {
        let rules = json!({"ingress": [{"service": service, "originRequest": settings}]});
        let ingress = Ingress::from_json(rules.to_string().as_bytes()).unwrap();
        let edge = ScriptedEdge::start();
        let mut config = config(vec![edge.addr().into()], edge.anchors(), ingress);
        config.ha_connections = 1;
        let connector = Running::start(config);
        Self {
            at: edge.connected(1).await.remove(0),
            _edge: edge,
            _connector: connector,
        }
    }

    async fn connect(&self, request: &RequestHead) -> Client {
        let mut exchange = self.at.open(request, b"").await;
        let (answer, _) = exchange.head().await.unwrap();
        assert!(matches!(answer, ConnectAnswer::Accepted(head) if head.status == 101));
        let io = tokio::io::join(exchange.recv, exchange.send);
        let limits = WebSocketConfig::default()
            .max_frame_size(None)
            .max_message_size(None);
        WebSocketStream::from_raw_socket(io, Role::Client, Some(limits)).await
    }
}

fn websocket(headers: &[(&'static str, &str)]) -> RequestHead {
    let mut request = head(Method::GET, headers);
    request.kind = FlowKind::WebSocket;
    request
}

/// A TCP server, and where it listens.
async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    within("the connection", listener.accept()).await.unwrap().0
}

async fn read(tcp: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut got = vec![0; length];
    within("the bytes", tcp.read_exact(&mut got)).await.unwrap();
    got
}

async fn message(client: &mut Client) -> Bytes {
    loop {
        match within("a message", client.next()).await.unwrap().unwrap() {
            Message::Binary(bytes) => return bytes,
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Text(_) | Message::Close(_) | Message::Frame(_)) => panic!("got {other:?}"),
        }
    }
}

/// Bytes pass both ways.
async fn passes(client: &mut Client, tcp: &mut TcpStream) {
    client.send(Message::binary("up")).await.unwrap();
    assert_eq!(read(tcp, 2).await, b"up");
    tcp.write_all(b"down").await.unwrap();
    assert_eq!(message(client).await, "down");
}

#[tokio::test]
async fn a_message_of_any_size_reaches_a_tcp_service_whole() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({})).await;
    let mut client = scene.connect(&websocket(&[])).await;
    let mut tcp = accept(&listener).await;
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let sent = large.clone();
    let (sending, got) = tokio::join!(client.send(Message::binary(sent)), read(&mut tcp, large.len()));
    sending.unwrap();
    assert!(got == large);
    client
        .send(Message::Ping(Bytes::from_static(b"there?")))
        .await
        .unwrap();
    let pong = within("the pong", client.next()).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"there?")));
    passes(&mut client, &mut tcp).await;
}

#[tokio::test]
async fn a_client_that_breaks_the_websocket_protocol_loses_its_flow_alone() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({})).await;
    for garbage in [&[0x82, 1, b'x'][..], &[0xFF; 100], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut exchange = scene.at.open(&websocket(&[]), garbage).await;
        // The reset overtakes what was sent before it.
        drop(exchange.head().await);
        let _tcp = accept(&listener).await;
        while let Ok(Some(_)) = within("the end", exchange.recv.read_chunk(1000)).await {}
    }
    let mut client = scene.connect(&websocket(&[])).await;
    let mut tcp = accept(&listener).await;
    passes(&mut client, &mut tcp).await;
}

#[tokio::test]
async fn a_bastion_goes_where_the_client_says() {
    let (listener, addr) = server().await;
    let scene = Scene::with("bastion", json!({})).await;
    for destination in [addr.to_string(), format!("ssh://{addr}")] {
        let mut client = scene
            .connect(&websocket(&[("cf-access-jump-destination", &destination)]))
            .await;
        let mut tcp = accept(&listener).await;
        passes(&mut client, &mut tcp).await;
    }
    let failure = scene.at.open(&websocket(&[]), b"").await.failure().await;
    assert!(
        failure.starts_with("Did not receive final destination from client."),
        "{failure}"
    );
    let nowhere = websocket(&[("cf-access-jump-destination", "box")]);
    let failure = scene.at.open(&nowhere, b"").await.failure().await;
    assert!(failure.contains("host:port"), "{failure}");
}

#[tokio::test]
async fn bastion_mode_makes_a_bastion_of_a_url() {
    let (listener, addr) = server().await;
    let scene = Scene::with("http://localhost:1", json!({"bastionMode": true})).await;
    let request = websocket(&[("cf-access-jump-destination", &addr.to_string())]);
    let mut client = scene.connect(&request).await;
    let mut tcp = accept(&listener).await;
    passes(&mut client, &mut tcp).await;
}

fn socks_request(to: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(to) = to else {
        panic!("an IPv4 address")
    };
    let mut bytes = vec![5, 1, 0, 1];
    bytes.extend(to.ip().octets());
    bytes.extend(to.port().to_be_bytes());
    bytes
}

/// Greets and asks; what the server replies.
async fn socks(client: &mut Client, request: Vec<u8>) -> u8 {
    client.send(Message::binary(vec![5, 1, 0])).await.unwrap();
    assert_eq!(message(client).await[..], [5, 0]);
    client.send(Message::binary(request)).await.unwrap();
    let reply = message(client).await;
    assert_eq!((reply[0], reply.len()), (5, 10));
    reply[1]
}

#[tokio::test]
async fn a_socks_client_reaches_what_the_rules_allow_and_nothing_else() {
    let (listener, addr) = server().await;
    let (_other, forbidden) = server().await;
    let rules = json!({"ipRules": [
        {"prefix": "127.0.0.0/8", "ports": [addr.port()], "allow": true},
        {"prefix": "0.0.0.0/0", "allow": false},
    ]});
    let scene = Scene::with("socks-proxy", rules).await;
    let mut client = scene.connect(&websocket(&[])).await;
    assert_eq!(socks(&mut client, socks_request(addr)).await, 0);
    let mut tcp = accept(&listener).await;
    passes(&mut client, &mut tcp).await;

    let mut named = vec![5, 1, 0, 3, 9];
    named.extend(b"localhost");
    named.extend(addr.port().to_be_bytes());
    let mut client = scene.connect(&websocket(&[])).await;
    assert_eq!(socks(&mut client, named).await, 0);
    let mut tcp = accept(&listener).await;
    passes(&mut client, &mut tcp).await;

    let mut client = scene.connect(&websocket(&[])).await;
    assert_eq!(socks(&mut client, socks_request(forbidden)).await, 2);
    let mut bind = socks_request(addr);
    bind[1] = 2;
    let mut client = scene.connect(&websocket(&[])).await;
    assert_eq!(socks(&mut client, bind).await, 7);
    drop(listener);
    let mut client = scene.connect(&websocket(&[])).await;
    assert_eq!(socks(&mut client, socks_request(addr)).await, 5, "refused");

    let mut client = scene.connect(&websocket(&[])).await;
    client.send(Message::binary(vec![5, 1, 2])).await.unwrap();
    assert_eq!(message(&mut client).await[..], [5, 0xFF], "nobody logs in");
}

#[tokio::test]
async fn a_tcp_service_behind_socks_gets_every_client() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({"proxyType": "socks"})).await;
    let mut client = scene.connect(&websocket(&[])).await;
    let elsewhere = "192.0.2.1:9".parse().unwrap();
    assert_eq!(socks(&mut client, socks_request(elsewhere)).await, 0);
    let mut tcp = accept(&listener).await;
    passes(&mut client, &mut tcp).await;
}

#[tokio::test]
async fn a_tcp_service_is_told_of_its_client_if_it_wants_to_know() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({"proxyProtocol": "v1"})).await;
    let mut request = websocket(&[("cf-connecting-ip", "192.0.2.9")]);
    request.extras.client = Some("192.0.2.1:4000".parse().unwrap());
    for (request, client) in [
        (request, "192.0.2.1 127.0.0.1 4000"),
        (
            websocket(&[("cf-connecting-ip", "192.0.2.9")]),
            "192.0.2.9 127.0.0.1 0",
        ),
    ] {
        let mut socket = scene.connect(&request).await;
        let mut tcp = accept(&listener).await;
        let line = format!("PROXY TCP4 {client} {}\r\n", addr.port());
        assert_eq!(read(&mut tcp, line.len()).await, line.as_bytes());
        passes(&mut socket, &mut tcp).await;
    }
    let scene = Scene::with(&format!("tcp://{addr}"), json!({"proxyProtocol": "v2"})).await;
    let mut socket = scene.connect(&websocket(&[])).await;
    let mut tcp = accept(&listener).await;
    assert_eq!(read(&mut tcp, 16).await[12..], [0x20, 0, 0, 0]);
    passes(&mut socket, &mut tcp).await;
}

#[tokio::test]
async fn a_close_ends_one_direction_for_a_client_that_asks_for_that() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({})).await;
    let mut exchange = scene.at.open(&websocket(&[("adit-half-close", "1")]), b"").await;
    let (answer, _) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(accepted) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(accepted.headers["adit-half-close"], "1");
    let mut tcp = accept(&listener).await;
    let mut frames = bytes::BytesMut::new();
    adit_wire::websocket::put_client_data(&mut frames, b"question", [1, 2, 3, 4]);
    adit_wire::websocket::put_client_close(&mut frames, [5; 4]);
    exchange.send.write_all(&frames).await.unwrap();
    let mut asked = Vec::new();
    within("the end of the question", tcp.read_to_end(&mut asked))
        .await
        .unwrap();
    assert_eq!(asked, b"question");
    tcp.write_all(b"answer").await.unwrap();
    drop(tcp);
    let mut said = Vec::new();
    within("the answer", exchange.recv.read_to_end(&mut said))
        .await
        .unwrap();
    assert_eq!(said, b"\x82\x06answer\x88\x02\x03\xe8");
}

#[tokio::test]
async fn a_close_ends_both_directions_for_others() {
    let (listener, addr) = server().await;
    let scene = Scene::with(&format!("tcp://{addr}"), json!({})).await;
    let mut exchange = scene.at.open(&websocket(&[]), b"").await;
    let (answer, _) = exchange.head().await.unwrap();
    assert!(matches!(answer, ConnectAnswer::Accepted(head) if !head.headers.contains_key("adit-half-close")));
    let _tcp = accept(&listener).await;
    let mut frames = bytes::BytesMut::new();
    adit_wire::websocket::put_client_close(&mut frames, [5; 4]);
    exchange.send.write_all(&frames).await.unwrap();
    let mut said = Vec::new();
    within("the end", exchange.recv.read_to_end(&mut said))
        .await
        .unwrap();
    assert_eq!(said, b"\x88\x02\x03\xe8");
}
