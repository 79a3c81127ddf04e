//! HTTP/2 clients that misuse frames.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    frame::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, PUSH_PROMISE,
        RST_STREAM, SETTINGS, field, frame, get, hear, request, settings, window_update,
    },
    raw::{SOON, tls},
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "h2-rapid-reset",
        peer: Peer::Client,
        does: "opens 3,000 streams and resets each at once (CVE-2023-44487)",
        outcome: &[Seen::GoAway(11)],
        bound: "50 streams reset before they were looked at",
        run: |target| Box::pin(rapid_reset(target)),
    },
    Misbehaviour {
        name: "h2-made-you-reset",
        peer: Peer::Client,
        does: "opens 1,000 streams and makes the edge reset each by a window update that overflows (CVE-2025-8671)",
        outcome: &[Seen::GoAway(11), Seen::Reset(3), Seen::Status(200)],
        bound: "100 streams reset for a client's mistakes",
        run: |target| Box::pin(made_you_reset(target)),
    },
    Misbehaviour {
        name: "h2-continuation-flood",
        peer: Peer::Client,
        does: "begins a head and goes on with CONTINUATION frames, full or empty, without end (CVE-2024-24549 and kin)",
        outcome: &[Seen::GoAway(11), Seen::GoAway(1), Seen::Closed],
        bound: "a few frames more than `http.max_header_bytes` fills",
        run: |target| Box::pin(continuation_flood(target)),
    },
    Misbehaviour {
        name: "h2-settings-flood",
        peer: Peer::Client,
        does: "sends 100,000 SETTINGS and reads no acknowledgement",
        outcome: &[Seen::GoAway(0), Seen::GoAway(11), Seen::Closed],
        bound: "one acknowledgement at a time; reading stops until it is written",
        run: |target| Box::pin(settings_flood(target)),
    },
    Misbehaviour {
        name: "h2-ping-flood",
        peer: Peer::Client,
        does: "sends 100,000 PINGs and reads no answer",
        outcome: &[Seen::GoAway(0), Seen::GoAway(11), Seen::Closed],
        bound: "one answer at a time; reading stops until it is written",
        run: |target| Box::pin(ping_flood(target)),
    },
    Misbehaviour {
        name: "h2-empty-frames",
        peer: Peer::Client,
        does: "sends 100,000 empty DATA frames, priorities and frames of unknown types",
        outcome: &[Seen::GoAway(0), Seen::GoAway(11), Seen::Closed],
        bound: "dropped as they come",
        run: |target| Box::pin(empty_frames(target)),
    },
    Misbehaviour {
        name: "h2-window-overflow",
        peer: Peer::Client,
        does: "lets windows grow past 2^31, by updates and by settings, and by zero",
        outcome: &[
            Seen::GoAway(0),
            Seen::GoAway(3),
            Seen::GoAway(1),
            Seen::Reset(3),
            Seen::Reset(1),
            Seen::Closed,
        ],
        bound: "an error of the stream or of the connection",
        run: |target| Box::pin(window_overflow(target)),
    },
    Misbehaviour {
        name: "h2-wrong-frames",
        peer: Peer::Client,
        does: "sends frames of wrong sizes, on wrong streams, in wrong states, and settings out of range",
        outcome: &[
            Seen::GoAway(0),
            Seen::GoAway(1),
            Seen::GoAway(3),
            Seen::GoAway(5),
            Seen::GoAway(6),
            Seen::Reset(1),
            Seen::Reset(5),
            Seen::Reset(6),
            Seen::Closed,
        ],
        bound: "an error of the stream or of the connection",
        run: |target| Box::pin(wrong_frames(target)),
    },
    Misbehaviour {
        name: "h2-wrong-heads",
        peer: Peer::Client,
        does: "sends heads that HTTP/1 would read otherwise: Transfer-Encoding, Connection, CR LF, capitals, two paths, a Host of its own",
        outcome: &[
            Seen::Reset(1),
            Seen::Status(400),
            Seen::Status(404),
            Seen::GoAway(1),
            Seen::GoAway(0),
        ],
        bound: "an error of the stream",
        run: |target| Box::pin(wrong_heads(target)),
    },
    Misbehaviour {
        name: "h2-wrong-lengths",
        peer: Peer::Client,
        does: "sends bodies longer and shorter than their Content-Length",
        outcome: &[Seen::Reset(1)],
        bound: "an error of the stream; the upload is reset",
        run: |target| Box::pin(wrong_lengths(target)),
    },
    Misbehaviour {
        name: "h2-too-many-streams",
        peer: Peer::Client,
        does: "opens 1,000 streams at once, each with a body that it never sends",
        outcome: &[
            Seen::Reset(7),
            Seen::Reset(8),
            Seen::GoAway(11),
            Seen::Status(408),
            Seen::Closed,
        ],
        bound: "200 streams; `http.idle_timeout` for a body",
        run: |target| Box::pin(too_many_streams(target)),
    },
    Misbehaviour {
        name: "h2-zero-window",
        peer: Peer::Client,
        does: "asks for 1 MiB on each of 200 streams with a window of zero that it never opens",
        outcome: &[Seen::Closed, Seen::Status(200)],
        bound: "64 KiB a stream; `http.idle_timeout` for a client that takes nothing",
        run: |target| Box::pin(zero_window(target)),
    },
    Misbehaviour {
        name: "h2-never-read",
        peer: Peer::Client,
        does: "opens every window, asks for 64 MiB on each of 100 streams, and reads nothing from its socket",
        outcome: &[Seen::Closed, Seen::Silence],
        bound: "64 KiB a stream; `http.idle_timeout` once its system takes nothing either",
        run: |target| Box::pin(never_read(target)),
    },
    Misbehaviour {
        name: "h2-no-preface",
        peer: Peer::Client,
        does: "agrees on HTTP/2 and says nothing, half a preface, or HTTP/1.1",
        outcome: &[Seen::Closed, Seen::GoAway(0), Seen::GoAway(1)],
        bound: "`http.idle_timeout`",
        run: |target| Box::pin(no_preface(target)),
    },
];

