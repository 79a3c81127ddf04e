//! Datagrams that make no sense, and too many of those that do.

use std::net::SocketAddr;
use std::time::Duration;

use adit_model::SessionId;
use adit_testing::within;
use adit_wire::datagram::{Version, v2, v3};
use adit_wire::icmp::{EchoMessage, IcmpMessage, IcmpPacket};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::stage::{LONG, Stage, in_both_versions, origin};

in_both_versions!(
    datagrams_cut_at_every_byte_leave_the_connection_alone,
    random_datagrams_leave_the_connection_alone,
    a_flood_of_sessions_is_held_at_the_limit,
    a_session_of_another_connection_is_not_reached_unless_it_may_move,
);

/// One of each kind, for a session that is there.
fn samples(version: Version, session: SessionId, to: SocketAddr) -> Vec<Bytes> {
    let payload = Bytes::from_static(b"payload");
    let packet = IcmpPacket {
        source: "192.0.0.8".parse().unwrap(),
        destination: "127.0.0.1".parse().unwrap(),
        hops: 64,
        message: IcmpMessage::EchoRequest(EchoMessage {
            id: 1,
            sequence: 1,
            payload: payload.clone(),
        }),
    };
    let packet = packet.encode().unwrap();
    match version {
        Version::V2 => {
            let trace = v2::Trace {
                trace: [1; 16],
                span: [2; 8],
                flags: 1,
            };
            vec![
                v2::ToConnector::Udp {
                    session,
                    payload: payload.clone(),
                }
                .encode(),
                v2::ToConnector::Ip(packet.clone()).encode(),
                v2::ToConnector::TracedIp { packet, trace }.encode(),
                v2::ToEdge::Spans {
                    spans: payload,
                    trace,
                }
                .encode(),
            ]
        }
        Version::V3 => {
            let registration = |to| v3::Registration {
                session,
                to,
                idle_seconds: 60,
                traced: false,
                payload: None,
            };
            let answer = v3::RegistrationAnswer {
                session,
                answer: v3::Answer::Ready,
                error: "x".to_owned(),
            };
            vec![
                v3::ToConnector::Register(registration(to)).encode(),
                v3::ToConnector::Register(registration("[2001:db8::1]:9".parse().unwrap())).encode(),
                v3::ToConnector::Payload { session, payload }.encode(),
                v3::ToConnector::Icmp(packet).encode(),
                v3::ToEdge::Answer(answer).encode(),
            ]
        }
    }
}

/// A session that was there before still works, whatever else came.
async fn still_works(stage: &Stage, session: SessionId, origin: &tokio::net::UdpSocket) {
    let quic = stage.at[0].quic();
    within("the answer", async {
        loop {
            stage.send(session, b"the last question");
            let mut buffer = [0; 2048];
            let asked = tokio::time::timeout(Duration::from_millis(200), async {
                loop {
                    let (length, from) = origin.recv_from(&mut buffer).await.unwrap();
                    if &buffer[..length] == b"the last question" {
                        return from;
                    }
                }
            });
            let Ok(from) = asked.await else { continue };
            origin.send_to(b"the last answer", from).await.unwrap();
            let answered = tokio::time::timeout(Duration::from_millis(500), async {
                loop {
                    let datagram = quic.receive_datagram().await.unwrap();
                    if datagram.windows(15).any(|part| part == b"the last answer") {
                        return;
                    }
                }
            });
            if answered.await.is_ok() {
                return;
            }
        }
    })
    .await;
    assert_eq!(stage.connector.status.ready_connections(), 1);
}

async fn datagrams_cut_at_every_byte_leave_the_connection_alone(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    for whole in samples(version, session, to) {
        for cut in 0..=whole.len() {
            for part in [whole.slice(..cut), whole.slice(cut..)] {
                drop(stage.at[0].quic().send_datagram(part));
            }
        }
    }
    still_works(&stage, session, &origin).await;
}

async fn random_datagrams_leave_the_connection_alone(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    // None names an address: a registration could be for any.
    let odd = (0_u8..=255, proptest::collection::vec(any::<u8>(), 0..60));
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    for _ in 0..2000 {
        let (kind, mut bytes) = odd.new_tree(&mut runner).unwrap().current();
        match version {
            Version::V2 => bytes.push(kind),
            Version::V3 => bytes.insert(0, kind.max(1)),
        }
        drop(stage.at[0].quic().send_datagram(bytes.into()));
    }
    still_works(&stage, session, &origin).await;
}

async fn a_flood_of_sessions_is_held_at_the_limit(version: Version) {
    let stage = Stage::with(version, 1, |config| config.private.max_active_flows = Some(20)).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let sockets = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = sockets();
    let mut taken = 0;
    for _ in 0..200 {
        taken += usize::from(stage.register(SessionId::random(), to, LONG).await.is_ok());
    }
    assert_eq!(taken, 19);
    // Tests of this process run alone.
    assert!(sockets() < before + 60, "{} and {}", before, sockets());
    still_works(&stage, session, &origin).await;
}

async fn a_session_of_another_connection_is_not_reached_unless_it_may_move(version: Version) {
    let stage = Stage::with(version, 2, |_| {}).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    let port = stage.exchange(session, &origin).await;
    stage.send_on(1, session, b"by another way");
    let mut buffer = [0; 64];
    match version {
        Version::V2 => {
            let came = tokio::time::timeout(Duration::from_millis(200), origin.recv_from(&mut buffer));
            assert!(came.await.is_err());
        }
        // As stock connectors do: the id is the connector's, and answers go where the session is.
        Version::V3 => {
            let (length, from) = within("it", origin.recv_from(&mut buffer)).await.unwrap();
            assert_eq!((&buffer[..length], from.port()), (&b"by another way"[..], port));
        }
    }
    assert_eq!(stage.exchange(session, &origin).await, port);
}
