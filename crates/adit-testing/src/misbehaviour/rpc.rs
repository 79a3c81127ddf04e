//! Connectors whose control stream carries no good RPC.

use std::time::Duration;

use adit_rpc::{RegistrationClient, RpcLanes};
use adit_wire::registration::RegisterConnection;
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    time::{sleep, timeout},
};

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    quic::{REGISTRATION, closed, dial, dialer, noise_of},
    raw::SOON,
    registration::own,
};

/// How many connections a loop has open at once.
const AT_ONCE: usize = 16;
/// The interface that connectors call, as it lies in a message.
const INTERFACE: [u8; 8] = 0xf716_95ec_7fe8_5497_u64.to_le_bytes();

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "rpc-truncated",
        peer: Peer::Connector,
        does: "ends its control stream after each byte of a registration in turn",
        outcome: &[Seen::QuicClosed(0)],
        bound: "the connection ends with its control stream",
        run: |target| Box::pin(truncated(target)),
    },
    Misbehaviour {
        name: "rpc-flipped",
        peer: Peer::Connector,
        does: "sends a registration with one byte changed, for each byte that is not text",
        outcome: &[Seen::QuicClosed(0)],
        bound: "every read is checked; limits on size and nesting",
        run: |target| Box::pin(flipped(target)),
    },
    Misbehaviour {
        name: "rpc-unknown-calls",
        peer: Peer::Connector,
        does: "calls methods and interfaces that do not exist, and sends every type of message in place of a call",
        outcome: &[Seen::QuicClosed(0)],
        bound: "an exception, or the end of the connection",
        run: |target| Box::pin(unknown(target)),
    },
    Misbehaviour {
        name: "rpc-garbage",
        peer: Peer::Connector,
        does: "sends noise, tables of 2^32 segments, messages of 4 GiB, empty messages, and pointers in circles",
        outcome: &[Seen::QuicClosed(0)],
        bound: "512 KiB a message, 64 KiB in all until it has registered",
        run: |target| Box::pin(garbage(target)),
    },
    Misbehaviour {
        name: "rpc-call-flood",
        peer: Peer::Connector,
        does: "sends the same call as often as it can and reads no answer",
        outcome: &[Seen::QuicClosed(0)],
        bound: "64 KiB in all until it has registered, 4 MiB afterwards",
        run: |target| Box::pin(flood(target)),
    },
    Misbehaviour {
        name: "rpc-drip",
        peer: Peer::Connector,
        does: "sends its registration a byte each 100 ms, on 20 connections",
        outcome: &[Seen::QuicClosed(0)],
        bound: "10 s to register",
        run: |target| Box::pin(drip(target)),
    },
];

/// All that a connector sends to register.
pub(super) async fn transcript(request: RegisterConnection) -> Vec<u8> {
    let lanes = RpcLanes::start(1).expect("a thread");
    let (near, mut far) = duplex(1 << 20);
    let (reader, writer) = split(near);
    let (client, carried) = RegistrationClient::start(&lanes, reader, writer);
    let mut sent = Vec::new();
    let hearing = async {
        let mut buffer = [0; 4096];
        // It calls without waiting for anything, so its first silence is its last.
        while let Ok(Ok(read @ 1..)) = timeout(Duration::from_millis(200), far.read(&mut buffer)).await {
            sent.extend_from_slice(&buffer[..read]);
        }
    };
    tokio::select! {
        () = hearing => {}
        _ = carried => {}
        _ = client.register(request) => {}
    }
    sent
}

