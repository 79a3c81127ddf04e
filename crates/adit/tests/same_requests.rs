//! The same configuration file gives the origin the same requests, and the client the same answers, whether the stock
//! connector reads it or ours, on either transport.
#![expect(clippy::unwrap_used, reason = "a test may panic, and tells what it found")]

#[path = "same_requests/recorder.rs"]
mod recorder;
mod support;

use std::{collections::BTreeMap, os::unix::fs::symlink, path::Path, time::Duration};

use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    long_only, skip, within,
};
use recorder::{Recorded, Recorder};
use support::{ADIT, Server, Tunnel};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Host names, each with a service and its settings; `{}` is where the recorder listens.
const RULES: &[(&str, &str, &str)] = &[
    ("plain", "http://{}", ""),
    ("hosted", "http://{}", "httpHostHeader: inner.example"),
    ("measured", "http://{}", "disableChunkedEncoding: true"),
    (
        "pooled",
        "http://{}",
        "keepAliveConnections: 1\n      keepAliveTimeout: 10s\n      connectTimeout: 5s",
    ),
    ("sockets", "ws://{}", ""),
    ("files", "unix:{unix}", ""),
    ("teapot", "http_status:418", ""),
    ("nobody", "http://127.0.0.1:1", ""),
];

/// What clients send after the request line and Host.
const REQUESTS: &[(&str, &str, &str)] = &[
    (
        "get",
        "GET /a/b?c=d&e=%20f;g",
        "Accept: */*\r\nUser-Agent: test\r\n\r\n",
    ),
    ("get without any header", "GET /", "\r\n"),
    ("odd path", "GET //a/../b/./%2Fc%3f//?", "\r\n"),
    ("odd query", "GET /?a=b?c&&;'\"|{}", "\r\n"),
    ("accept coding", "GET /", "Accept-Encoding: gzip, br\r\n\r\n"),
    ("compressed answer", "GET /gzip", "Accept-Encoding: gzip\r\n\r\n"),
    ("compressed answer that nobody asked for", "GET /gzip", "\r\n"),
    ("head", "HEAD /sized", "\r\n"),
    (
        "options",
        "OPTIONS /x",
        "Access-Control-Request-Method: PUT\r\n\r\n",
    ),
    ("delete", "DELETE /x", "\r\n"),
    ("delete with a body", "DELETE /x", "Content-Length: 3\r\n\r\nabc"),
    ("get with a body", "GET /x", "Content-Length: 3\r\n\r\nabc"),
    (
        "post",
        "POST /x",
        "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("post of nothing", "POST /x", "Content-Length: 0\r\n\r\n"),
    ("post without a length", "POST /x", "\r\n"),
    (
        "chunked post",
        "POST /x",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ),
    (
        "chunked post of nothing",
        "POST /x",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "put that waits",
        "PUT /x",
        "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    ),
    ("own method", "PURGE /x", "\r\n"),
    (
        "repeated headers",
        "GET /",
        "X-One: 1\r\nx-one: 2\r\nX-ONE: 3\r\nX-Empty:\r\n\r\n",
    ),
    (
        "cookies",
        "GET /cookies",
        "Cookie: a=1; b=2\r\nCookie: c=3\r\n\r\n",
    ),
    (
        "hop by hop",
        "GET /",
        "Keep-Alive: 5\r\nTE: trailers, gzip\r\nProxy-Authorization: Basic x\r\nProxy-Connection: close\r\nTrailer: X\r\nUpgrade: h2c\r\n\r\n",
    ),
    (
        "forwarded",
        "GET /",
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: a\r\nForwarded: for=6.6.6.6\r\nVia: 1.1 me\r\nCf-Connecting-Ip: 6.6.6.6\r\n\r\n",
    ),
    (
        "credentials",
        "GET /",
        "Authorization: Bearer x\r\nOrigin: https://a.example\r\nReferer: https://a.example/\r\n\r\n",
    ),
    (
        "range and conditions",
        "GET /304",
        "Range: bytes=0-1\r\nIf-None-Match: \"x\"\r\nIf-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
    ),
    ("early hints", "GET /103", "\r\n"),
    ("no content", "GET /204", "\r\n"),
    (
        "chunked answer with trailers",
        "GET /chunked",
        "TE: trailers\r\n\r\n",
    ),
    ("answer without a length", "GET /until-close", "\r\n"),
    ("redirect", "GET /302", "\r\n"),
    ("server error", "GET /500", "\r\n"),
    ("odd answer headers", "GET /odd", "\r\n"),
    ("events", "GET /events", "Accept: text/event-stream\r\n\r\n"),
    (
        "websocket",
        "GET /ws",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, talk\r\nOrigin: https://a.example\r\n\r\n",
    ),
    (
        "refused websocket",
        "GET /plain",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ),
    (
        "grpc over http/1",
        "POST /grpc",
        "Content-Type: application/grpc\r\nTE: trailers\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0",
    ),
];

/// Where the two are known to differ: the transport, the rule (`*` for all), the request, and why that is well.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    (
        "*",
        "*",
        "compressed answer that nobody asked for",
        "the stock connector asks for gzip by itself and unpacks it: here bytes pass as the origin sends them",
    ),
    (
        "*",
        "*",
        "hop by hop",
        "Proxy-Authorization is for a proxy: the stock connector tells it to the origin",
    ),
    (
        "*",
        "*",
        "odd answer headers",
        "Proxy-Authenticate is a proxy's: the stock connector passes it on",
    ),
    (
        "*",
        "measured",
        "chunked post",
        "the stock connector sends a body without a length, which the origin takes for the next request",
    ),
    ("*", "measured", "chunked post of nothing", "what is left of that"),
    (
        "http2",
        "*",
        "own method",
        "the stock connector announces a body that there is not",
    ),
    ("http2", "*", "post of nothing", "the same"),
    ("http2", "*", "post without a length", "the same"),
    (
        "http2",
        "files",
        "websocket",
        "the stock connector does not reach a Unix socket",
    ),
    ("http2", "files", "refused websocket", "the same"),
    (
        "http2",
        "*",
        "refused websocket",
        "the stock connector was seen to give no answer",
    ),
    ("http2", "teapot", "websocket", "the same"),
];

