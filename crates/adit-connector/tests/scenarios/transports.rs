//! HTTP/2 beside QUIC: the same life on both, the fall-back, and the way back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_connector::{ConnectorConfig, ConnectorError, EdgeAddress, Protocol, ProtocolChoice};
use adit_core::ingress::Ingress;
use adit_testing::scripted::{ScriptedEdge, ScriptedOrigin, Transports, full};
use adit_testing::{wait_for, wait_within, within};
use adit_wire::http2::{
    RESPONSE_META, TCP_SOURCE_HEADER, UPGRADE_CONFIGURATION, UPGRADE_CONTROL, UPGRADE_HEADER,
};
use adit_wire::registration::RegistrationRefusal;
use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::support::{Running, both, config, single};

const HTTP2: ProtocolChoice = ProtocolChoice::Only(Protocol::Http2);

/// For one edge over HTTP/2, with one service behind everything.
fn over_http2(edge: &ScriptedEdge, service: &str, connections: u8) -> ConnectorConfig {
    ConnectorConfig {
        protocol: HTTP2,
        ..single(edge, service, connections)
    }
}

#[tokio::test]
async fn four_connections_register_and_serve_over_http2() {
    let edge = ScriptedEdge::on(Transports::Http2);
    let connector = Running::start(over_http2(&edge, "http_status:204", 4));
    let connections = edge.connected(4).await;
    let mut indexes: Vec<u8> = connections.iter().map(|at| at.request().index.0).collect();
    assert_eq!(indexes[0], 0, "index 0 comes first, alone");
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2, 3]);
    for at in &connections {
        assert_eq!(at.get("shop.example", "/").await.status, 204);
    }
    wait_for("readiness", async || connector.status.ready_connections() == 4).await;
    let live = connector.status.connections();
    assert!(live.values().all(|live| live.protocol == Protocol::Http2));
    wait_for("the configuration", async || {
        connections[0].local_configuration().is_some()
    })
    .await;
}

#[tokio::test]
async fn user_headers_and_bodies_pass_over_http2() {
    let origin = ScriptedOrigin::start(|request| async move {
        let mut answer = Response::new(full(Bytes::from(format!(
            "{} {}",
            request.method(),
            request.headers()["host"].to_str().unwrap()
        ))));
        answer.headers_mut().append("set-cookie", "a=1".parse().unwrap());
        answer.headers_mut().append("set-cookie", "b=2".parse().unwrap());
        answer.headers_mut().insert("cf-int-hidden", "1".parse().unwrap());
        answer
    })
    .await;
    let edge = ScriptedEdge::on(Transports::Http2);
    let _connector = Running::start(over_http2(&edge, &origin.url(), 1));
    let at = edge.connected(1).await.remove(0);
    let answer = at.get("shop.example", "/cart").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.starts_with(b"GET "));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(!answer.headers.contains_key("cf-int-hidden"));
}

