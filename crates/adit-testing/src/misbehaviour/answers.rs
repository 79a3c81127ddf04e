//! Connectors whose answers are none, to requests of good clients.

use std::time::Duration;

use adit_wire::http2::{RESPONSE_HEADERS, RESPONSE_META};
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::time::sleep;

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    message::{answer, opened, shared_text},
    quic::noise_of,
    raw::{Heard, SOON, say, tcp},
    registration::own,
};
use crate::{
    cloudflared::Protocol,
    scripted::{AnswerBody, Asked, ScriptedConnector},
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "answer-garbage",
        peer: Peer::Connector,
        does: "answers with HTTP/1.1, noise, the preamble of an RPC stream, or nothing",
        outcome: &[Seen::Status(502)],
        bound: "the request fails, the connection stays",
        run: |target| Box::pin(garbage(target)),
    },
    Misbehaviour {
        name: "answer-truncated",
        peer: Peer::Connector,
        does: "ends its answer after each byte of its head in turn",
        outcome: &[Seen::Status(502)],
        bound: "the request fails, the connection stays",
        run: |target| Box::pin(truncated(target)),
    },
    Misbehaviour {
        name: "answer-wrong-status",
        peer: Peer::Connector,
        does: "answers with the statuses 99, 1000, -1, 2e2 and none, and with 100 to 103 in place of an answer",
        outcome: &[Seen::Status(502)],
        bound: "the request fails, the connection stays",
        run: |target| Box::pin(wrong_status(target)),
    },
    Misbehaviour {
        name: "answer-giant-head",
        peer: Peer::Connector,
        does: "answers with tables of 513 segments and of 4 GiB, with 40,000 headers, with headers of 500 kB, and with a small message that reads as 60 MB",
        outcome: &[Seen::Status(502), Seen::Status(200)],
        bound: "512 segments, 512 KiB as it comes and as it reads",
        run: |target| Box::pin(giant_head(target)),
    },
    Misbehaviour {
        name: "answer-injects-headers",
        peer: Peer::Connector,
        does: "puts CR LF, NUL, blanks and colons into names and values, on both transports",
        outcome: &[Seen::Status(502)],
        bound: "the request fails, the connection stays",
        run: |target| Box::pin(injection(target)),
    },
    Misbehaviour {
        name: "answer-internal-headers",
        peer: Peer::Connector,
        does: "sends headers of its own hop and those between connector and edge for the client",
        outcome: &[Seen::Status(200)],
        bound: "dropped",
        run: |target| Box::pin(internal_headers(target)),
    },
    Misbehaviour {
        name: "answer-wrong-lengths",
        peer: Peer::Connector,
        does: "sends bodies longer and shorter than their Content-Length, two lengths, a chunked coding, and hides a second answer behind",
        outcome: &[Seen::Status(200), Seen::Status(502), Seen::CutShort, Seen::Closed],
        bound: "the client gets what was announced or an answer that breaks off",
        run: |target| Box::pin(wrong_lengths(target)),
    },
    Misbehaviour {
        name: "answer-never",
        peer: Peer::Connector,
        does: "takes 100 requests and answers none, or sends a head and no end",
        outcome: &[Seen::Silence, Seen::CutShort, Seen::Status(502)],
        bound: "an origin may be silent as long as its client waits; all ends with the client, or with the connector",
        run: |target| Box::pin(never(target)),
    },
    Misbehaviour {
        name: "answer-drip",
        peer: Peer::Connector,
        does: "sends head and body a byte each 10 ms",
        outcome: &[Seen::Status(200)],
        bound: "one task of a few kilobytes",
        run: |target| Box::pin(drip(target)),
    },
    Misbehaviour {
        name: "answer-reset",
        peer: Peer::Connector,
        does: "resets before its answer, after its head, and in its body, on both transports",
        outcome: &[Seen::Status(502), Seen::CutShort],
        bound: "an answer that breaks off never looks whole",
        run: |target| Box::pin(reset(target)),
    },
    Misbehaviour {
        name: "answer-endless",
        peer: Peer::Connector,
        does: "answers 20 clients, which read nothing, without end, on both transports",
        outcome: &[Seen::Silence],
        bound: "windows: `edge.memory_budget`; `http.idle_timeout` for a client that takes nothing",
        run: |target| Box::pin(endless(target)),
    },
    Misbehaviour {
        name: "answer-wrong-meta",
        peer: Peer::Connector,
        does: "over HTTP/2, packs headers that cannot be unpacked and says in wrong JSON who answers",
        outcome: &[Seen::Status(502), Seen::Status(200)],
        bound: "the request fails, or the words count as the origin's",
        run: |target| Box::pin(wrong_meta(target)),
    },
];

