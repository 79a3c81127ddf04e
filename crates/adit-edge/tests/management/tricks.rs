//! Public traffic never reaches a management service: nothing that names it in an odd way gets past the edge without a
//! token, and none of it gets to a connector under the management host's name.

use adit_core::port::Change;
use adit_testing::{cloudflared::Protocol, wait_for};
use adit_wire::management_token::ManagementResource;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stage::{MANAGEMENT, Said, Stage, dial, https, rest, token},
    support::{DOMAIN, HOST, scripted::Scene},
};

/// Spellings of the management host in a Host header or an authority, and of those that stock connectors know by
/// themselves.
const NAMES: [&str; 18] = [
    "management.adit.localhost",
    "management.adit.localhost.",
    "management.adit.localhost:80",
    "management.adit.localhost:8443",
    "management.adit.localhost.:443",
    "MANAGEMENT.adit.localhost",
    "Management.Adit.LocalHost",
    "management.argotunnel.com",
    "management.argotunnel.com:443",
    "MANAGEMENT.ARGOTUNNEL.COM.",
    "management.fed.argotunnel.com",
    "\u{ff4d}anagement.adit.localhost",
    "management\u{3002}adit.localhost",
    "m\u{00ad}anagement.adit.localhost",
    "management%2eadit.localhost",
    "%6danagement.adit.localhost",
    "shop.adit.localhost@management.adit.localhost",
    "management.adit.localhost@shop.adit.localhost",
];

/// A tunnel that everything leads to which may lead anywhere.
async fn greedy(protocol: Protocol) -> Stage {
    let scene = Scene::new(protocol).await;
    for pattern in [
        &format!("*.{DOMAIN}"),
        DOMAIN,
        MANAGEMENT,
        "*.argotunnel.com",
        "*.com",
        "management.argotunnel.com",
        &format!("*.{MANAGEMENT}"),
    ] {
        let key = scene.tunnel.key;
        scene
            .edge
            .change(Change::Host(pattern.parse().unwrap(), Some(key.into())));
    }
    wait_for("the routes", async || {
        let answer = adit_testing::client::get(scene.edge.http(), &format!("x.{MANAGEMENT}"), "/").await;
        answer.unwrap().status == 530
    })
    .await;
    let connector = scene.connector().await;
    Stage { scene, connector }
}

/// Sends bytes in the clear, or over TLS for that name.
async fn send(stage: &Stage, server_name: Option<Option<&str>>, request: &[u8]) -> Said {
    let edge = &stage.scene.edge;
    match server_name {
        None => {
            let mut client = TcpStream::connect(edge.http()).await.unwrap();
            client.write_all(request).await.unwrap();
            let mut said = Vec::new();
            let _ = adit_testing::within("the answer", client.read_to_end(&mut said)).await;
            Said::of(&said)
        }
        Some(server_name) => {
            let mut client = dial(https(edge), &stage.scene.anchors, server_name).await;
            client.write_all(request).await.unwrap();
            rest(&mut client).await
        }
    }
}

