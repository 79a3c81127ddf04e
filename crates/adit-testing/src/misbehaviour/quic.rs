//! Connectors that misuse UDP and QUIC.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_net::{
    quic::{CloseCause, QuicConnection, QuicDialer},
    tls::{QUIC_SERVER_NAME, connector_config},
};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    net::UdpSocket,
    time::{sleep, timeout},
};

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{SOON, stuff},
    registration,
};
use crate::{cloudflared::Protocol, scripted::ScriptedConnector};

/// How long the edge waits for a registration.
pub(super) const REGISTRATION: Duration = Duration::from_secs(10);

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "udp-noise",
        peer: Peer::Connector,
        does: "sends datagrams of every size with noise to the connectors' port",
        outcome: &[Seen::Silence],
        bound: "dropped; whatever is answered is smaller than what came",
        run: |target| Box::pin(async { udp(target, noise(target.scale)).await }),
    },
    Misbehaviour {
        name: "quic-forged-initials",
        peer: Peer::Connector,
        does: "sends 2,000 first packets that cannot be decrypted, and 1,000 of unknown versions",
        outcome: &[Seen::Silence],
        bound: "dropped; whatever is answered is smaller than what came",
        run: |target| Box::pin(async { udp(target, initials(target.scale)).await }),
    },
    Misbehaviour {
        name: "quic-handshake-flood",
        peer: Peer::Connector,
        does: "begins 300 handshakes at once and leaves after them",
        outcome: &[Seen::Silence, Seen::QuicFailed],
        bound: "1,024 handshakes at once; a proof of the address from 256 a second on",
        run: |target| Box::pin(handshakes(target)),
    },
    Misbehaviour {
        name: "quic-wrong-protocol",
        peer: Peer::Connector,
        does: "offers protocols that nobody speaks here",
        outcome: &[Seen::QuicFailed],
        bound: "the handshake is refused",
        run: |target| Box::pin(wrong_protocol(target)),
    },
    Misbehaviour {
        name: "quic-silent",
        peer: Peer::Connector,
        does: "shakes hands 50 times and says nothing, or opens its control stream and says nothing on it",
        outcome: &[Seen::QuicClosed(0)],
        bound: "10 s to register",
        run: |target| Box::pin(silent(target)),
    },
    Misbehaviour {
        name: "quic-stream-flood",
        peer: Peer::Connector,
        does: "on 20 connections, opens as many streams as it may without having registered, and writes to all",
        outcome: &[Seen::QuicClosed(0)],
        bound: "16 streams and a small window until it has registered",
        run: |target| Box::pin(stream_flood(target)),
    },
    Misbehaviour {
        name: "quic-never-read-window",
        peer: Peer::Connector,
        does: "registers 20 connections and fills the window of each with streams that nobody has asked for",
        outcome: &[Seen::Silence],
        bound: "`edge.memory_budget`: large windows while there is room",
        run: |target| Box::pin(never_read(target)),
    },
    Misbehaviour {
        name: "quic-datagrams",
        peer: Peer::Connector,
        does: "sends datagrams of every size, empty ones too, before and after it has registered",
        outcome: &[Seen::Silence],
        bound: "none is kept before a flow is there",
        run: |target| Box::pin(datagrams(target)),
    },
    Misbehaviour {
        name: "quic-reset-storm",
        peer: Peer::Connector,
        does: "resets and stops every stream that the edge opens",
        outcome: &[Seen::Status(502), Seen::Status(530)],
        bound: "each request fails by itself",
        run: |target| Box::pin(reset_storm(target)),
    },
    Misbehaviour {
        name: "quic-control-stream-ends",
        peer: Peer::Connector,
        does: "registers, then ends or resets its control stream",
        outcome: &[Seen::QuicClosed(0)],
        bound: "the connection ends with its control stream",
        run: |target| Box::pin(control_ends(target)),
    },
];

