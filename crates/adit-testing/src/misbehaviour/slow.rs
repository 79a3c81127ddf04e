//! Clients that take their time: with their head, their body, or what they have asked for.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{Heard, SOON, ended, listen, stuff, tcp, tls},
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "slow-head",
        peer: Peer::Client,
        does: "sends a head byte by byte and never ends it, on 50 connections",
        outcome: &[Seen::Closed, Seen::Status(408)],
        bound: "`http.idle_timeout` for a whole head",
        run: |target| Box::pin(head(target)),
    },
    Misbehaviour {
        name: "slow-body",
        peer: Peer::Client,
        does: "announces a body, sends a few bytes and stops, on 50 connections",
        outcome: &[Seen::Status(408)],
        bound: "`http.idle_timeout` between two pieces",
        run: |target| Box::pin(body(target)),
    },
    Misbehaviour {
        name: "slow-reader",
        peer: Peer::Client,
        does: "asks for 64 MiB on each of 20 connections and reads nothing",
        outcome: &[Seen::CutShort, Seen::Silence],
        bound: "windows; `http.idle_timeout` once its system takes nothing either",
        run: |target| Box::pin(reader(target)),
    },
    Misbehaviour {
        name: "drip-reader",
        peer: Peer::Client,
        does: "asks for 64 MiB on each of 20 connections and reads a few bytes each 100 ms",
        outcome: &[Seen::Status(200)],
        bound: "windows: it is served as slowly as it reads",
        run: |target| Box::pin(drip(target)),
    },
    Misbehaviour {
        name: "slow-reader-tls",
        peer: Peer::Client,
        does: "the same over TLS",
        outcome: &[Seen::CutShort, Seen::Silence],
        bound: "windows; `http.idle_timeout` once its system takes nothing either",
        run: |target| Box::pin(reader_tls(target)),
    },
    Misbehaviour {
        name: "websocket-never-read",
        peer: Peer::Client,
        does: "opens a WebSocket to an echo, sends without end and reads nothing, on 10 connections",
        outcome: &[Seen::Closed, Seen::Silence],
        bound: "windows; `http.idle_timeout` once its system takes nothing either",
        run: |target| Box::pin(websocket(target)),
    },
    Misbehaviour {
        name: "websocket-garbage",
        peer: Peer::Client,
        does: "opens a WebSocket and sends frames that are none",
        outcome: &[Seen::Status(101)],
        bound: "the edge carries bytes and reads no frames; the origin judges",
        run: |target| Box::pin(websocket_garbage(target)),
    },
];

async fn head(target: &Target) -> Sight {
    let all = (0..50 * target.scale).map(|_| async {
        let mut stream = tcp(target.http).await;
        let begun = Instant::now();
        let bytes = b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Slow: "
            .iter()
            .chain(std::iter::repeat(&b'x'));
        for byte in bytes {
            if begun.elapsed() > target.patience + SOON || stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let heard = listen(&mut stream, SOON).await;
        if heard.ended {
            heard.sight()
        } else {
            Sight::from([Seen::Silence])
        }
    });
    join_all(all).await.into_iter().flatten().collect()
}

async fn body(target: &Target) -> Sight {
    let all = (0..50 * target.scale).map(|at| async move {
        let announced = if at % 2 == 0 {
            "Content-Length: 1000"
        } else {
            "Transfer-Encoding: chunked"
        };
        let head = format!(
            "POST /upload HTTP/1.1\r\nHost: {}\r\n{announced}\r\n\r\n5\r\nhe",
            target.host
        );
        let mut stream = tcp(target.http).await;
        let _ = stream.write_all(head.as_bytes()).await;
        listen(&mut stream, target.patience + SOON).await.sight()
    });
    join_all(all).await.into_iter().flatten().collect()
}

const LARGE: usize = 64 << 20;

fn ask(host: &str) -> String {
    format!("GET /bytes/{LARGE} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// What is left once the edge has had time to lose its patience.
fn short(heard: &Heard, read: usize) -> Seen {
    if heard.ended && read < LARGE {
        Seen::CutShort
    } else {
        Seen::Silence
    }
}

async fn rest_of(stream: &mut (impl tokio::io::AsyncRead + Unpin), target: &Target) -> Seen {
    // Until the system's own buffers are full, too, and from then on its patience.
    sleep(3 * target.patience + SOON).await;
    let (mut read, mut heard) = (0, Heard::default());
    let mut buffer = vec![0; 64 * 1024];
    let reading = async {
        while let Ok(more @ 1..) = stream.read(&mut buffer).await {
            read += more;
        }
    };
    heard.ended = tokio::time::timeout(SOON, reading).await.is_ok();
    short(&heard, read)
}

async fn reader(target: &Target) -> Sight {
    let all = (0..20 * target.scale).map(|_| async {
        let mut stream = tcp(target.http).await;
        let _ = stream.write_all(ask(&target.host).as_bytes()).await;
        rest_of(&mut stream, target).await
    });
    join_all(all).await.into_iter().collect()
}

async fn reader_tls(target: &Target) -> Sight {
    let all = (0..20 * target.scale).map(|_| async {
        let Ok(mut stream) = tls(target.https, &target.anchors, &target.host, &[b"http/1.1"]).await else {
            return Seen::Alert;
        };
        let _ = stream.write_all(ask(&target.host).as_bytes()).await;
        rest_of(&mut stream, target).await
    });
    join_all(all).await.into_iter().collect()
}

async fn drip(target: &Target) -> Sight {
    let all = (0..20 * target.scale).map(|_| async {
        let mut stream = tcp(target.http).await;
        let _ = stream.write_all(ask(&target.host).as_bytes()).await;
        let (begun, mut heard, mut buffer) = (Instant::now(), Heard::default(), [0; 4096]);
        while begun.elapsed() < 2 * target.patience {
            match stream.read(&mut buffer).await {
                Ok(read @ 1..) => heard.bytes.extend_from_slice(&buffer[..read]),
                Ok(0) | Err(_) => return Sight::from([Seen::CutShort]),
            }
            sleep(Duration::from_millis(100)).await;
        }
        heard.sight()
    });
    join_all(all).await.into_iter().flatten().collect()
}

/// An open WebSocket whose origin sends back whatever comes.
async fn upgraded(target: &Target, path: &str) -> Option<tokio::net::TcpStream> {
    let mut stream = tcp(target.http).await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        target.host
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.ok()?);
    }
    answer.starts_with(b"HTTP/1.1 101").then_some(stream)
}

async fn websocket(target: &Target) -> Sight {
    let all = (0..10 * target.scale).map(|_| async {
        let Some(mut stream) = upgraded(target, "/websocket/raw").await else {
            return Seen::Silence;
        };
        let patience = 3 * target.patience + SOON;
        let taken = stuff(&mut stream, &[7; 64 * 1024], 256 << 20, patience).await;
        // A write that does not fail in time means that nobody lost patience.
        let gone = taken < 256 << 20 && ended(&mut stream, 4 * SOON).await;
        if gone { Seen::Closed } else { Seen::Silence }
    });
    join_all(all).await.into_iter().collect()
}

async fn websocket_garbage(target: &Target) -> Sight {
    let Some(mut stream) = upgraded(target, "/websocket").await else {
        return Sight::from([Seen::Closed]);
    };
    let _ = stream.write_all(&[0xff; 4096]).await;
    let _ = stream.shutdown().await;
    let _ = listen(&mut stream, SOON).await;
    Sight::from([Seen::Status(101)])
}
