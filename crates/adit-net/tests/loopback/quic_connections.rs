//! Life and death of QUIC connections over real loopback sockets.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{LIMIT, LOOPBACK, QuicPair, dialer, identity, listener, within};
use adit_net::quic::{CloseCause, DialError, HandshakeLimits, QuicConnection, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, Identity};
use tokio::runtime::Runtime;
use tokio::sync::watch;

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

#[tokio::test]
async fn in_a_busy_second_a_connector_proves_its_address_and_is_served() {
    let (identity, anchors) = identity();
    let tls = tls::edge_quic_config(CertificateSlot::new(&identity)).unwrap();
    let limits = HandshakeLimits {
        unproven_per_second: 0,
        ..HandshakeLimits::default()
    };
    let edge = QuicListener::bind(LOOPBACK, tls, &QuicKeys::generate().unwrap(), limits).unwrap();
    let addr = edge.local_addr().unwrap();
    let dialer = dialer(&anchors);
    let accepting = async { edge.accept().await.unwrap().finish().await };
    let dialling = dialer.dial(addr, tls::QUIC_SERVER_NAME, LIMIT);
    let (accepted, dialled) = within("the connection", async { tokio::join!(accepting, dialling) }).await;
    accepted.unwrap();
    dialled.unwrap();
}

#[tokio::test]
async fn strangers_that_stay_away_after_their_first_packet_do_not_keep_others_out() {
    let (identity, anchors) = identity();
    let tls = tls::edge_quic_config(CertificateSlot::new(&identity)).unwrap();
    let limits = HandshakeLimits {
        half_open: 1,
        ..HandshakeLimits::default()
    };
    let edge = QuicListener::bind(LOOPBACK, tls, &QuicKeys::generate().unwrap(), limits).unwrap();
    let addr = edge.local_addr().unwrap();
    let (first, second) = (dialer(&anchors), dialer(&anchors));
    let given_up = first.dial(addr, tls::QUIC_SERVER_NAME, Duration::from_secs(1));
    let (half_open, _) = within("a first packet", async { tokio::join!(edge.accept(), given_up) }).await;
    let refused = tokio::select! {
        _ = edge.accept() => panic!("accepted above the cap"),
        dialled = second.dial(addr, tls::QUIC_SERVER_NAME, Duration::from_millis(300)) => dialled,
    };
    assert!(matches!(refused, Err(DialError::TimedOut { .. })), "{refused:?}");

    drop(half_open);
    let mut shaking = tokio::task::JoinSet::new();
    let accepting = async {
        while let Some(incoming) = edge.accept().await {
            shaking.spawn(incoming.finish());
        }
    };
    let dialled = tokio::select! {
        () = accepting => panic!("the listener is open"),
        dialled = second.dial(addr, tls::QUIC_SERVER_NAME, LIMIT) => dialled,
    };
    dialled.unwrap();
}

/// A NAT between a connector and `edge`: it forgets its mapping when told, so that the edge sees a new port.
async fn nat(edge: SocketAddr, mut forget: watch::Receiver<u32>, inside: tokio::net::UdpSocket) {
    let (mut from_inside, mut from_edge) = ([0; 2000], [0; 2000]);
    let mut outside = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut connector = None;
    loop {
        tokio::select! {
            Ok((length, from)) = inside.recv_from(&mut from_inside) => {
                connector = Some(from);
                outside.send_to(&from_inside[..length], edge).await.unwrap();
            }
            Ok((length, _)) = outside.recv_from(&mut from_edge) => {
                inside.send_to(&from_edge[..length], connector.unwrap()).await.unwrap();
            }
            Ok(()) = forget.changed() => outside = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_connection_survives_its_nats_forgetfulness() {
    let (identity, anchors) = identity();
    let edge = listener(LOOPBACK, &identity, &QuicKeys::generate().unwrap()).unwrap();
    let inside = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap();
    let through = inside.local_addr().unwrap();
    let (forget, forgets) = watch::channel(0);
    let mut running = tokio::task::JoinSet::new();
    running.spawn(nat(edge.local_addr().unwrap(), forgets, inside));
    let dialer = dialer(&anchors);
    let accepting = async { edge.accept().await.unwrap().finish().await.unwrap() };
    let (at_edge, connection) = tokio::join!(accepting, dialer.dial(through, tls::QUIC_SERVER_NAME, LIMIT));
    let connection = connection.unwrap();
    let before = at_edge.remote_address();

    forget.send(1).unwrap();

    let (mut send, mut answered) = connection.open_stream().await.unwrap();
    send.write_chunk("after".into()).await.unwrap();
    let (mut answer, mut recv) = within("the stream", at_edge.accept_stream()).await.unwrap();
    assert_eq!(
        within("the bytes", recv.read_chunk(64)).await.unwrap().unwrap(),
        "after"
    );
    assert_ne!(at_edge.remote_address(), before);
    answer.write_chunk("and back".into()).await.unwrap();
    assert_eq!(
        within("the answer", answered.read_chunk(64))
            .await
            .unwrap()
            .unwrap(),
        "and back"
    );
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

#[tokio::test]
async fn a_living_peer_answers_as_often_as_it_is_asked() {
    let pair = QuicPair::start().await;
    pair.edge.set_window(16 << 20);
    for round in 0..5 {
        let before = pair.edge.stats();
        pair.edge.ask();
        within("an acknowledgement", async {
            while pair.edge.stats().acks == before.acks {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(
            pair.edge.stats().asked_frames > before.asked_frames,
            "round {round}"
        );
    }
}
