//! Life and death of QUIC connections over real loopback sockets.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::support::{LIMIT, LOOPBACK, QuicPair, dialer, identity, listener, within};
use adit_net::quic::{CloseCause, DialError, QuicConnection, QuicKeys, QuicListener};
use adit_net::tls::{self, Identity};
use tokio::runtime::Runtime;

#[tokio::test]
async fn both_sides_learn_why_a_connection_closed() {
    let pair = QuicPair::start().await;
    pair.edge.close(7, "maintenance");
    let cause = within("the close", pair.connector.closed()).await;
    assert_eq!(
        cause,
        CloseCause::Peer {
            code: 7,
            reason: "maintenance".to_owned()
        }
    );
    assert_eq!(pair.edge.close_cause(), Some(CloseCause::Local));
}

#[tokio::test]
async fn a_dropped_connection_closes_with_code_zero() {
    let pair = QuicPair::start().await;
    drop(pair.connector);
    let cause = within("the close", pair.edge.closed()).await;
    assert_eq!(
        cause,
        CloseCause::Peer {
            code: 0,
            reason: String::new()
        }
    );
}

#[tokio::test]
async fn a_stopped_listener_keeps_its_connections_and_refuses_new_ones() {
    let pair = QuicPair::start().await;
    pair.listener.stop_accepting();
    let addr = pair.listener.local_addr().unwrap();
    let refused = tokio::select! {
        dialled = pair.dialer.dial(addr, tls::QUIC_SERVER_NAME, LIMIT) => dialled,
        _ = pair.listener.accept() => panic!("accepted while draining"),
    };
    assert!(matches!(refused, Err(DialError::Handshake { .. })), "{refused:?}");
    let (mut send, _recv) = pair.connector.open_stream().await.unwrap();
    send.write_chunk("still here".into()).await.unwrap();
    let (_, mut recv) = within("the stream", pair.edge.accept_stream()).await.unwrap();
    assert_eq!(recv.read_chunk(64).await.unwrap().unwrap(), "still here");
}

#[tokio::test]
async fn a_wrong_name_and_a_silent_port_are_told_apart() {
    let (identity, anchors) = identity();
    let edge = listener(LOOPBACK, &identity, &QuicKeys::generate().unwrap()).unwrap();
    let dialer = dialer(&anchors);
    let accepting = async { edge.accept().await.unwrap().finish().await };
    let (accepted, dialled) = tokio::join!(
        accepting,
        dialer.dial(edge.local_addr().unwrap(), "elsewhere.example", LIMIT)
    );
    assert!(accepted.is_err());
    assert!(
        matches!(
            dialled,
            Err(DialError::Handshake {
                cause: CloseCause::Protocol(_),
                ..
            })
        ),
        "{dialled:?}"
    );

    let silent = UdpSocket::bind(LOOPBACK).unwrap();
    let limit = Duration::from_millis(50);
    let dialled = dialer
        .dial(silent.local_addr().unwrap(), tls::QUIC_SERVER_NAME, limit)
        .await;
    assert!(matches!(dialled, Err(DialError::TimedOut { .. })), "{dialled:?}");
}

#[tokio::test]
async fn garbage_on_the_port_disturbs_nobody() {
    let pair = QuicPair::start().await;
    let addr = pair.listener.local_addr().unwrap();
    let stranger = UdpSocket::bind(LOOPBACK).unwrap();
    for length in 0..1400_usize {
        let bytes: Vec<u8> = (0..length)
            .map(|at| (at.wrapping_mul(31) ^ length) as u8)
            .collect();
        stranger.send_to(&bytes, addr).unwrap();
    }
    let accepting = async { pair.listener.accept().await.unwrap().finish().await };
    let dialling = pair.dialer.dial(addr, tls::QUIC_SERVER_NAME, LIMIT);
    let (accepted, dialled) = within("a new connection", async { tokio::join!(accepting, dialling) }).await;
    accepted.unwrap();
    dialled.unwrap();
    assert_eq!(pair.edge.close_cause(), None);
}

/// An edge in a runtime of its own: dropping that is as abrupt as a kill.
fn edge_process(addr: std::net::SocketAddr, identity: &Identity, keys: &QuicKeys) -> (Runtime, QuicListener) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let started = Instant::now();
    loop {
        let _inside = runtime.enter();
        match listener(addr, identity, keys) {
            Ok(bound) => return (runtime, bound),
            // The killed predecessor's socket may take a moment to close.
            Err(error) => assert!(started.elapsed() < LIMIT, "cannot bind {addr}: {error}"),
        }
        std::thread::yield_now();
    }
}

async fn connect_to(
    runtime: &Runtime,
    edge: QuicListener,
    dialer: &adit_net::quic::QuicDialer,
) -> QuicConnection {
    let addr = edge.local_addr().unwrap();
    let accepted = runtime.spawn(async move {
        let connection = edge.accept().await.unwrap().finish().await.unwrap();
        // Keeps both alive until the runtime is killed.
        connection.closed().await;
        drop(edge);
    });
    let connection = dialer.dial(addr, tls::QUIC_SERVER_NAME, LIMIT).await.unwrap();
    assert!(!accepted.is_finished());
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_restarts_with_its_keys_resets_its_former_connections_within_a_ping() {
    let (identity, anchors) = identity();
    let keys = QuicKeys::generate().unwrap();
    let dialer = dialer(&anchors);
    let (killed, edge) = edge_process(LOOPBACK, &identity, &keys);
    let addr = edge.local_addr().unwrap();
    let connection = connect_to(&killed, edge, &dialer).await;

    killed.shutdown_background();
    let same_keys = QuicKeys::from_bytes(keys.to_bytes().as_slice()).unwrap();
    let (restarted, _edge) = tokio::task::spawn_blocking({
        let identity = identity.clone();
        move || edge_process(addr, &identity, &same_keys)
    })
    .await
    .unwrap();
    let back = Instant::now();

    let cause = within("the reset", connection.closed()).await;
    assert_eq!(cause, CloseCause::Reset);
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "took {:?}",
        back.elapsed()
    );
    restarted.shutdown_background();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_edge_is_noticed_by_its_silence() {
    let (identity, anchors) = identity();
    let dialer = dialer(&anchors);
    let (killed, edge) = edge_process(LOOPBACK, &identity, &QuicKeys::generate().unwrap());
    let connection = connect_to(&killed, edge, &dialer).await;
    killed.shutdown_background();
    assert_eq!(within("the silence", connection.closed()).await, CloseCause::Idle);
}