/// Says each on a control stream of its own, then ends it.
async fn all(target: &Target, cases: Vec<Vec<u8>>) -> Sight {
    let dialer = dialer(target);
    stream::iter(cases)
        .map(|case| {
            let dialer = &dialer;
            async move {
                let Some(connection) = dial(dialer, target.edge).await else {
                    return Seen::QuicFailed;
                };
                let Ok((mut send, receive)) = connection.open_stream().await else {
                    return Seen::QuicFailed;
                };
                // An edge that has seen enough ends the connection meanwhile.
                let _ = send.write_all(&case).await;
                send.finish();
                let seen = closed(&connection, REGISTRATION + SOON).await;
                drop(receive);
                seen
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

async fn truncated(target: &Target) -> Sight {
    let whole = transcript(own(target)).await;
    // Nothing at all opens no stream.
    let cases = (1..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
    all(target, cases).await
}

async fn flipped(target: &Target) -> Sight {
    let whole = transcript(own(target)).await;
    let pattern = [0xff, 0x01, 0x80];
    let cases = (0..whole.len())
        .filter(|at| !whole[*at].is_ascii_graphic())
        .enumerate()
        .map(|(turn, at)| {
            let mut case = whole.clone();
            case[at] ^= pattern[turn % pattern.len()];
            case
        })
        .collect();
    all(target, cases).await
}

async fn unknown(target: &Target) -> Sight {
    let whole = transcript(own(target)).await;
    let at = whole
        .windows(INTERFACE.len())
        .position(|window| window == INTERFACE)
        .expect("the transcript holds a call");
    let with = |at: usize, bytes: &[u8]| {
        let mut case = whole.clone();
        case[at..at + bytes.len()].copy_from_slice(bytes);
        case
    };
    // The method stands two bytes before the middle of the word before the interface.
    let methods = [1_u16, 2, 3, 99, u16::MAX].map(|method| with(at - 4, &method.to_le_bytes()));
    let interfaces = [0_u64, 1, u64::MAX].map(|interface| with(at, &interface.to_le_bytes()));
    // The type of the first message stands behind the table and the root pointer.
    let types = (0..20_u16)
        .chain([u16::MAX])
        .map(|kind| with(16, &kind.to_le_bytes()));
    let cases = methods.into_iter().chain(interfaces).chain(types).collect();
    all(target, cases).await
}

async fn garbage(target: &Target) -> Sight {
    let message = |words: &[u64]| {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend(u32::try_from(words.len()).expect("few").to_le_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    };
    // A struct of one pointer that points to itself, and a list of a billion empty structs.
    let circle = message(&[1 << 48, 0xffff_fffc | 1 << 48]);
    let billion = message(&[1 << 48, 1 | 7 << 32, 0x3fff_fffc]);
    let cases = vec![
        noise_of(60_000, 1),
        noise_of(7, 2),
        vec![0; 60_000],
        vec![0xff; 60_000],
        [vec![0xff; 4], vec![0; 60_000]].concat(),
        [vec![0, 0, 0, 0, 0xff, 0xff, 0xff, 0x1f], vec![0; 60_000]].concat(),
        [vec![0xff, 1, 0, 0], vec![1; 60_000]].concat(),
        message(&[]).repeat(5000),
        message(&[0]).repeat(3000),
        circle.repeat(1000),
        billion.repeat(1000),
        b"\x0a\x36\xcd\x12\xa1\x3e01".repeat(2),
        b"POST / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
    ];
    all(target, cases).await
}

async fn flood(target: &Target) -> Sight {
    let whole = transcript(own(target)).await;
    let at = whole
        .windows(INTERFACE.len())
        .position(|window| window == INTERFACE)
        .expect("a call");
    // A method that does not exist leaves the peer unregistered, however often it is called.
    let mut unregistered = whole.clone();
    unregistered[at - 4..at - 2].copy_from_slice(&99_u16.to_le_bytes());
    let registered = [&whole[..], &whole.repeat(20_000)].concat();
    all(target, vec![unregistered.repeat(1000), registered]).await
}

async fn drip(target: &Target) -> Sight {
    let (whole, dialer) = (transcript(own(target)).await, dialer(target));
    let all = (0..20 * target.scale).map(|_| async {
        let Some(connection) = dial(&dialer, target.edge).await else {
            return Seen::QuicFailed;
        };
        let Ok((mut send, receive)) = connection.open_stream().await else {
            return Seen::QuicFailed;
        };
        let dripping = async {
            for byte in &whole {
                if send.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
            std::future::pending::<()>().await;
        };
        let seen = tokio::select! {
            seen = closed(&connection, REGISTRATION + 2 * SOON) => seen,
            () = dripping => Seen::Silence,
        };
        drop(receive);
        seen
    });
    futures_util::future::join_all(all).await.into_iter().collect()
}
