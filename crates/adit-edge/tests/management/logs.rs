//! The stream of log lines: a WebSocket that the edge carries and does not read.

use adit_testing::{cloudflared::Protocol, wait_for, within};
use adit_wire::management_token::ManagementResource;
use http::{HeaderMap, HeaderValue, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::client::TlsStream;

use crate::{
    stage::{MANAGEMENT, Stage, dial, https},
    support::{
        DASHBOARD,
        scripted::{Scene, on_both_transports},
    },
};

on_both_transports!(
    log_lines_flow_over_http1_and_http2,
    a_viewer_that_never_reads_holds_the_connector_back,
);

fn handshake(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {MANAGEMENT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

fn accepted() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

type Viewer = TlsStream<tokio::net::TcpStream>;

/// A viewer that has asked, and reads nothing yet.
async fn viewer(stage: &Stage, more: &str) -> Viewer {
    let (edge, anchors) = (https(&stage.scene.edge), &stage.scene.anchors);
    let mut viewer = dial(edge, anchors, Some(MANAGEMENT)).await;
    let target = format!("/logs?access_token={}", stage.token(ManagementResource::Logs));
    viewer
        .write_all(handshake(&target, more).as_bytes())
        .await
        .unwrap();
    viewer
}

async fn head(viewer: &mut Viewer) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the answer", viewer.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn log_lines_flow_over_http1_and_http2(scene: Scene) {
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    let mut viewer = viewer(&stage, &format!("Origin: {DASHBOARD}\r\n")).await;
    stage.is_recognised().await;
    let asked = stage.connector.next().await;
    assert_eq!(asked.head.host, MANAGEMENT);
    assert_eq!(asked.head.headers["sec-websocket-version"], "13");
    assert!(!asked.head.headers.contains_key("origin"));
    let (mut told, mut lines) = asked.answer(101, accepted()).await;
    let head = head(&mut viewer).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("sec-websocket-accept: s3pp"),
        "{head}"
    );
    viewer.write_all(b"start").await.unwrap();
    assert_eq!(
        within("what it said", told.chunk()).await.unwrap().unwrap(),
        "start"
    );
    lines.write("line").await.unwrap();
    let mut line = [0; 4];
    within("a line", viewer.read_exact(&mut line)).await.unwrap();
    assert_eq!(&line, b"line");
    drop(viewer);

    let token = stage.token(ManagementResource::Logs);
    let uri = format!("https://{MANAGEMENT}/logs?access_token={token}")
        .parse()
        .unwrap();
    let (edge, anchors) = (https(&stage.scene.edge), stage.scene.anchors.clone());
    let playing = async {
        // What this client sends first, to see the listener's settings, is a request like any other.
        stage.connector.next().await.say(426, "").await;
        stage.connector.next().await.answer(101, accepted()).await
    };
    let opening = within(
        "the WebSocket",
        adit_testing::client::websocket_http2(edge, &anchors, uri),
    );
    let (opened, (_told, mut lines)) = tokio::join!(opening, playing);
    let (mut viewer, _carrying) = opened.unwrap();
    lines.write("line").await.unwrap();
    within("a line", viewer.read_exact(&mut line)).await.unwrap();
    assert_eq!(&line, b"line");
}

async fn a_viewer_that_never_reads_holds_the_connector_back(scene: Scene) {
    const MOST: usize = 64 * 1024 * 1024;
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    let mut viewer = viewer(&stage, "").await;
    stage.is_recognised().await;
    let (_told, mut lines) = stage.connector.next().await.answer(101, accepted()).await;
    head(&mut viewer).await;
    let mut written = 0;
    let moment = std::time::Duration::from_millis(500);
    while let Ok(sent) = tokio::time::timeout(moment, lines.write(vec![b'x'; 64 * 1024])).await {
        sent.unwrap();
        written += 64 * 1024;
        assert!(written < MOST, "the edge takes what nobody reads");
    }
    // Others are served meanwhile, over the same connection.
    let asking = stage.get("/ping", ManagementResource::Logs);
    stage.connector.next().await.say(200, "").await;
    assert_eq!(asking.said().await.status, 200);
}

#[tokio::test]
async fn a_page_from_elsewhere_opens_no_stream() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut viewer = viewer(&stage, "Origin: https://evil.example\r\n").await;
    let head = head(&mut viewer).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

#[tokio::test]
async fn other_paths_have_no_stream() {
    let stage = Stage::new(Protocol::Quic).await;
    let target = format!("/ping?access_token={}", stage.token(ManagementResource::Logs));
    let mut viewer = dial(https(&stage.scene.edge), &stage.scene.anchors, Some(MANAGEMENT)).await;
    viewer.write_all(handshake(&target, "").as_bytes()).await.unwrap();
    let head = head(&mut viewer).await;
    assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
}

#[tokio::test]
async fn a_viewer_that_leaves_ends_the_connectors_stream() {
    let mut stage = Stage::new(Protocol::Quic).await;
    let mut viewer = viewer(&stage, "").await;
    stage.is_recognised().await;
    let (_told, mut lines) = stage.connector.next().await.answer(101, accepted()).await;
    head(&mut viewer).await;
    drop(viewer);
    wait_for("the end of the stream", async || {
        let wrote = lines.write("line").await;
        wrote.is_err()
    })
    .await;
}