#[tokio::test]
async fn what_an_http2_edge_sends_wrong_is_refused_and_harms_no_other_stream() {
    let edge = ScriptedEdge::on(Transports::Http2);
    let _connector = Running::start(over_http2(&edge, "http_status:204", 1));
    let at = edge.connected(1).await.remove(0);
    let asked = |header: &str, value: &str| {
        let request = Request::put("https://shop.example/").header(header, value);
        request.body(()).unwrap()
    };
    // A configuration for a connector that takes none, and a flow into a private network.
    for (header, value) in [
        (UPGRADE_HEADER, UPGRADE_CONFIGURATION),
        (TCP_SOURCE_HEADER, "flow"),
    ] {
        let (head, ..) = at.ask_http2(asked(header, value), true).await;
        assert_eq!(head.status, StatusCode::BAD_GATEWAY);
        assert_eq!(head.headers[RESPONSE_META], r#"{"src":"cloudflared"}"#);
    }
    // A second control stream is reset.
    let opened = at
        .http2()
        .open(asked(UPGRADE_HEADER, UPGRADE_CONTROL), true)
        .await;
    let (response, _body) = opened.unwrap();
    assert!(within("the reset", response).await.is_err());
    assert_eq!(at.get("shop.example", "/").await.status, 204);
    assert_eq!(edge.registrations().len(), 1);
}

#[tokio::test]
async fn a_permanent_refusal_stops_the_connector_over_http2_too() {
    let refusal = RegistrationRefusal {
        cause: "Unauthorized: Tunnel not found".to_owned(),
        retry_after: Duration::ZERO,
        should_retry: true,
    };
    let script = Arc::new(move |_: &_| Err(refusal.clone()));
    let edge = ScriptedEdge::listening(([127, 0, 0, 1], 0).into(), Transports::Http2, script);
    let mut connector = Running::start(over_http2(&edge, "http_status:204", 4));
    let ended = connector.ended().await;
    assert!(matches!(&ended, Err(ConnectorError::Refused(text)) if text.contains("not found")));
}

#[tokio::test]
async fn a_duplicate_over_http2_goes_to_another_edge() {
    let refusal = RegistrationRefusal {
        cause: "EDUPCONN".to_owned(),
        retry_after: Duration::ZERO,
        should_retry: true,
    };
    let script = Arc::new(move |_: &_| Err(refusal.clone()));
    let full = ScriptedEdge::listening(([127, 0, 0, 1], 0).into(), Transports::Http2, script);
    let free = ScriptedEdge::on(Transports::Http2);
    let edges: Vec<EdgeAddress> = vec![full.addr().into(), free.addr().into()];
    let mut config = config(edges, both(&full, &free), Ingress::unconfigured());
    config.ha_connections = 1;
    config.protocol = HTTP2;
    let _connector = Running::start(config);
    free.connected(1).await;
    assert_eq!(full.registrations().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_edge_over_http2_that_returns_has_all_connections_back_within_two_seconds() {
    let mut edge = ScriptedEdge::on(Transports::Http2);
    let _connector = Running::start(over_http2(&edge, "http_status:204", 4));
    edge.connected(4).await;
    edge.restart();
    let back = Instant::now();
    edge.connected(4).await;
    assert!(
        back.elapsed() < Duration::from_secs(2),
        "took {:?}",
        back.elapsed()
    );
}

#[tokio::test]
async fn a_drain_over_http2_unregisters_and_ends_the_connection() {
    let edge = ScriptedEdge::on(Transports::Http2);
    let mut connector = Running::start(over_http2(&edge, "http_status:204", 1));
    let at = edge.connected(1).await.remove(0);
    // The edge knows of it a little before the connector does.
    connector.status.wait_ready(1).await;
    connector.shutdown.drain();
    connector.ended().await.unwrap();
    assert!(at.is_unregistered());
    wait_for("the end", async || edge.live().is_empty()).await;
}

/// Where UDP is dropped, the ninth dial falls back; here the second, to keep the test short. Once UDP is let through,
/// the connections move to QUIC, and what runs on the old ones finishes there.
#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_dropped_the_connector_falls_back_and_returns_to_quic_when_it_can() {
    let (asked, mut waiting) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
    let origin = ScriptedOrigin::start(move |_| {
        let asked = asked.clone();
        async move {
            let (answer, told) = tokio::sync::oneshot::channel();
            asked.send(answer).await.unwrap();
            told.await.unwrap();
            Response::new(full(Bytes::from_static(b"late")))
        }
    })
    .await;
    let mut edge = ScriptedEdge::on(Transports::Http2);
    let dropped = std::net::UdpSocket::bind(edge.addr()).unwrap();
    let mut config = single(&edge, &origin.url(), 2);
    config.max_edge_retries = 1;
    config.quic_retry = Duration::from_secs(1);
    let connector = Running::start(config);
    // Each dial waits for almost five seconds.
    let fallen_back = async || edge.live().len() == 2;
    wait_within(
        Duration::from_secs(30),
        "connections over the fall-back",
        fallen_back,
    )
    .await;
    let old = edge.live();
    assert!(old.iter().all(|at| !at.is_quic()));
    let request = Request::get("http://shop.example/").body(()).unwrap();
    let (response, _body) = old[0].http2().open(request, true).await.unwrap();
    let answer = within("the origin", waiting.recv()).await.unwrap();

    drop(dropped);
    edge.open_udp();
    let on_quic = async || edge.live().iter().filter(|at| at.is_quic()).count() == 2;
    wait_for("both slots on QUIC", on_quic).await;

    answer.send(()).unwrap();
    let (head, mut body) = within("the old connection's answer", response).await.unwrap();
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(body.read_chunk().await.unwrap().unwrap(), "late");
    wait_for("the end of the old connections", async || edge.live().len() == 2).await;
    assert!(
        !old.iter().any(|at| at.is_unregistered()),
        "they were replaced, not unregistered"
    );
    let live = connector.status.connections();
    assert_eq!(live.len(), 2);
    assert!(live.values().all(|live| live.protocol == Protocol::Quic));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_quic_never_falls_back() {
    let edge = ScriptedEdge::on(Transports::Http2);
    let mut config = single(&edge, "http_status:204", 1);
    config.protocol = ProtocolChoice::Only(Protocol::Quic);
    config.max_edge_retries = 0;
    let connector = Running::start(config);
    let ready = tokio::time::timeout(Duration::from_secs(6), connector.status.wait_ready(1)).await;
    assert!(ready.is_err());
    assert!(edge.registrations().is_empty());
}

#[tokio::test]
async fn with_post_quantum_only_both_transports_still_register() {
    for (transports, protocol) in [
        (Transports::Quic, Protocol::Quic),
        (Transports::Http2, Protocol::Http2),
    ] {
        let edge = ScriptedEdge::on(transports);
        let mut config = single(&edge, "http_status:204", 1);
        config.protocol = ProtocolChoice::Only(protocol);
        config.key_exchange = adit_net::tls::KeyExchange::PostQuantumOnly;
        let _connector = Running::start(config);
        edge.connected(1).await;
    }
}
