//! Public HTTPS with leaves from Adit's own authority.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use adit_net::tls::{TrustAnchors, outgoing_config};
use rustls::pki_types::ServerName;
use support::TestEdge;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// What the edge answers to a request over TLS for that name.
async fn ask(edge: &TestEdge, server_name: &str, host: &str) -> std::io::Result<String> {
    let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
    let connector = TlsConnector::from(Arc::new(outgoing_config(&anchors).unwrap()));
    let stream = TcpStream::connect(edge.edge.addresses().https.unwrap()).await?;
    let name = ServerName::try_from(server_name.to_owned()).unwrap();
    let mut stream = connector.connect(name, stream).await?;
    stream
        .write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_routed_name_and_those_below_the_domain_have_certificates() {
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    edge.change(adit_core::port::Change::Host(
        "blog.example".parse().unwrap(),
        Some(tunnel.key.into()),
    ));
    adit_testing::wait_for("the route", async || {
        ask(&edge, "blog.example", "blog.example")
            .await
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 530"))
    })
    .await;
    for name in ["shop.adit.localhost", "adit.localhost", "other.adit.localhost"] {
        ask(&edge, name, name).await.unwrap();
    }
    let stranger = ask(&edge, "stranger.example", "stranger.example")
        .await
        .unwrap_err();
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
}

#[tokio::test]
async fn a_client_that_breaks_off_its_handshake_leaves_the_listener_alone() {
    let edge = TestEdge::start().await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(edge.edge.addresses().https.unwrap())
            .await
            .unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    }
    assert!(
        ask(&edge, "adit.localhost", "adit.localhost")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 404")
    );
}