type Stream = TlsStream<TcpStream>;

/// A session that has begun.
pub(super) async fn session(target: &Target, own: &[(u16, u32)]) -> Stream {
    let mut stream = dial(target).await;
    let hello = [PREFACE, &settings(own)].concat();
    stream.write_all(&hello).await.expect("the edge listens");
    stream
}

async fn dial(target: &Target) -> Stream {
    let stream = tls(target.https, &target.anchors, &target.host, &[b"h2"]).await;
    stream.expect("the edge shakes hands")
}

/// Says `bytes` in a session of its own and hears what comes of it.
pub(super) async fn tell(target: &Target, bytes: &[u8], limit: Duration) -> Sight {
    let (mut reader, mut writer) = split(session(target, &[]).await);
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

fn ids(count: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(count)
}

fn open(id: u32, flags: u8, fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, id, fields)
}

async fn rapid_reset(target: &Target) -> Sight {
    let fields = get(&target.host, "/bytes/10");
    let flood: Vec<u8> = ids(3000 * target.scale)
        .flat_map(|id| {
            [
                open(id, END_STREAM, &fields),
                frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()),
            ]
            .concat()
        })
        .collect();
    let mut sight = tell(target, &flood, 2 * SOON).await;
    // Some are answered before their reset is read.
    sight.retain(|seen| !matches!(seen, Seen::Status(_)));
    sight
}

async fn made_you_reset(target: &Target) -> Sight {
    let fields = get(&target.host, "/bytes/100000");
    let flood: Vec<u8> = ids(1000 * target.scale)
        .flat_map(|id| [open(id, END_STREAM, &fields), window_update(id, 0x7fff_ffff)].concat())
        .collect();
    tell(target, &flood, 2 * SOON).await
}

async fn continuation_flood(target: &Target) -> Sight {
    let begun = frame(HEADERS, 0, 1, &get(&target.host, "/"));
    let full = field(b"x-flood", &[b'x'; 8000]);
    let mut sight = Sight::new();
    for payload in [&full[..], b""] {
        let flood = frame(CONTINUATION, 0, 1, payload).repeat(20_000);
        sight.extend(tell(target, &[&begun[..], &flood].concat(), 2 * SOON).await);
    }
    sight
}

/// Says `bytes`, then hears what has come meanwhile.
async fn tell_then_hear(target: &Target, bytes: &[u8]) -> Sight {
    let mut stream = session(target, &[]).await;
    let patience = target.patience + SOON;
    let _ = tokio::time::timeout(patience, stream.write_all(bytes)).await;
    hear(&mut stream, SOON).await
}

async fn settings_flood(target: &Target) -> Sight {
    tell_then_hear(target, &settings(&[(1, 4096)]).repeat(100_000 * target.scale)).await
}

