//! Public clients that speak HTTP/2: what they get, and what they do not get away with.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{sync::Arc, time::Duration};

use adit_edge::PublicLimits;
use adit_net::tls::{TrustAnchors, outgoing_config};
use adit_testing::within;
use bytes::Bytes;
use h2::{
    Reason,
    client::{Connection, SendRequest},
};
use http::{Request, Response};
use rustls::pki_types::ServerName;
use support::TestEdge;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{TlsConnector, client::TlsStream};

type Client = (SendRequest<Bytes>, Connection<TlsStream<TcpStream>>);

/// A client that has shaken hands for the edge's domain.
async fn client(edge: &TestEdge, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
    let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
    let mut config = outgoing_config(&anchors).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(edge.edge.addresses().https.unwrap())
        .await
        .unwrap();
    let name = ServerName::try_from(support::DOMAIN).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

async fn http2(edge: &TestEdge) -> Client {
    h2::client::handshake(client(edge, &[b"h2"]).await).await.unwrap()
}

async fn ask(edge: &TestEdge, request: Request<()>) -> Response<h2::RecvStream> {
    let (mut sender, connection) = http2(edge).await;
    let mut driving = JoinSet::new();
    driving.spawn(async move { drop(connection.await) });
    let (answer, _) = sender.send_request(request, true).unwrap();
    within("the answer", answer).await.unwrap()
}

fn get() -> http::request::Builder {
    Request::get("https://nobody.adit.localhost/")
}

async fn still_serves(edge: &TestEdge) {
    assert_eq!(ask(edge, get().body(()).unwrap()).await.status(), 404);
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let edge = TestEdge::start().await;
    for (offered, chosen) in [
        (&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = client(&edge, offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_431() {
    let edge = TestEdge::start().await;
    let fields = (0..300).fold(get(), |get, i| get.header(format!("x-{i}"), "1"));
    assert_eq!(ask(&edge, fields.body(()).unwrap()).await.status(), 431);
    let large = get().header("x", "x".repeat(100_000));
    assert_eq!(ask(&edge, large.body(()).unwrap()).await.status(), 431);
    still_serves(&edge).await;
}

#[tokio::test]
async fn a_request_for_two_hosts_is_refused_and_so_is_connect() {
    let edge = TestEdge::start().await;
    let two = get().header("host", "other.example").body(()).unwrap();
    assert_eq!(ask(&edge, two).await.status(), 400);
    let connect = Request::connect("nobody.adit.localhost:443").body(()).unwrap();
    assert_eq!(ask(&edge, connect).await.status(), 405);
    still_serves(&edge).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let limits = PublicLimits {
        idle_timeout: Duration::from_millis(300),
        ..PublicLimits::default()
    };
    let edge = TestEdge::start_with(limits).await;
    let (mut sender, connection) = http2(&edge).await;
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let (answer, _) = sender.send_request(get().body(()).unwrap(), true).unwrap();
    within("the answer", answer).await.unwrap();
    let ended = within("the end", driving.join_next()).await.unwrap().unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_client_that_opens_and_resets_without_end_loses_its_connection() {
    let edge = TestEdge::start().await;
    let (sender, connection) = http2(&edge).await;
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let resets = async {
        for _ in 0..100_000 {
            let Ok(mut ready) = sender.clone().ready().await else {
                return;
            };
            let Ok((_, mut body)) = ready.send_request(get().body(()).unwrap(), false) else {
                return;
            };
            body.send_reset(Reason::CANCEL);
            tokio::task::yield_now().await;
        }
    };
    within("the end of the flood", resets).await;
    let ended = within("the end", driving.join_next()).await.unwrap().unwrap();
    // It is told ENHANCE_YOUR_CALM, which its own flood may keep it from reading.
    assert!(ended.is_err(), "the flood was taken");
    still_serves(&edge).await;
}