fn ask(target: &Target) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        target.own_host
    )
}

/// What a good client sees.
async fn request(target: &Target) -> Sight {
    judge(&say(tcp(target.http).await, ask(target).as_bytes(), 2 * SOON).await)
}

/// Many of them, a few at once.
pub(super) async fn requests(target: &Target, count: usize) -> Sight {
    let mut sight = Sight::new();
    for _ in 0..count.div_ceil(10) {
        sight.extend(
            join_all((0..10).map(|_| request(target)))
                .await
                .into_iter()
                .flatten(),
        );
    }
    sight
}

/// An answer's status, or that it broke off.
fn judge(heard: &Heard) -> Sight {
    let text = String::from_utf8_lossy(&heard.bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return heard.sight();
    };
    if heard.statuses().len() > 1 {
        return Sight::from([Seen::Leak]);
    }
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let whole = match length {
        Some(length) => body.len() >= length,
        None => !head.contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
    };
    if whole {
        heard.sight()
    } else {
        Sight::from([Seen::CutShort])
    }
}

async fn connector(target: &Target, protocol: Protocol) -> ScriptedConnector {
    let connector = ScriptedConnector::dial(target.edge, &target.anchors, protocol).await;
    let answer = connector.register(own(target)).await;
    answer.expect("an answer").expect("a registration");
    connector
}

/// Asks once, and lets `answering` do the answer.
async fn one(
    target: &Target,
    connector: &mut ScriptedConnector,
    answering: impl AsyncFnOnce(Asked),
) -> Sight {
    let answered = async {
        answering(connector.next().await).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        sight = request(target) => sight,
        () = answered => Sight::new(),
    }
}

/// Each of these bytes is the whole answer to a request of its own, over QUIC.
async fn each(target: &Target, answers: impl IntoIterator<Item = Vec<u8>>) -> Sight {
    let (mut connector, mut sight) = (connector(target, Protocol::Quic).await, Sight::new());
    for bytes in answers {
        let seen = one(target, &mut connector, async |asked: Asked| {
            let (_body, mut way) = asked.bare();
            // The edge may have read enough.
            let _ = way.write(bytes).await;
            way.finish();
        })
        .await;
        sight.extend(seen);
    }
    sight
}

async fn garbage(target: &Target) -> Sight {
    let mut rpc = Vec::new();
    adit_wire::StreamKind::Rpc.encode(&mut rpc);
    let good = answer(b"", &[(b"HttpStatus", b"200")]);
    let answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        noise_of(10_000, 3),
        [&rpc[..], &good[8..]].concat(),
        vec![0; 10_000],
        Vec::new(),
        good[..8].repeat(100),
        opened(&[0xffff_fffc | 2 << 48]),
    ];
    each(target, answers).await
}

async fn truncated(target: &Target) -> Sight {
    let whole = answer(b"", &[(b"HttpStatus", b"200"), (b"HttpHeader:X", b"y")]);
    each(target, (0..whole.len()).map(|cut| whole[..cut].to_vec())).await
}

async fn wrong_status(target: &Target) -> Sight {
    let statuses: [&[u8]; 15] = [
        b"", b"0", b"99", b"099", b"1000", b"-1", b"+200", b"2e2", b"200 OK", b"20", b"0xC8", b"100", b"101",
        b"102", b"103",
    ];
    each(
        target,
        statuses.map(|status| answer(b"", &[(b"HttpStatus", status)])),
    )
    .await
}

