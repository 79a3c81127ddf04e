//! Connectors over HTTP/2 that misuse frames. Here the connector is the server.

use std::{sync::Arc, time::Duration};

use adit_net::tls::H2_SERVER_NAME;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{
    Misbehaviour, Peer, Seen, Sight, Target, answers,
    frame::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PUSH_PROMISE,
        RST_STREAM, SETTINGS, field, frame, hear, integer, next, settings, window_update,
    },
    quic::{REGISTRATION, noise_of},
    raw::{SOON, tls},
    registration::own,
};
use crate::{scripted::begin_control, within};

/// `:status: 200`.
const OK: &[u8] = &[0x88];

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "session-garbage",
        peer: Peer::Connector,
        does: "answers the edge's HTTP/2 with HTTP/1.1, noise, or frames of 16 MiB",
        outcome: &[Seen::GoAway(1), Seen::GoAway(6), Seen::Closed],
        bound: "the session ends at the first frame",
        run: |target| Box::pin(garbage(target)),
    },
    Misbehaviour {
        name: "session-no-control-stream",
        peer: Peer::Connector,
        does: "takes the control stream and never answers it, or refuses, resets or ends it",
        outcome: &[Seen::Closed, Seen::GoAway(0), Seen::GoAway(1), Seen::Reset(8)],
        bound: "10 s to register",
        run: |target| Box::pin(no_control(target)),
    },
    Misbehaviour {
        name: "session-truncated-rpc",
        peer: Peer::Connector,
        does: "ends its control stream after every eighth byte of a registration in turn",
        outcome: &[Seen::Closed, Seen::GoAway(0), Seen::GoAway(1), Seen::Reset(8)],
        bound: "the connection ends with its control stream",
        run: |target| Box::pin(truncated(target)),
    },
    Misbehaviour {
        name: "session-wrong-frames",
        peer: Peer::Connector,
        does: "registers, then pushes, answers what nobody asked, and sends frames of wrong sizes and on wrong streams",
        outcome: &[
            Seen::GoAway(0),
            Seen::GoAway(1),
            Seen::GoAway(3),
            Seen::GoAway(5),
            Seen::GoAway(6),
            Seen::GoAway(9),
            Seen::Closed,
        ],
        bound: "the session ends; requests move to other connections",
        run: |target| Box::pin(wrong_frames(target)),
    },
    Misbehaviour {
        name: "session-floods",
        peer: Peer::Connector,
        does: "registers, then sends 50,000 SETTINGS, PINGs, empty frames or window updates",
        outcome: &[Seen::GoAway(11), Seen::GoAway(0), Seen::Silence, Seen::Closed],
        bound: "one acknowledgement at a time; reading stops until it is written",
        run: |target| Box::pin(floods(target)),
    },
    Misbehaviour {
        name: "session-head-bombs",
        peer: Peer::Connector,
        does: "answers with 10 MB of headers in CONTINUATION frames, and with 4,000 bytes named 16,000 times",
        outcome: &[Seen::Status(502), Seen::Status(530)],
        bound: "256 KiB of head after decompression",
        run: |target| Box::pin(head_bombs(target)),
    },
    Misbehaviour {
        name: "session-body-past-window",
        peer: Peer::Connector,
        does: "sends 64 MiB of body without regard to the edge's windows",
        outcome: &[Seen::CutShort, Seen::Status(502), Seen::Status(530)],
        bound: "windows of 1 MiB a stream and at most 16 MiB in all; the session ends",
        run: |target| Box::pin(past_window(target)),
    },
    Misbehaviour {
        name: "session-resets-requests",
        peer: Peer::Connector,
        does: "resets each request, with every code there is",
        outcome: &[Seen::Status(502), Seen::Status(530), Seen::Status(200)],
        bound: "three attempts a request, only where nobody saw it",
        run: |target| Box::pin(resets(target)),
    },
    Misbehaviour {
        name: "session-no-streams",
        peer: Peer::Connector,
        does: "registers, then allows no stream, or a window of zero",
        outcome: &[Seen::Silence, Seen::Status(503), Seen::Status(502)],
        bound: "a request waits 5 s for room; on a stream that is open, as long as its client does",
        run: |target| Box::pin(no_streams(target)),
    },
    Misbehaviour {
        name: "session-goes-away",
        peer: Peer::Connector,
        does: "registers and sends GOAWAY, with and without streams left open, and goes on sending",
        outcome: &[Seen::Status(530), Seen::Status(502), Seen::Silence],
        bound: "nothing new is sent there",
        run: |target| Box::pin(goes_away(target)),
    },
    Misbehaviour {
        name: "session-never-reads",
        peer: Peer::Connector,
        does: "registers and reads nothing more while clients ask",
        outcome: &[Seen::Status(502), Seen::Status(530)],
        bound: "a PING each 5 s; dead after 8 s of silence",
        run: |target| Box::pin(never_reads(target)),
    },
];