async fn ping_flood(target: &Target) -> Sight {
    tell_then_hear(target, &frame(PING, 0, 0, &[7; 8]).repeat(100_000 * target.scale)).await
}

async fn empty_frames(target: &Target) -> Sight {
    let count = 100_000 * target.scale;
    let begun = open(1, 0, &request("POST", &target.host, "/upload"));
    let data = [begun, frame(DATA, 0, 1, b"").repeat(count)].concat();
    let priority = frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1]).repeat(count);
    let unknown = frame(0xfa, 0xff, 0, b"?").repeat(count);
    let mut sight = Sight::new();
    for flood in [data, priority, unknown] {
        sight.extend(tell_then_hear(target, &flood).await);
    }
    sight
}

async fn window_overflow(target: &Target) -> Sight {
    let begun = open(1, 0, &request("POST", &target.host, "/upload"));
    let cases = [
        window_update(0, 0x7fff_ffff),
        window_update(0, 0),
        [&begun[..], &window_update(1, 0x7fff_ffff)].concat(),
        [&begun[..], &window_update(1, 0)].concat(),
        [
            &begun[..],
            &window_update(1, 0x7fff_0000),
            &settings(&[(4, 0x7fff_ffff)]),
        ]
        .concat(),
        settings(&[(4, 0x8000_0000)]),
    ];
    all(target, &cases).await
}

/// Each case in a session of its own. What a server says before it ends is heard, or for a second.
async fn all(target: &Target, cases: &[Vec<u8>]) -> Sight {
    let told = cases
        .iter()
        .map(|case| tell(target, case, Duration::from_secs(2)));
    let mut sight: Sight = futures_util::future::join_all(told)
        .await
        .into_iter()
        .flatten()
        .collect();
    sight.remove(&Seen::Silence);
    sight
}

async fn wrong_frames(target: &Target) -> Sight {
    let fields = get(&target.host, "/bytes/10");
    let begun = open(1, 0, &fields);
    let after = |frame: Vec<u8>| [&begun[..], &frame].concat();
    let cases = [
        frame(SETTINGS, 0, 0, b"12345"),
        frame(SETTINGS, 0, 1, b""),
        frame(SETTINGS, 1, 0, b"123456"),
        settings(&[(5, 1)]),
        settings(&[(5, 0x00ff_ffff + 1)]),
        settings(&[(2, 2)]),
        frame(PING, 0, 0, b"1234567"),
        frame(PING, 0, 1, b"12345678"),
        frame(RST_STREAM, 0, 1, &[0; 4]),
        after(frame(RST_STREAM, 0, 1, &[0; 3])),
        frame(WINDOW_UPDATE_KIND, 0, 0, &[0; 3]),
        frame(GOAWAY, 0, 1, &[0; 8]),
        frame(GOAWAY, 0, 0, &[0; 7]),
        frame(DATA, 0, 0, b"x"),
        frame(DATA, 0, 1, b"x"),
        frame(DATA, 0, 1, &[0; 20_000]),
        after(frame(DATA, 8, 1, &[200, 1])),
        open(0, END_STREAM, &fields),
        open(2, END_STREAM, &fields),
        [open(5, END_STREAM, &fields), open(3, END_STREAM, &fields)].concat(),
        frame(HEADERS, END_HEADERS | 8, 1, &[255, 0]),
        frame(HEADERS, END_HEADERS | 0x20, 1, &[0, 0, 0, 1, 0]),
        frame(CONTINUATION, END_HEADERS, 1, b""),
        [frame(HEADERS, 0, 1, &fields), frame(PING, 0, 0, &[0; 8])].concat(),
        [
            frame(HEADERS, 0, 1, &fields),
            frame(CONTINUATION, END_HEADERS, 3, b""),
        ]
        .concat(),
        frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]),
        [open(1, END_STREAM, &fields), frame(DATA, END_STREAM, 1, b"late")].concat(),
    ];
    let mut sight = all(target, &cases).await;
    // What was asked for before the mistake may be answered.
    sight.retain(|seen| !matches!(seen, Seen::Status(200)));
    sight
}

const WINDOW_UPDATE_KIND: u8 = super::frame::WINDOW_UPDATE;