/// Sends these and hears what comes back for a moment. An answer that is larger than what asked for it is of use to
/// whoever forges addresses.
async fn udp(target: &Target, datagrams: Vec<Vec<u8>>) -> Sight {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    socket.connect(target.edge).await.expect("an address");
    let sent: usize = datagrams.iter().map(Vec::len).sum();
    let mut heard = 0;
    let mut buffer = vec![0; 64 * 1024];
    for datagram in &datagrams {
        let _ = socket.send(datagram).await;
        while let Ok(bytes) = socket.try_recv(&mut buffer) {
            heard += bytes;
        }
    }
    while let Ok(Ok(bytes)) = timeout(Duration::from_millis(500), socket.recv(&mut buffer)).await {
        heard += bytes;
    }
    Sight::from([if heard <= sent { Seen::Silence } else { Seen::Leak }])
}

/// Bytes that look random and are the same each time.
pub(super) fn noise_of(length: usize, seed: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

fn noise(scale: usize) -> Vec<Vec<u8>> {
    let sizes = (0..1500).chain([4096, 16_384, 65_507]);
    sizes
        .flat_map(|size| (0..scale).map(move |seed| noise_of(size, size + seed)))
        .collect()
}

/// Long headers: a version, two connection ids, and noise.
fn initials(scale: usize) -> Vec<Vec<u8>> {
    (0..3000 * scale)
        .map(|at| {
            let mut packet = noise_of(1200, at);
            let version: u32 = if at % 3 == 0 { 0x1a2a_3a4a } else { 1 };
            packet[0] = 0xc3;
            packet[1..5].copy_from_slice(&version.to_be_bytes());
            packet[5] = 8;
            packet[14] = 8;
            // No token, and a length of 1,172.
            packet[23..26].copy_from_slice(&[0, 0x44, 0x94]);
            packet
        })
        .collect()
}

/// Dials; the dialer must be kept as long as its connections.
pub(super) fn dialer(target: &Target) -> QuicDialer {
    let config = connector_config(&target.anchors).expect("a configuration");
    QuicDialer::new(config, None).expect("a dialer")
}

pub(super) async fn dial(dialer: &QuicDialer, edge: SocketAddr) -> Option<QuicConnection> {
    dialer.dial(edge, QUIC_SERVER_NAME, SOON).await.ok()
}

/// Waits until the edge closes it.
pub(super) async fn closed(connection: &QuicConnection, limit: Duration) -> Seen {
    match timeout(limit, connection.closed()).await {
        Ok(CloseCause::Peer { code, .. }) => Seen::QuicClosed(code),
        Ok(CloseCause::Idle | CloseCause::Reset | CloseCause::Local | CloseCause::Protocol(_)) => {
            Seen::QuicFailed
        }
        Err(_) => Seen::Silence,
    }
}

async fn handshakes(target: &Target) -> Sight {
    let dialer = dialer(target);
    let all = (0..300 * target.scale).map(|_| dial(&dialer, target.edge));
    let seen = |connection: Option<_>| {
        if connection.is_some() {
            Seen::Silence
        } else {
            Seen::QuicFailed
        }
    };
    join_all(all).await.into_iter().map(seen).collect()
}

async fn wrong_protocol(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for alpn in [&b"h3"[..], b"doq", &[b'x'; 255]] {
        let mut config = connector_config(&target.anchors)
            .expect("a configuration")
            .as_ref()
            .clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        let dialer = QuicDialer::new(Arc::new(config), None).expect("a dialer");
        let taken = dial(&dialer, target.edge).await.is_some();
        sight.insert(if taken { Seen::Silence } else { Seen::QuicFailed });
    }
    sight
}

async fn silent(target: &Target) -> Sight {
    let dialer = dialer(target);
    let all = (0..50 * target.scale).map(|at| {
        let dialer = &dialer;
        async move {
            let Some(connection) = dial(dialer, target.edge).await else {
                return Seen::QuicFailed;
            };
            let mut control = None;
            if at % 2 == 0
                && let Ok((mut send, receive)) = connection.open_stream().await
            {
                let _ = send.write_all(&[0]).await;
                control = Some((send, receive));
            }
            let seen = closed(&connection, REGISTRATION + 2 * SOON).await;
            drop(control);
            seen
        }
    });
    join_all(all).await.into_iter().collect()
}

async fn stream_flood(target: &Target) -> Sight {
    let dialer = dialer(target);
    let all = (0..20 * target.scale).map(|_| async {
        let Some(connection) = dial(&dialer, target.edge).await else {
            return Seen::QuicFailed;
        };
        let writing = write_streams(&connection);
        tokio::select! {
            seen = closed(&connection, REGISTRATION + 2 * SOON) => seen,
            () = writing => Seen::Silence,
        }
    });
    join_all(all).await.into_iter().collect()
}

/// Opens streams as long as it may and writes 4 MiB to each; then waits for ever.
async fn write_streams(connection: &QuicConnection) {
    let mut streams = Vec::new();
    // The first one is the control stream: it begins a message of a harmless length.
    while let Ok(Ok((mut send, receive))) =
        timeout(Duration::from_millis(200), connection.open_stream()).await
    {
        if streams.is_empty() {
            let _ = send.write_all(&[0, 0, 0, 0, 9, 0, 0, 0]).await;
        } else {
            stuff(&mut send, &[7; 64 * 1024], 4 << 20, Duration::from_millis(200)).await;
        }
        streams.push((send, receive));
    }
    std::future::pending::<()>().await;
}

async fn register(target: &Target) -> Option<ScriptedConnector> {
    let connector = ScriptedConnector::dial(target.edge, &target.anchors, Protocol::Quic).await;
    let answer = connector.register(registration::own(target)).await;
    matches!(answer, Ok(Ok(_))).then_some(connector)
}

async fn never_read(target: &Target) -> Sight {
    let mut connectors = Vec::new();
    for _ in 0..20 * target.scale {
        connectors.extend(register(target).await);
    }
    let filling = connectors
        .iter()
        .filter_map(|connector| connector.quic.as_ref())
        .map(|connection| async {
            let mut streams = Vec::new();
            while let Ok(Ok((mut send, receive))) =
                timeout(Duration::from_millis(200), connection.open_stream()).await
            {
                stuff(&mut send, &[7; 64 * 1024], 4 << 20, Duration::from_millis(500)).await;
                streams.push((send, receive));
            }
            streams
        });
    let held = join_all(filling).await;
    sleep(Duration::from_secs(1)).await;
    drop(held);
    Sight::from([Seen::Silence])
}

async fn datagrams(target: &Target) -> Sight {
    let dialer = dialer(target);
    let stranger = dial(&dialer, target.edge).await;
    let registered = register(target).await;
    let known = registered.as_ref().and_then(|connector| connector.quic.as_ref());
    let noise = Bytes::from(noise_of(u16::MAX.into(), 0));
    for connection in stranger.iter().chain(known) {
        for _ in 0..10 * target.scale {
            // What the path takes may shrink meanwhile, and larger ones are not sent; few of the large, or the stranger
            // has had its time to register before they are through.
            let most = connection.max_datagram_bytes().unwrap_or(0);
            for size in (0..=most.min(1500)).chain((1500..=most).step_by(97)) {
                let _ = connection.send_datagram(noise.slice(..size));
                // Or they push each other out of the queue.
                if size % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        let most = connection.max_datagram_bytes().unwrap_or(0);
        let _ = connection.send_datagram(noise.slice(..=most));
        if connection.close_cause().is_some() {
            return Sight::from([Seen::QuicFailed]);
        }
    }
    Sight::from([Seen::Silence])
}

async fn reset_storm(target: &Target) -> Sight {
    let Some(mut connector) = register(target).await else {
        return Sight::new();
    };
    let requests = super::answers::requests(target, 200 * target.scale);
    let resetting = async {
        loop {
            // Dropped at once: both halves say that they want no more.
            drop(connector.next().await);
        }
    };
    tokio::select! {
        sight = requests => sight,
        () = resetting => Sight::new(),
    }
}

async fn control_ends(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for reset in [false, true] {
        let dialer = dialer(target);
        let Some(connection) = dial(&dialer, target.edge).await else {
            return Sight::from([Seen::QuicFailed]);
        };
        let Ok((mut send, receive)) = connection.open_stream().await else {
            return Sight::from([Seen::QuicFailed]);
        };
        let _ = send
            .write_all(&super::rpc::transcript(registration::own(target)).await)
            .await;
        if reset {
            send.reset(7);
        } else {
            send.finish();
        }
        sight.insert(closed(&connection, REGISTRATION + SOON).await);
        drop(receive);
    }
    sight
}