type Stream = TlsStream<TcpStream>;

async fn dial(target: &Target) -> Stream {
    let stream = tls(target.edge, &target.anchors, H2_SERVER_NAME, &[]).await;
    let mut stream = stream.expect("the edge shakes hands");
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).await.expect("a preface");
    stream
}

/// A registered connection, frame by frame. Dropping it closes it.
struct Session {
    /// Frames to send.
    out: mpsc::Sender<Vec<u8>>,
    /// Streams that the edge opens.
    asked: mpsc::Receiver<u32>,
    sight: Arc<Mutex<Sight>>,
    reading: JoinSet<()>,
    _carrying: JoinSet<()>,
}

impl Session {
    async fn registered(target: &Target) -> Self {
        let (reader, mut writer) = split(dial(target).await);
        let _ = writer.write_all(&settings(&[])).await;
        let (out, frames) = mpsc::channel(64);
        let (asked_by, asked) = mpsc::channel(256);
        let (near, far) = duplex(64 * 1024);
        let (from_rpc, to_rpc) = split(far);
        let sight = Arc::new(Mutex::new(Sight::new()));
        let (mut reading, mut carrying) = (JoinSet::new(), JoinSet::new());
        carrying.spawn(write(writer, frames));
        let (opened, open) = oneshot::channel();
        carrying.spawn(control(from_rpc, out.clone(), open));
        reading.spawn(read(
            reader,
            out.clone(),
            to_rpc,
            (opened, asked_by),
            Arc::clone(&sight),
        ));
        let (reader, writer) = split(near);
        let client = begin_control(&mut carrying, reader, writer);
        let answer = within("a registration", client.register(own(target))).await;
        answer.expect("an answer").expect("a registration");
        // Its last client would end the control stream.
        carrying.spawn(async move {
            let _client = client;
            std::future::pending::<()>().await;
        });
        Self {
            out,
            asked,
            sight,
            reading,
            _carrying: carrying,
        }
    }

    async fn send(&self, frames: Vec<u8>) {
        // A session that has ended takes no more.
        let _ = timeout(SOON, self.out.send(frames)).await;
    }

    /// What the edge says to that, until it ends the session or for `limit`.
    async fn hear(&mut self, limit: Duration) -> Sight {
        let ended = timeout(limit, self.reading.join_next()).await.is_ok();
        let mut sight = self.sight.lock().clone();
        if sight.is_empty() {
            sight.insert(if ended { Seen::Closed } else { Seen::Silence });
        }
        sight
    }
}

async fn write(mut writer: WriteHalf<Stream>, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frames) = frames.recv().await {
        if writer.write_all(&frames).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}

/// RPC to the edge.
async fn control(mut rpc: ReadHalf<DuplexStream>, out: mpsc::Sender<Vec<u8>>, open: oneshot::Receiver<()>) {
    if open.await.is_err() {
        return;
    }
    let mut buffer = vec![0; 8192];
    while let Ok(read @ 1..) = rpc.read(&mut buffer).await {
        if out.send(frame(DATA, 0, 1, &buffer[..read])).await.is_err() {
            return;
        }
    }
}