/// Requests of every form for a name.
fn forms(name: &str, path: &str) -> Vec<String> {
    let upgrade = "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let close = "Connection: close\r\n";
    vec![
        format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n{upgrade}\r\n"),
        format!("GET http://{name}{path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET https://{name}{path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET http://{name}{path} HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n"),
        format!("GET http://{HOST}{path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET http://{HOST}@{name}{path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nHost: {name}\r\n{close}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nHost: {HOST}\r\n{close}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}, {name}\r\n{close}\r\n"),
        format!("GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n"),
        format!("GET //{name}{path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
        format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n{close}\r\n"),
        format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n"),
        format!("OPTIONS {path} HTTP/1.1\r\nHost: {name}\r\n{close}\r\n"),
    ]
}

/// The next thing that the connector hears is this request, so it has heard nothing before. Its own name is that of the
/// shop.
async fn heard_nothing(stage: &mut Stage) {
    let asking = stage.scene.get();
    let asked = stage.connector.next().await;
    assert_eq!(asked.head.host, HOST, "{:?}", asked.head);
    asked.say(200, "").await;
    let _ = asking.answer().await;
}

#[tokio::test]
async fn no_form_of_the_name_reaches_a_connector_in_the_clear() {
    let mut stage = greedy(Protocol::Quic).await;
    // Even a good token opens nothing there: it has been shown to everybody on the way.
    let path = format!("/logs?access_token={}", stage.token(ManagementResource::Admin));
    for name in NAMES {
        for request in forms(name, &path) {
            let said = send(&stage, None, request.as_bytes()).await;
            assert!(matches!(said.status, 400 | 404 | 405), "{request:?} got {said:?}");
        }
    }
    heard_nothing(&mut stage).await;
}

#[tokio::test]
async fn no_form_of_the_name_reaches_a_connector_without_a_token() {
    let mut stage = greedy(Protocol::Quic).await;
    for server_name in [Some(MANAGEMENT), Some(HOST), None] {
        for name in NAMES {
            for request in forms(name, "/nowhere") {
                let said = send(&stage, Some(server_name), request.as_bytes()).await;
                assert!(
                    matches!(said.status, 400 | 404 | 405 | 421),
                    "{request:?} got {said:?}"
                );
            }
        }
    }
    heard_nothing(&mut stage).await;
}

#[tokio::test]
async fn a_connection_for_another_name_does_not_lead_there_and_the_other_way_round() {
    let mut stage = greedy(Protocol::Http2).await;
    let path = format!("/ping?access_token={}", stage.token(ManagementResource::Admin));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {MANAGEMENT}\r\nConnection: close\r\n\r\n");
    let said = send(&stage, Some(Some(HOST)), request.as_bytes()).await;
    assert_eq!(said.refusal(), (421, Some(1011)));
    heard_nothing(&mut stage).await;

    // The name of the handshake means nothing to a connector, which gets the shop's.
    let edge = https(&stage.scene.edge);
    let mut client = dial(edge, &stage.scene.anchors, Some(MANAGEMENT)).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let asked = stage.connector.next().await;
    assert_eq!(asked.head.host, HOST);
    asked.say(200, "").await;
    assert_eq!(rest(&mut client).await.status, 200);
}

#[tokio::test]
async fn an_http2_authority_is_no_way_around() {
    let mut stage = greedy(Protocol::Quic).await;
    let token = token(
        &stage.scene.edge.keys,
        stage.scene.tunnel.key,
        ManagementResource::Admin,
    );
    let (edge, anchors) = (https(&stage.scene.edge), stage.scene.anchors.clone());
    // The handshake is for the authority's name.
    for (authority, host, statuses) in [
        (HOST, Some(MANAGEMENT), &[400][..]),
        (MANAGEMENT, Some(HOST), &[400]),
        ("x.management.adit.localhost", Some(MANAGEMENT), &[400]),
        (MANAGEMENT, None, &[404]),
        (MANAGEMENT, Some("management.adit.localhost:443"), &[400]),
    ] {
        let mut request = Request::get(format!("https://{authority}/nowhere?access_token={token}"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answered = adit_testing::client::send_http2(edge, &anchors, request).await;
        let status = answered.unwrap().0.status().as_u16();
        assert!(statuses.contains(&status), "{authority} {host:?}: {status}");
    }
    heard_nothing(&mut stage).await;
}

#[tokio::test]
async fn a_name_below_the_management_host_is_an_ordinary_one_and_says_so_to_the_connector() {
    let mut stage = greedy(Protocol::Quic).await;
    let name = format!("x.{MANAGEMENT}");
    let request = format!("GET /ping HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    let mut client = TcpStream::connect(stage.scene.edge.http()).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(stage.connector.next().await.head.host, name);
}
