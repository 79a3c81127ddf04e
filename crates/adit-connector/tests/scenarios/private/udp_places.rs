//! Where a UDP session is carried, and how it ends. Points 19 and 20.

use std::time::{Duration, Instant};

use adit_model::SessionId;
use adit_testing::{wait_for, within};
use adit_wire::calls::RegisterUdpSession;
use adit_wire::datagram::{Version, v3};
use tokio::net::UdpSocket;

use super::stage::{LONG, Stage, in_both_versions, origin};

in_both_versions!(
    a_session_ends_when_nothing_passes_for_its_idle_time,
    a_session_whose_connection_went_gives_its_socket_back,
    the_connector_stops_in_time_though_sessions_are_open,
);

/// Whether the port of a session's socket is free again.
async fn is_free(port: u16) -> bool {
    UdpSocket::bind(("0.0.0.0", port)).await.is_ok()
}

async fn a_session_ends_when_nothing_passes_for_its_idle_time(version: Version) {
    let stage = Stage::new(version).await;
    let mut endings = stage.endings();
    let (origin, to) = origin().await;
    let session = SessionId::random();
    stage.register(session, to, Duration::from_secs(2)).await.unwrap();
    let begun = Instant::now();
    let port = stage.exchange(session, &origin).await;
    // Datagrams in either direction keep it.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(stage.exchange(session, &origin).await, port);
    }
    if version == Version::V2 {
        assert_eq!(endings.next().await, (session, "session idle for 2s".to_owned()));
    }
    wait_for("the end", async || is_free(port).await).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(3400),
        "{:?}",
        begun.elapsed()
    );
    assert!(endings.none(), "version 3 says nothing");
}

async fn a_session_whose_connection_went_gives_its_socket_back(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.at[0].quic().close(0, "");
    wait_for("the end", async || is_free(port).await).await;
}

async fn the_connector_stops_in_time_though_sessions_are_open(version: Version) {
    let mut stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    let begun = Instant::now();
    stage.connector.shutdown.drain();
    stage.connector.ended().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(is_free(port).await, "its sockets are closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edge_ends_a_session_of_version_2_and_hears_no_more_of_it() {
    let stage = Stage::new(Version::V2).await;
    let mut endings = stage.endings();
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.unregister(session).await.unwrap();
    wait_for("the end", async || is_free(port).await).await;
    assert!(endings.none());
    // One that nobody knows is ended already.
    stage.unregister(SessionId::random()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_nobody_listens_on_ends_a_session_of_version_2() {
    let stage = Stage::new(Version::V2).await;
    let mut endings = stage.endings();
    let (origin, to) = origin().await;
    drop(origin);
    let session = stage.session(to).await;
    stage.send(session, b"question");
    let (ended, why) = endings.next().await;
    assert_eq!(ended, session);
    assert!(why.starts_with("read udp 127.0.0.1:"), "{why}");
    assert!(
        why.ends_with(&format!("->{to}: read: connection refused")),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_2_that_is_asked_for_again_has_a_new_socket() {
    let stage = Stage::new(Version::V2).await;
    let mut endings = stage.endings();
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.register(session, to, LONG).await.unwrap();
    assert_ne!(stage.exchange(session, &origin).await, port);
    wait_for("the first socket's end", async || is_free(port).await).await;
    assert!(endings.none(), "the edge knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_3_that_is_asked_for_again_keeps_its_socket() {
    let stage = Stage::new(Version::V3).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.register(session, to, LONG).await.unwrap();
    assert_eq!(stage.exchange(session, &origin).await, port);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_3_moves_with_its_socket_to_another_connection() {
    let stage = Stage::with(Version::V3, 2, |_| {}).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.register_on(1, session, to, LONG).await.unwrap();
    assert_eq!(stage.exchange_on(1, session, &origin).await, port);
    // What it was on before has no part in it any more.
    stage.at[0].quic().close(0, "");
    wait_for("its end at the connector", async || {
        stage.connector.status.ready_connections() == 1
    })
    .await;
    assert_eq!(stage.exchange_on(1, session, &origin).await, port);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_version_3_may_move_when_its_connection_has_gone_already() {
    let stage = Stage::with(Version::V3, 2, |_| {}).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.at[0].quic().close(0, "");
    wait_for("its end at the connector", async || {
        stage.connector.status.ready_connections() == 1
    })
    .await;
    stage.register_on(1, session, to, LONG).await.unwrap();
    assert_eq!(stage.exchange_on(1, session, &origin).await, port);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_version_3_there_are_no_calls_about_sessions() {
    let stage = Stage::new(Version::V3).await;
    let asked = RegisterUdpSession {
        session: SessionId::random(),
        destination: "127.0.0.1:9".parse().unwrap(),
        close_after_idle: LONG,
        trace_context: String::new(),
    };
    let refusal = stage
        .call(0)
        .await
        .register_udp_session(asked)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal, "datagram v3 does not support RegisterUdpSession RPC");
    assert!(stage.unregister(SessionId::random()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_no_socket_reaches_is_told() {
    for version in [Version::V2, Version::V3] {
        let stage = Stage::new(version).await;
        // A broadcast takes a permission of its own.
        let to = "255.255.255.255:9".parse().unwrap();
        let refusal = stage.register(SessionId::random(), to, LONG).await.unwrap_err();
        match version {
            Version::V2 => assert!(
                refusal.starts_with("unable to dial udp to origin 255.255.255.255:9"),
                "{refusal}"
            ),
            Version::V3 => assert_eq!(refusal, "CannotBind"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bundled_with_a_registration_is_not_sent() {
    let stage = Stage::new(Version::V3).await;
    let (origin, to) = origin().await;
    let session = SessionId::random();
    let asked = v3::ToConnector::Register(v3::Registration {
        session,
        to,
        idle_seconds: 60,
        traced: true,
        payload: Some(bytes::Bytes::from_static(b"bundled")),
    });
    stage.at[0].quic().send_datagram(asked.encode()).unwrap();
    within("the answer", stage.at[0].quic().receive_datagram())
        .await
        .unwrap();
    stage.exchange(session, &origin).await;
}