/// What the edge says: RPC to its place, acknowledgements where they are due, streams to whoever answers.
async fn read(
    mut reader: ReadHalf<Stream>,
    out: mpsc::Sender<Vec<u8>>,
    mut rpc: WriteHalf<DuplexStream>,
    ways: (oneshot::Sender<()>, mpsc::Sender<u32>),
    sight: Arc<Mutex<Sight>>,
) {
    let (opened, asked) = ways;
    let mut opened = Some(opened);
    while let Some(came) = next(&mut reader).await {
        let due = match (came.kind, came.flags & ACK) {
            (SETTINGS, 0) => Some(frame(SETTINGS, ACK, 0, b"")),
            (PING, 0) => Some(frame(PING, ACK, 0, &came.payload)),
            (HEADERS, _) if came.stream == 1 => {
                let _ = out.send(frame(HEADERS, END_HEADERS, 1, OK)).await;
                opened.take().map(|opened| opened.send(()));
                None
            }
            (HEADERS, _) => {
                // Whoever listens no more wants no more.
                let _ = asked.try_send(came.stream);
                None
            }
            (DATA, _) if came.stream == 1 => {
                let _ = rpc.write_all(&came.payload).await;
                None
            }
            _ => {
                sight.lock().extend(came.seen());
                None
            }
        };
        if let Some(due) = due {
            let _ = out.try_send(due);
        }
    }
}

/// Says `bytes` in a session of its own, to which nothing is acknowledged, and hears what comes of it.
async fn tell(target: &Target, bytes: &[u8], limit: Duration) -> Sight {
    let (mut reader, mut writer) = split(dial(target).await);
    let saying = async {
        let _ = writer.write_all(bytes).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        sight = hear(&mut reader, limit) => sight,
        () = saying => Sight::new(),
    }
}

async fn garbage(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for bytes in [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        noise_of(4096, 5),
        [&settings(&[])[..], b"\xff\xff\xff\0\0\0\0\0\x01"].concat(),
        frame(SETTINGS, 0, 0, b"12345"),
    ] {
        sight.extend(tell(target, &bytes, REGISTRATION + SOON).await);
    }
    sight
}

async fn no_control(target: &Target) -> Sight {
    let begun = settings(&[]);
    let cases = [
        Vec::new(),
        begun.clone(),
        [&begun[..], &frame(HEADERS, END_HEADERS, 1, &[0x8e])].concat(),
        [&begun[..], &frame(HEADERS, END_HEADERS | END_STREAM, 1, OK)].concat(),
        [&begun[..], &frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])].concat(),
        [&begun[..], &frame(GOAWAY, 0, 0, &[0; 8])].concat(),
    ];
    let told = cases.iter().map(|case| tell(target, case, REGISTRATION + SOON));
    futures_util::future::join_all(told)
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn truncated(target: &Target) -> Sight {
    let whole = super::rpc::transcript(own(target)).await;
    let mut sight = Sight::new();
    for cut in (0..whole.len()).step_by(8) {
        let case = [
            settings(&[]),
            frame(HEADERS, END_HEADERS, 1, OK),
            frame(DATA, END_STREAM, 1, &whole[..cut]),
        ]
        .concat();
        sight.extend(tell(target, &case, REGISTRATION + SOON).await);
    }
    sight
}

async fn wrong_frames(target: &Target) -> Sight {
    let cases = [
        frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        frame(HEADERS, END_HEADERS, 99, OK),
        frame(HEADERS, END_HEADERS, 2, OK),
        frame(HEADERS, END_HEADERS, 0, OK),
        frame(DATA, 0, 0, b"x"),
        frame(DATA, 0, 7, b"x"),
        frame(DATA, 0, 1, &[0; 20_000]),
        frame(SETTINGS, 0, 0, b"12345"),
        settings(&[(5, 1)]),
        settings(&[(4, 0x8000_0000)]),
        settings(&[(2, 1)]),
        frame(PING, 0, 0, b"short"),
        frame(CONTINUATION, END_HEADERS, 1, OK),
        [frame(HEADERS, 0, 1, OK), frame(PING, 0, 0, &[0; 8])].concat(),
        frame(GOAWAY, 0, 0, b"short"),
        window_update(0, 0x7fff_ffff),
        window_update(0, 0),
        frame(RST_STREAM, 0, 99, &[0; 4]),
        frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];
    let told = cases.map(|case| async {
        let mut session = Session::registered(target).await;
        session.send(case).await;
        session.hear(Duration::from_secs(2)).await
    });
    let seen = futures_util::future::join_all(told).await.into_iter().flatten();
    seen.filter(|seen| !matches!(seen, Seen::Reset(_) | Seen::Silence))
        .collect()
}