/// What the stock connector asks of an origin for itself. It unpacks the answer, which changes bytes that a client has asked for
/// as they are.
const GZIP: &str = "Accept-Encoding: gzip";

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    at_the_origin: Vec<Recorded>,
    at_the_client: String,
}

type All = BTreeMap<(String, String), Seen>;

/// One connector with the file, all requests one after another.
async fn run(
    server: &Server,
    tunnel: &Tunnel,
    binary: &Path,
    protocol: Protocol,
    yaml: &str,
    recorder: &Recorder,
) -> All {
    let options = Options::new(binary, server.listener("edge"), &server.ca(), &tunnel.token);
    let connector = Cloudflared::start_ready(&options.over(protocol).configured(yaml), 4).await;
    server.connected(tunnel, 4).await;
    let mut all = All::new();
    for (rule, _, _) in RULES {
        for (name, line, rest) in REQUESTS {
            let line = format!("{line} HTTP/1.1\r\nHost: {rule}.adit.localhost\r\n");
            let at_the_client = ask(server, &format!("{line}{rest}")).await;
            let at_the_origin = recorder.take();
            all.insert(
                ((*rule).to_owned(), (*name).to_owned()),
                Seen {
                    at_the_origin,
                    at_the_client,
                },
            );
        }
        let large = format!("X-Large: {}\r\n", "v".repeat(7000)).repeat(6);
        let line = format!("GET /large HTTP/1.1\r\nHost: {rule}.adit.localhost\r\n{large}\r\n");
        let at_the_client = ask(server, &line).await;
        let at_the_origin = recorder.take();
        all.insert(
            ((*rule).to_owned(), "large headers".to_owned()),
            Seen {
                at_the_origin,
                at_the_client,
            },
        );
    }
    let (mut process, _home) = connector.into_parts();
    process.kill().await;
    server.connected(tunnel, 0).await;
    all
}

