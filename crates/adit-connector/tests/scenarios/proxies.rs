//! Edges behind a proxy.

use adit_connector::{Connector, ConnectorConfig, ConnectorError, Protocol, ProtocolChoice};
use adit_testing::scripted::{ScriptedEdge, Transports};
use adit_wire::http_connect::{Wanted, decode_proxy_request};
use adit_wire::{Destination, socks};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Running, single};

/// A proxy that wants user `me` and password `se:cret`.
struct Proxy {
    url: String,
    _serving: JoinSet<()>,
}

impl Proxy {
    async fn start(scheme: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://me:se%3Acret@{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                clients.spawn(async move {
                    let to = match scheme {
                        "http" => asked_http(&mut client).await,
                        _ => asked_socks(&mut client).await,
                    };
                    let Destination::Address(to) = to else {
                        panic!("{to:?}")
                    };
                    let mut edge = TcpStream::connect(to).await.unwrap();
                    drop(copy_bidirectional(&mut client, &mut edge).await);
                });
            }
        });
        Self {
            url,
            _serving: serving,
        }
    }
}

/// Reads until `decode` has what it wants.
async fn read<T, E: std::fmt::Debug>(
    client: &mut TcpStream,
    decode: impl Fn(&[u8]) -> Result<Option<(T, usize)>, E>,
) -> T {
    let mut seen = Vec::new();
    loop {
        seen.push(client.read_u8().await.unwrap());
        if let Some((read, _)) = decode(&seen).unwrap() {
            return read;
        }
    }
}

async fn asked_http(client: &mut TcpStream) -> Destination {
    let request = read(client, decode_proxy_request).await;
    let login = request.login.unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("me", "se:cret"));
    client
        .write_all(b"HTTP/1.1 200 Go on\r\nVia: test\r\n\r\n")
        .await
        .unwrap();
    match request.wants {
        Wanted::Destination(to) => to,
        other @ (Wanted::Nowhere | Wanted::AnotherMethod) => panic!("{other:?}"),
    }
}

async fn asked_socks(client: &mut TcpStream) -> Destination {
    assert!(read(client, socks::decode_greeting).await, "it offers a login");
    client.write_all(&socks::CHOOSE_LOGIN).await.unwrap();
    let login = read(client, socks::decode_login).await;
    assert_eq!((login.user.as_str(), login.password.as_str()), ("me", "se:cret"));
    client.write_all(&socks::LOGIN_ACCEPTED).await.unwrap();
    let request = read(client, socks::decode_request).await;
    let reply = socks::encode_reply(socks::Reply::Succeeded, ([127, 0, 0, 1], 1).into());
    client.write_all(&reply).await.unwrap();
    request.destination
}

fn through(edge: &ScriptedEdge, proxy: &str) -> ConnectorConfig {
    ConnectorConfig {
        proxy: Some(proxy.parse().unwrap()),
        ..single(edge, "http_status:204", 2)
    }
}

#[tokio::test]
async fn connectors_register_and_serve_through_http_and_socks_proxies() {
    for scheme in ["http", "socks5"] {
        let edge = ScriptedEdge::on(Transports::Both);
        let proxy = Proxy::start(scheme).await;
        let connector = Running::start(through(&edge, &proxy.url));
        let at = edge.connected(2).await.remove(0);
        assert!(!at.is_quic());
        assert_eq!(at.get("shop.example", "/").await.status, 204);
        connector.status.wait_ready(2).await;
        drop(proxy);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_asked_again_and_never_passed_by() {
    let edge = ScriptedEdge::on(Transports::Both);
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", refusing.local_addr().unwrap());
    let connector = Running::start(through(&edge, &proxy));
    for _ in 0..2 {
        let (mut client, _) = refusing.accept().await.unwrap();
        client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
    }
    assert_eq!(connector.status.ready_connections(), 0);
    assert!(edge.registrations().is_empty());
}

#[tokio::test]
async fn quic_through_a_proxy_is_refused_in_words() {
    let edge = ScriptedEdge::on(Transports::Both);
    let mut config = through(&edge, "http://127.0.0.1:1");
    config.protocol = ProtocolChoice::Only(Protocol::Quic);
    let refused = Connector::new(config).err();
    assert!(
        matches!(refused, Some(ConnectorError::QuicThroughProxy)),
        "{refused:?}"
    );
}