async fn floods(target: &Target) -> Sight {
    let mut sight = Sight::new();
    let count = 500 * target.scale;
    for piece in [
        settings(&[(3, 100)]),
        frame(PING, 0, 0, &[7; 8]),
        frame(DATA, 0, 1, b""),
        window_update(0, 1),
    ] {
        let mut session = Session::registered(target).await;
        for _ in 0..count {
            session.send(piece.repeat(100)).await;
            if session.out.is_closed() {
                break;
            }
        }
        sight.extend(session.hear(Duration::from_secs(1)).await);
    }
    sight
}

/// Answers requests of good clients with these frames, made for a stream; tells what the clients see.
async fn answering(target: &Target, requests: usize, own: &[u8], answer: impl Fn(u32) -> Vec<u8>) -> Sight {
    let mut session = Session::registered(target).await;
    session.send(own.to_vec()).await;
    let out = session.out.clone();
    let answering = async {
        while let Some(stream) = session.asked.recv().await {
            let _ = out.send(answer(stream)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        sight = answers::requests(target, requests) => sight,
        () = answering => Sight::new(),
    }
}

async fn head_bombs(target: &Target) -> Sight {
    let large = |stream: u32| {
        let fields = field(b"x", &[b'v'; 8000]);
        let begun = frame(HEADERS, END_STREAM, stream, &[OK, &fields].concat());
        let more = frame(CONTINUATION, 0, stream, &fields.repeat(2)).repeat(600);
        [begun, more, frame(CONTINUATION, END_HEADERS, stream, b"")].concat()
    };
    let bomb = |stream: u32| {
        let mut fields = [OK, &[0x40, 1, b'x']].concat();
        integer(&mut fields, 0, 7, 4000);
        fields.extend([b'v'; 4000]);
        fields.extend([0xbe; 12_000]);
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields)
    };
    let mut sight = answering(target, 10, b"", large).await;
    sight.extend(answering(target, 10, b"", bomb).await);
    sight
}

async fn past_window(target: &Target) -> Sight {
    answering(target, 10, b"", |stream| {
        let body = frame(DATA, 0, stream, &[7; 16_384]).repeat(4096);
        [frame(HEADERS, END_HEADERS, stream, OK), body].concat()
    })
    .await
}

async fn resets(target: &Target) -> Sight {
    let code = std::sync::atomic::AtomicU32::new(0);
    answering(target, 100 * target.scale, b"", |stream| {
        let code = code.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 16;
        frame(RST_STREAM, 0, stream, &code.to_be_bytes())
    })
    .await
}

async fn no_streams(target: &Target) -> Sight {
    let nothing = |_| Vec::new();
    let mut sight = answering(target, 10, &settings(&[(3, 0)]), nothing).await;
    sight.extend(answering(target, 10, &settings(&[(4, 0)]), nothing).await);
    sight
}

async fn goes_away(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for last in [0_u32, 1, 0x7fff_ffff] {
        let goodbye = frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
        sight.extend(answering(target, 10, &goodbye.repeat(2), |_| Vec::new()).await);
    }
    sight
}

async fn never_reads(target: &Target) -> Sight {
    let mut session = Session::registered(target).await;
    session.reading.abort_all();
    let upload = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n{}",
        target.own_host,
        "x".repeat(8 << 20)
    );
    let uploads = (0..5).map(|_| async {
        let stream = super::raw::tcp(target.http).await;
        super::raw::say(stream, upload.as_bytes(), 6 * SOON).await.sight()
    });
    futures_util::future::join_all(uploads)
        .await
        .into_iter()
        .flatten()
        .collect()
}
