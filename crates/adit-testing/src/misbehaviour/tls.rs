//! Peers whose TLS handshake leads nowhere, on the public port and on the connectors'.

use adit_net::tls::H2_SERVER_NAME;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{SOON, ended, exchange, tcp, tls},
};

/// How long the edge bears an unfinished handshake.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "tls-garbage",
        peer: Peer::Client,
        does: "sends plain HTTP, noise, an alert, an old SSL hello and records of every wrong length to the HTTPS port",
        outcome: &[Seen::Closed],
        bound: "the handshake fails at the first record",
        run: |target| Box::pin(async { garbage(target.https).await }),
    },
    Misbehaviour {
        name: "tls-half-open",
        peer: Peer::Client,
        does: "opens 300 connections to the HTTPS port and sends nothing, or half a hello",
        outcome: &[Seen::Closed, Seen::Silence],
        bound: "512 handshakes at once, 5 s each; the others wait to be accepted",
        run: |target| Box::pin(async { half_open(target.https, target.scale).await }),
    },
    Misbehaviour {
        name: "tls-no-common-protocol",
        peer: Peer::Client,
        does: "offers protocols that nobody speaks here",
        outcome: &[Seen::Alert],
        bound: "the handshake is refused",
        run: |target| Box::pin(no_common(target)),
    },
    Misbehaviour {
        name: "tls-unknown-names",
        peer: Peer::Client,
        does: "asks 200 times for a certificate of a name that leads nowhere, each time another one",
        outcome: &[Seen::Alert],
        bound: "certificates are made for names with a route only",
        run: |target| Box::pin(unknown_names(target)),
    },
    Misbehaviour {
        name: "tls-handshake-and-leave",
        peer: Peer::Client,
        does: "shakes hands 100 times and leaves",
        outcome: &[Seen::Silence],
        bound: "what a client has left is dropped",
        run: |target| Box::pin(leave(target)),
    },
    Misbehaviour {
        name: "connector-tls-garbage",
        peer: Peer::Connector,
        does: "sends plain HTTP, noise, an alert, an old SSL hello and records of every wrong length to the connectors' TCP port",
        outcome: &[Seen::Closed],
        bound: "the handshake fails at the first record",
        run: |target| Box::pin(async { garbage(target.edge).await }),
    },
    Misbehaviour {
        name: "connector-tls-half-open",
        peer: Peer::Connector,
        does: "opens 300 connections to the connectors' TCP port and sends nothing, or half a hello",
        outcome: &[Seen::Closed, Seen::Silence],
        bound: "512 handshakes at once, 5 s each; the others wait to be accepted",
        run: |target| Box::pin(async { half_open(target.edge, target.scale).await }),
    },
    Misbehaviour {
        name: "connector-tls-flood",
        peer: Peer::Connector,
        does: "shakes hands 100 times on the connectors' TCP port and says nothing more",
        outcome: &[Seen::Closed],
        bound: "10 s to register; small windows until then",
        run: |target| Box::pin(connector_flood(target)),
    },
];

async fn garbage(port: std::net::SocketAddr) -> Sight {
    let mut cases: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
        (0..4096_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8)
            .collect(),
        b"\x15\x03\x03\x00\x02\x02\x28".to_vec(),
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec(),
        [&b"\x16\x03\x01\xff\xff\x01\x00\xff\xff"[..], &[0; 70_000]].concat(),
        [&b"\x17\x03\x03\x40\x00"[..], &[0; 16_384]].concat(),
    ];
    // Empty records, which are fragments of nothing.
    cases.push(b"\x16\x03\x01\x00\x00".repeat(10_000));
    let all = cases.iter().map(|case| async move {
        let heard = exchange(port, case).await;
        // A handshake that waits for more ends with its time.
        if heard.ended { Seen::Closed } else { Seen::Silence }
    });
    let mut seen: Sight = join_all(all).await.into_iter().collect();
    if seen.contains(&Seen::Closed) {
        // What was borne for as long as a handshake may take is closed right after.
        seen.remove(&Seen::Silence);
    }
    seen
}

async fn half_open(port: std::net::SocketAddr, scale: usize) -> Sight {
    let all = (0..300 * scale).map(|at| async move {
        let mut stream = tcp(port).await;
        if at % 2 == 0 {
            let _ = stream
                .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                .await;
        }
        if ended(&mut stream, HANDSHAKE + 2 * SOON).await {
            Seen::Closed
        } else {
            Seen::Silence
        }
    });
    join_all(all).await.into_iter().collect()
}

fn shaken<S>(outcome: std::io::Result<S>) -> Seen {
    match outcome {
        Ok(_) => Seen::Silence,
        Err(_) => Seen::Alert,
    }
}

async fn no_common(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for alpn in [&b"spdy/9"[..], b"", &[b'x'; 255], b"argotunnel"] {
        if !alpn.is_empty() {
            sight.insert(shaken(
                tls(target.https, &target.anchors, &target.host, &[alpn]).await,
            ));
        }
    }
    sight
}

async fn unknown_names(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for at in 0..200 * target.scale {
        let name = format!("nobody-{at}.{}", target.host);
        sight.insert(shaken(tls(target.https, &target.anchors, &name, &[b"h2"]).await));
    }
    sight
}

async fn leave(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for _ in 0..100 * target.scale {
        sight.insert(shaken(
            tls(target.https, &target.anchors, &target.host, &[b"h2"]).await,
        ));
    }
    sight
}

async fn connector_flood(target: &Target) -> Sight {
    let all = (0..100 * target.scale).map(|_| async {
        match tls(target.edge, &target.anchors, H2_SERVER_NAME, &[]).await {
            Ok(mut stream) => {
                if ended(&mut stream, 4 * SOON).await {
                    Seen::Closed
                } else {
                    Seen::Silence
                }
            }
            Err(_) => Seen::Alert,
        }
    });
    join_all(all).await.into_iter().collect()
}