async fn giant_head(target: &Target) -> Sight {
    let mut preamble = Vec::new();
    adit_wire::StreamKind::Data.encode(&mut preamble);
    let table = |count: u32, words: u32| {
        let sizes = words
            .to_le_bytes()
            .repeat(usize::try_from(count).unwrap_or(1).min(1024) + 1);
        [&preamble[..], &count.to_le_bytes(), &sizes].concat()
    };
    let many: Vec<(Vec<u8>, &[u8])> = (0..40_000)
        .map(|at| (format!("HttpHeader:X{at}").into_bytes(), &b"v"[..]))
        .collect();
    let many: Vec<(&[u8], &[u8])> = many.iter().map(|(key, value)| (&key[..], *value)).collect();
    let large = vec![b'v'; 500_000];
    let answers = [
        table(512, 1),
        table(u32::MAX, 1),
        table(0, u32::MAX),
        answer(b"", &many),
        answer(b"", &[(b"HttpHeader:X", &large)]),
        shared_text(1000, 60_000),
    ];
    each(target, answers).await
}

async fn injection(target: &Target) -> Sight {
    let pairs: [(&[u8], &[u8]); 8] = [
        (b"HttpHeader:X", b"a\r\nSet-Cookie: b"),
        (b"HttpHeader:X", b"a\nb"),
        (b"HttpHeader:X", b"a\0b"),
        (b"HttpHeader:X\r\nY", b"a"),
        (b"HttpHeader:X Y", b"a"),
        (b"HttpHeader:", b"a"),
        (b"HttpHeader:X:Y", b"a"),
        (b"HttpHeader:X\xff", b"a"),
    ];
    let mut sight = each(
        target,
        pairs.map(|pair| answer(b"", &[(b"HttpStatus", b"200"), pair])),
    )
    .await;
    let mut connector = connector(target, Protocol::Http2).await;
    // X and "a CR LF b" as a connector packs them.
    for packed in ["WA:YQ0KYg", "WA0KWQ:YQ", "OmE:YQ", "WCBZ:YQ"] {
        sight.extend(
            one(target, &mut connector, async |asked: Asked| {
                let head = Response::builder()
                    .header(RESPONSE_HEADERS, packed)
                    .body(())
                    .expect("a head");
                asked.respond(head).finish();
            })
            .await,
        );
    }
    sight
}

async fn internal_headers(target: &Target) -> Sight {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("cf-cloudflared-response-meta", "hidden"),
        ("cf-cloudflared-proxy-src", "hidden"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "hidden"),
        ("keep-alive", "hidden"),
        ("proxy-connection", "hidden"),
        ("upgrade", "hidden"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut sight = Sight::new();
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut connector = connector(target, protocol).await;
        let answered = async {
            let (_body, mut way) = connector.next().await.answer(200, headers.clone()).await;
            way.finish();
            std::future::pending::<()>().await;
        };
        let heard = tokio::select! {
            heard = async { say(tcp(target.http).await, ask(target).as_bytes(), 2 * SOON).await } => heard,
            () = answered => Heard::default(),
        };
        sight.extend(if heard.contains("hidden") {
            Sight::from([Seen::Leak])
        } else {
            judge(&heard)
        });
    }
    sight
}

async fn wrong_lengths(target: &Target) -> Sight {
    let hidden = "HTTP/1.1 418 Hidden\r\nContent-Length: 0\r\n\r\n";
    let heads: [&[(&str, &str)]; 6] = [
        &[("content-length", "2")],
        &[("content-length", "1000000")],
        &[("content-length", "2"), ("content-length", "3")],
        &[("transfer-encoding", "chunked")],
        &[("content-length", "2"), ("transfer-encoding", "chunked")],
        &[("content-length", "-1")],
    ];
    let mut sight = Sight::new();
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut connector = connector(target, protocol).await;
        for fields in heads {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let seen = one(target, &mut connector, async |asked: Asked| {
                let (_body, mut way) = asked.answer(200, headers).await;
                // Where two are announced, what is behind two bytes must never look like an answer.
                let body = if fields[0].1 == "2" {
                    format!("ok{hidden}")
                } else {
                    "ok".to_owned()
                };
                let _ = way.write(body).await;
                way.finish();
            })
            .await;
            sight.extend(seen);
        }
    }
    sight
}