/// The whole answer of the edge, as far as it does not differ from time to time.
async fn ask(server: &Server, request: &str) -> String {
    let mut client = TcpStream::connect(server.listener("http")).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        // Where an answer does not say how long it is, it is all that comes at once.
        let patience = if answered(&answer).is_some() { 250 } else { 10_000 };
        match timeout(Duration::from_millis(patience), client.read_buf(&mut answer)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => break,
        }
    }
    let answer = answered(&answer).unwrap_or(&answer);
    let text = answer
        .escape_ascii()
        .to_string()
        .replace("\\r\\n", "\n")
        .replace("\\n", "\n");
    let varies = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["date:", "cf-ray:", "ray:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let text: Vec<&str> = text.lines().filter(|line| !varies(line)).collect();
    let text = text.join("\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines: Vec<&str> = head.lines().collect();
    // Their order says nothing.
    if let [_status, headers @ ..] = &mut lines[..] {
        headers.sort_by_key(|line| line.split(':').next().unwrap_or_default().to_ascii_lowercase());
    }
    format!("{}\n\n{body}", lines.join("\n"))
}

/// From the head that answers the request, behind those that only announce it.
fn answered(answer: &[u8]) -> Option<&[u8]> {
    let mut rest = answer;
    loop {
        let end = end_of_head(rest)?;
        let announces = rest.starts_with(b"HTTP/1.1 1") && !rest.starts_with(b"HTTP/1.1 101");
        if !announces {
            return Some(rest);
        }
        rest = &rest[end..];
    }
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn is_whole(answer: &[u8]) -> bool {
    let Some((answer, end)) = answered(answer).and_then(|answer| Some((answer, end_of_head(answer)?))) else {
        return false;
    };
    let (head, body) = answer.split_at(end);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => head.contains("transfer-encoding: chunked") && body.ends_with(b"0\r\n\r\n"),
    }
}

fn yaml(recorder: &Recorder) -> String {
    let mut text = "ingress:\n".to_owned();
    for (name, service, settings) in RULES {
        let service = service.replace("{unix}", recorder.unix.to_str().unwrap());
        let service = service.replace("{}", &recorder.addr.to_string());
        text.push_str(&format!(
            "  - hostname: {name}.adit.localhost\n    service: {service}\n"
        ));
        if !settings.is_empty() {
            text.push_str(&format!("    originRequest:\n      {settings}\n"));
        }
    }
    text + "  - service: http_status:404\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_configuration_gives_the_origin_the_same_requests() {
    let name = "the_same_configuration_gives_the_origin_the_same_requests";
    if !long_only(name) {
        return;
    }
    let Some(stock) = cloudflared::binary() else {
        return skip(name, cloudflared::ABSENT);
    };
    let dir = TempDir::new().unwrap();
    let ours = dir.path().join("cloudflared");
    symlink(ADIT, &ours).unwrap();
    let recorder = Recorder::start(dir.path().join("origin.sock")).await;
    let yaml = yaml(&recorder);
    let server = Server::start().await;
    let tunnel = server.tunnel("plain").await;
    for (rule, _, _) in RULES.iter().skip(1) {
        server.route(&tunnel, rule).await;
    }
    let mut differences = Vec::new();
    for protocol in Protocol::ALL {
        let theirs = run(&server, &tunnel, &stock, protocol, &yaml, &recorder).await;
        let mine = run(&server, &tunnel, &ours, protocol, &yaml, &recorder).await;
        for ((key, theirs), mine) in theirs.iter().zip(mine.values()) {
            let (transport, same) = (protocol.to_string(), |wanted: &str, is: &str| {
                wanted == "*" || wanted == is
            });
            let known = KNOWN.iter().any(|(over, rule, request, _)| {
                same(over, &transport) && same(rule, &key.0) && *request == key.1
            });
            let difference = difference(theirs, mine);
            if !difference.is_empty() && !known {
                differences.push(format!("{protocol} {key:?}\n{difference}"));
            }
        }
    }
    for difference in &differences {
        println!("{difference}");
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
}

/// The lines that only one of them has.
fn difference(theirs: &Seen, mine: &Seen) -> String {
    let lines = |seen: &Seen| -> Vec<String> {
        let origin = seen
            .at_the_origin
            .iter()
            .flat_map(Recorded::lines)
            .filter(|line| line != GZIP)
            .map(|line| format!("origin: {line}"));
        let client = seen.at_the_client.lines().map(|line| format!("client: {line}"));
        origin.chain(client).collect()
    };
    let (theirs, mine) = (lines(theirs), lines(mine));
    let only = |who: &str, these: &[String], others: &[String]| -> String {
        let only = these.iter().filter(|line| !others.contains(line));
        only.map(|line| format!("  {who} {line}\n")).collect()
    };
    let lines = format!(
        "{}{}",
        only("stock", &theirs, &mine),
        only("ours ", &mine, &theirs)
    );
    match lines.is_empty() && theirs != mine {
        true => format!("  another order or number: stock {theirs:?}, ours {mine:?}"),
        false => lines,
    }
}

#[tokio::test]
async fn the_recorder_hears_what_it_is_told() {
    let dir = TempDir::new().unwrap();
    let recorder = Recorder::start(dir.path().join("origin.sock")).await;
    let mut client = TcpStream::connect(recorder.addr).await.unwrap();
    let request =
        b"POST /x HTTP/1.1\r\nB: 2\r\na: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    within("the answer", client.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let lines: Vec<String> = recorder.take().iter().flat_map(Recorded::lines).collect();
    assert_eq!(
        lines,
        [
            "POST /x HTTP/1.1",
            "a: 1",
            "B: 2",
            "Transfer-Encoding: chunked",
            "body: abc"
        ]
    );
}
