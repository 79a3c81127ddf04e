//! HTTP/1.1 clients whose requests have no good head.

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{SOON, each, ended, exchange, listen, say, stuff, tcp},
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "head-too-large",
        peer: Peer::Client,
        does: "sends heads of 100 kB and of 10 MB, as one field, one name, one target or many fields",
        outcome: &[Seen::Status(431), Seen::Status(414), Seen::Status(400)],
        bound: "`http.max_header_bytes`",
        run: |target| Box::pin(too_large(target)),
    },
    Misbehaviour {
        name: "too-many-fields",
        peer: Peer::Client,
        does: "sends 300 fields of a few bytes",
        outcome: &[Seen::Status(431)],
        bound: "`http.max_headers`",
        run: |target| Box::pin(too_many(target)),
    },
    Misbehaviour {
        name: "no-http",
        peer: Peer::Client,
        does: "sends noise, a TLS hello, an HTTP/2 preface or another protocol's greeting to the HTTP port",
        outcome: &[Seen::Status(400), Seen::Closed],
        bound: "the first bytes tell",
        run: |target| Box::pin(no_http(target)),
    },
    Misbehaviour {
        name: "malformed-request-lines",
        peer: Peer::Client,
        does: "sends methods, targets and versions that are none",
        outcome: &[Seen::Status(400), Seen::Status(404), Seen::Closed],
        bound: "refused before anything is asked of a tunnel",
        run: |target| Box::pin(request_lines(target)),
    },
    Misbehaviour {
        name: "connect-through",
        peer: Peer::Client,
        does: "asks for CONNECT to a host, an address and the edge itself",
        outcome: &[Seen::Status(405), Seen::Status(400)],
        bound: "CONNECT is not offered",
        run: |target| Box::pin(connect(target)),
    },
    Misbehaviour {
        name: "pipelining-flood",
        peer: Peer::Client,
        does: "sends 1,000 requests in one go and reads all answers",
        outcome: &[Seen::Status(200)],
        bound: "one request at a time; 128 KiB read ahead",
        run: |target| Box::pin(pipelined(target)),
    },
    Misbehaviour {
        name: "pipelining-never-read",
        peer: Peer::Client,
        does: "sends requests without end and reads no answer",
        outcome: &[Seen::Closed],
        bound: "answers wait in 128 KiB; `http.idle_timeout` for a client that takes nothing",
        run: |target| Box::pin(never_read(target)),
    },
    Misbehaviour {
        name: "connection-flood",
        peer: Peer::Client,
        does: "opens 400 connections, says nothing on half of them and half a head on the others",
        outcome: &[Seen::Closed],
        bound: "`http.max_connections`, `http.idle_timeout`",
        run: |target| Box::pin(flood(target)),
    },
    Misbehaviour {
        name: "connect-and-leave",
        peer: Peer::Client,
        does: "opens 200 connections, asks, and leaves without reading",
        outcome: &[Seen::Silence],
        bound: "what a client has left is dropped",
        run: |target| Box::pin(leave(target)),
    },
    Misbehaviour {
        name: "forwarding-loop",
        peer: Peer::Client,
        does: "says that its request has passed through Adit many times",
        outcome: &[Seen::Status(508)],
        bound: "`CDN-Loop`",
        run: |target| Box::pin(looping(target)),
    },
];

async fn too_large(target: &Target) -> Sight {
    let mut cases = Vec::new();
    for bytes in [100_000, 10_000_000] {
        let filler = "x".repeat(bytes);
        cases.push(format!(
            "GET / HTTP/1.1\r\nHost: a.example\r\nX: {filler}\r\n\r\n"
        ));
        cases.push(format!(
            "GET / HTTP/1.1\r\nHost: a.example\r\n{filler}: 1\r\n\r\n"
        ));
        cases.push(format!("GET /{filler} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        cases.push(format!("{filler} / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        let fields = "X-Field: 0123456789\r\n".repeat(bytes / 20);
        cases.push(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
    }
    each(target.http, cases.into_iter().map(String::into_bytes)).await
}

async fn too_many(target: &Target) -> Sight {
    let fields: String = (0..300).map(|at| format!("X-{at}: 1\r\n")).collect();
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", target.host);
    exchange(target.http, head.as_bytes()).await.sight()
}

async fn no_http(target: &Target) -> Sight {
    let noise: Vec<u8> = (0..4096_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let cases = [
        noise,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        b"EHLO mail.example\r\n\r\n".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
    ];
    each(target.http, cases).await
}

async fn request_lines(target: &Target) -> Sight {
    let lines = [
        "GET",
        "GET /",
        "GET  /  HTTP/1.1",
        "GET / HTTP/1.9",
        "GET / HTTP/3.0",
        "GET / http/1.1",
        "G\u{1}T / HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ://// HTTP/1.1",
        "GET http://[::1/ HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET a.example:80 HTTP/1.1",
    ];
    each(
        target.http,
        lines.map(|line| format!("{line}\r\nHost: nobody.example\r\nConnection: close\r\n\r\n").into_bytes()),
    )
    .await
}

async fn connect(target: &Target) -> Sight {
    let targets = [
        "a.example:443",
        "127.0.0.1:22",
        &target.edge.to_string(),
        &target.host,
    ]
    .map(str::to_owned);
    each(
        target.http,
        targets.map(|to| {
            format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n").into_bytes()
        }),
    )
    .await
}

fn get(host: &str) -> String {
    format!("GET /bytes/10 HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

async fn pipelined(target: &Target) -> Sight {
    let count = 1000 * target.scale;
    let last = format!(
        "GET /bytes/10 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        target.host
    );
    let flood = get(&target.host).repeat(count - 1) + &last;
    let heard = say(tcp(target.http).await, flood.as_bytes(), Misbehaviour::LIMIT).await;
    if heard.statuses().len() == count {
        heard.sight()
    } else {
        Sight::from([Seen::CutShort])
    }
}

async fn never_read(target: &Target) -> Sight {
    let mut stream = tcp(target.http).await;
    let piece = get(&target.host).repeat(100);
    let most = 64 << 20;
    // A write fails once the edge has closed.
    let taken = stuff(&mut stream, piece.as_bytes(), most, 3 * target.patience + SOON).await;
    Sight::from([if taken < most { Seen::Closed } else { Seen::Silence }])
}

async fn flood(target: &Target) -> Sight {
    let connections = join_all((0..400 * target.scale).map(|at| async move {
        let mut stream = tcp(target.http).await;
        if at % 2 == 0 {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.exam").await;
        }
        stream
    }));
    let patience = target.patience + SOON;
    let all = join_all(
        connections
            .await
            .into_iter()
            .map(|mut stream| async move { ended(&mut stream, patience).await }),
    )
    .await;
    all.into_iter()
        .map(|ended| if ended { Seen::Closed } else { Seen::Silence })
        .collect()
}

async fn leave(target: &Target) -> Sight {
    let request = format!("GET /bytes/1000000 HTTP/1.1\r\nHost: {}\r\n\r\n", target.host);
    for _ in 0..10 * target.scale {
        let batch = (0..20).map(|_| async {
            let mut stream = tcp(target.http).await;
            let _ = stream.write_all(request.as_bytes()).await;
        });
        join_all(batch).await;
    }
    Sight::from([Seen::Silence])
}

async fn looping(target: &Target) -> Sight {
    let passed = "CDN-Loop: adit\r\n".repeat(50);
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{passed}\r\n", target.host);
    let mut stream = tcp(target.http).await;
    let _ = stream.write_all(head.as_bytes()).await;
    listen(&mut stream, SOON).await.sight()
}