async fn never(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut connector = connector(target, protocol).await;
        let mut kept = Vec::new();
        let taking = async {
            loop {
                let asked = connector.next().await;
                if kept.len() % 2 == 0 {
                    kept.push((Some(asked), None));
                } else {
                    let mut headers = HeaderMap::new();
                    headers.insert("content-length", HeaderValue::from_static("5"));
                    kept.push((None, Some(asked.answer(200, headers).await)));
                }
            }
        };
        let clients = join_all((0..50 * target.scale).map(|_| async {
            judge(
                &say(
                    tcp(target.http).await,
                    ask(target).as_bytes(),
                    Duration::from_secs(2),
                )
                .await,
            )
        }));
        tokio::select! {
            seen = clients => sight.extend(seen.into_iter().flatten()),
            () = taking => {}
        }
    }
    sight
}

async fn drip(target: &Target) -> Sight {
    let mut connector = connector(target, Protocol::Quic).await;
    let bytes = [
        answer(
            b"",
            &[(b"HttpStatus", b"200"), (b"HttpHeader:content-length", b"5")],
        ),
        b"hello".to_vec(),
    ];
    one(target, &mut connector, async |asked: Asked| {
        let (_body, mut way) = asked.bare();
        for byte in bytes.concat() {
            let _ = way.write(vec![byte]).await;
            sleep(Duration::from_millis(10)).await;
        }
        way.finish();
    })
    .await
}

async fn reset(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut connector = connector(target, protocol).await;
        for stage in 0..3 {
            let seen = one(target, &mut connector, async |asked: Asked| {
                if stage == 0 {
                    return drop(asked);
                }
                let (_body, mut way) = asked.answer(200, HeaderMap::new()).await;
                if stage == 2 {
                    let _ = way.write("half of what was to come").await;
                }
                // What is reset with a head on its way may take it along.
                sleep(Duration::from_millis(200)).await;
                way.reset();
            })
            .await;
            sight.extend(seen);
        }
    }
    sight
}

async fn endless(target: &Target) -> Sight {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut connector = connector(target, protocol).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            use tokio::io::AsyncWriteExt;
            let mut client = tcp(target.http).await;
            let _ = client.write_all(ask(target).as_bytes()).await;
            clients.push(client);
        }
        let mut ways: Vec<AnswerBody> = Vec::new();
        for _ in 0..20 {
            let (_body, way) = connector.next().await.answer(200, HeaderMap::new()).await;
            ways.push(way);
        }
        let writing = ways
            .iter_mut()
            .map(|way| async { while way.write(vec![7; 64 * 1024]).await.is_ok() {} });
        // It ends when the edge has lost its patience with the clients.
        let _ = tokio::time::timeout(2 * target.patience + SOON, join_all(writing)).await;
    }
    Sight::from([Seen::Silence])
}

async fn wrong_meta(target: &Target) -> Sight {
    let mut connector = connector(target, Protocol::Http2).await;
    let mut sight = Sight::new();
    let nested = "[".repeat(20_000);
    for (name, value) in [
        (RESPONSE_HEADERS, "%%%:%%%"),
        (RESPONSE_HEADERS, "WA"),
        (RESPONSE_HEADERS, ";;;;:"),
        (RESPONSE_META, "{"),
        (RESPONSE_META, "null"),
        (RESPONSE_META, r#"{"src":7}"#),
        (RESPONSE_META, r#"{"src":"elsewhere"}"#),
        (RESPONSE_META, &nested),
    ] {
        let seen = one(target, &mut connector, async |asked: Asked| {
            let head = Response::builder().header(name, value).body(()).expect("a head");
            asked.respond(head).finish();
        })
        .await;
        sight.extend(seen);
    }
    sight
}