async fn wrong_heads(target: &Target) -> Sight {
    let (host, plain) = (&target.host, get(&target.host, "/status/418"));
    let with = |name: &[u8], value: &[u8]| [&plain[..], &field(name, value)].concat();
    let heads = [
        with(b"transfer-encoding", b"chunked"),
        with(b"connection", b"close"),
        with(b"keep-alive", b"5"),
        with(b"proxy-connection", b"close"),
        with(b"upgrade", b"websocket"),
        with(b"te", b"gzip"),
        with(b"x", b"a\r\nHost: other.example"),
        with(b"x\r\ny", b"a"),
        with(b"x", b"a\0b"),
        with(b"", b"nameless"),
        with(b"X-Capital", b"1"),
        with(b"x y", b"1"),
        with(b":path", b"/second"),
        with(b":status", b"200"),
        with(b":unknown", b"1"),
        with(b"host", b"other.example"),
        get(host, ""),
        get(host, "no-slash"),
        get(host, "/a b"),
        get(host, "/a\r\nX: b"),
        get("", "/"),
        get(&format!("user@{host}"), "/"),
        get(&format!("{host}, other.example"), "/"),
        request("GE T", host, "/"),
        request("CONNECT", host, "/"),
        field(b":method", b"GET"),
        [field(b"x", b"first"), plain.clone()].concat(),
    ];
    let cases = heads.map(|head| open(1, END_STREAM, &head));
    let sight = all(target, &cases).await;
    // The origin's own status means that a head got through.
    if sight.contains(&Seen::Status(418)) {
        Sight::from([Seen::Leak])
    } else {
        sight
    }
}

async fn wrong_lengths(target: &Target) -> Sight {
    let post = |length: &[u8]| {
        let fields = [
            request("POST", &target.host, "/upload"),
            field(b"content-length", length),
        ]
        .concat();
        open(1, 0, &fields)
    };
    let cases = [
        [post(b"3"), frame(DATA, END_STREAM, 1, b"hello")].concat(),
        [post(b"30"), frame(DATA, END_STREAM, 1, b"hello")].concat(),
        [post(b"5, 6"), frame(DATA, END_STREAM, 1, b"hello")].concat(),
        [post(b"-5"), frame(DATA, END_STREAM, 1, b"hello")].concat(),
    ];
    let mut sight = all(target, &cases).await;
    // The session ends when it has nothing more to do.
    sight.retain(|seen| !matches!(seen, Seen::Status(502) | Seen::GoAway(0)));
    sight
}

async fn too_many_streams(target: &Target) -> Sight {
    let fields = request("POST", &target.host, "/upload");
    let flood: Vec<u8> = ids(1000 * target.scale)
        .flat_map(|id| open(id, 0, &fields))
        .collect();
    tell(target, &flood, target.patience + SOON).await
}

async fn zero_window(target: &Target) -> Sight {
    let (mut reader, mut writer) = split(session(target, &[(4, 0)]).await);
    let fields = get(&target.host, "/bytes/1048576");
    let flood: Vec<u8> = ids(200).flat_map(|id| open(id, END_STREAM, &fields)).collect();
    let _ = writer.write_all(&flood).await;
    let sight = hear(&mut reader, 4 * target.patience + 2 * SOON).await;
    // To be borne for ever is what this is after.
    if sight.contains(&Seen::Closed) {
        sight
    } else {
        Sight::from([Seen::Silence])
    }
}

async fn never_read(target: &Target) -> Sight {
    let mut stream = session(target, &[(4, 0x7fff_ffff)]).await;
    let fields = get(&target.host, "/bytes/67108864");
    let flood: Vec<u8> = ids(100).flat_map(|id| open(id, END_STREAM, &fields)).collect();
    let _ = stream
        .write_all(&[window_update(0, 0x7fff_0000), flood].concat())
        .await;
    tokio::time::sleep(3 * target.patience + SOON).await;
    let (mut buffer, most) = (vec![0; 64 * 1024], 64 << 20);
    let reading = async {
        let mut read = 0;
        while let Ok(more @ 1..) = stream.read(&mut buffer).await {
            read += more;
            if read > most {
                return Seen::Silence;
            }
        }
        Seen::Closed
    };
    Sight::from([tokio::time::timeout(SOON, reading).await.unwrap_or(Seen::Silence)])
}

async fn no_preface(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for hello in [
        &b""[..],
        &PREFACE[..10],
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        PREFACE,
    ] {
        let mut stream = dial(target).await;
        let _ = stream.write_all(hello).await;
        sight.extend(hear(&mut stream, 2 * target.patience + SOON).await);
    }
    sight
}
