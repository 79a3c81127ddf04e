//! Origins that misbehave, and those that speak HTTP/2: other streams never notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_core::ingress::Ingress;
use adit_testing::origin::{GrpcOrigin, Origin};
use adit_testing::scripted::{EdgeConnection, ScriptedEdge};
use adit_testing::within;
use adit_wire::{ConnectAnswer, FramedBody, Piece};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{Running, config, head};

struct Scene {
    at: EdgeConnection,
    _edge: ScriptedEdge,
    _connector: Running,
}

impl Scene {
    async fn with(rules: Value) -> Self {
        let ingress = Ingress::from_json(rules.to_string().as_bytes()).unwrap();
        let edge = ScriptedEdge::start();
        let mut config = config(vec![edge.addr().into()], edge.anchors(), ingress);
        config.ha_connections = 1;
        let connector = Running::start(config);
        Self {
            at: edge.connected(1).await.remove(0),
            _edge: edge,
            _connector: connector,
        }
    }
}

/// An origin that answers every connection with these bytes, and then goes on as `after` says.
struct Raw {
    addr: std::net::SocketAddr,
    _serving: JoinSet<()>,
}

#[derive(Clone, Copy)]
enum After {
    Close,
    Stay,
    Repeat(&'static [u8]),
}

impl Raw {
    async fn start(answer: Vec<u8>, after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((mut tcp, _)) = listener.accept().await {
                let answer = answer.clone();
                clients.spawn(async move {
                    let mut request = [0; 4096];
                    if tcp.read(&mut request).await.is_err() || tcp.write_all(&answer).await.is_err() {
                        return;
                    }
                    match after {
                        After::Close => {}
                        After::Stay => std::future::pending().await,
                        After::Repeat(bytes) => while tcp.write_all(bytes).await.is_ok() {},
                    }
                });
            }
        });
        Self {
            addr,
            _serving: serving,
        }
    }
}

const ENDLESS_HEADER: &[u8] = b"x-more: and more and more and more and more and more and more\r\n";
const ENDLESS_BODY: &[u8] = &[b'x'; 16 * 1024];

#[tokio::test]
async fn origins_that_misbehave_leave_the_other_streams_alone() {
    let good = Origin::start().await;
    let bad = [
        (
            "reset.example",
            Raw::start(
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec(),
                After::Close,
            )
            .await,
        ),
        ("silent.example", Raw::start(Vec::new(), After::Stay).await),
        (
            "head.example",
            Raw::start(b"HTTP/1.1 200 OK\r\n".to_vec(), After::Repeat(ENDLESS_HEADER)).await,
        ),
        (
            "body.example",
            Raw::start(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), After::Repeat(ENDLESS_BODY)).await,
        ),
        (
            "nonsense.example",
            Raw::start(b"SSH-2.0-OpenSSH_9\r\n".to_vec(), After::Stay).await,
        ),
    ];
    let mut rules: Vec<Value> = bad
        .iter()
        .map(|(host, origin)| json!({"hostname": host, "service": format!("http://{}", origin.addr)}))
        .collect();
    rules.push(json!({"service": good.url()}));
    let scene = Scene::with(json!({ "ingress": rules })).await;
    let mut open = Vec::new();
    for (host, _) in &bad {
        let mut request = head(Method::GET, &[]);
        request.host = (*host).to_owned();
        for _ in 0..5 {
            open.push((*host, scene.at.open(&request, b"").await));
        }
    }
    for _ in 0..20 {
        assert_eq!(scene.at.get("good.example", "/status/204").await.status, 204);
    }
    for (host, mut exchange) in open {
        match host {
            "silent.example" => {}
            "reset.example" | "body.example" => {
                // A reset overtakes what was sent before it.
                let answered = exchange.head().await;
                assert!(!matches!(answered, Ok((ConnectAnswer::Failed(_), _))));
            }
            _ => {
                let failure = exchange.failure().await;
                assert!(
                    failure.starts_with("Unable to reach the origin service."),
                    "{failure}"
                );
            }
        }
    }
    assert_eq!(scene.at.get("good.example", "/status/204").await.status, 204);
}

/// An origin that never stops, and how many bytes it has got rid of.
async fn endless(head: &'static [u8]) -> (std::net::SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sent, mut serving) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let counter = Arc::clone(&sent);
    serving.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read(&mut [0; 4096]).await;
        let _ = tcp.write_all(head).await;
        while let Ok(written) = tcp.write(ENDLESS_BODY).await {
            counter.fetch_add(written, Ordering::Relaxed);
        }
    });
    (addr, sent, serving)
}

/// Waits until an origin gets rid of nothing any more, and says how much it was.
async fn held_back(sent: &AtomicUsize) -> usize {
    let (mut last, mut same) = (0, 0);
    adit_testing::wait_for("an origin that is held back", async || {
        let now = sent.load(Ordering::Relaxed);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        same > 50
    })
    .await;
    last
}

#[tokio::test]
async fn an_answer_without_end_that_nobody_reads_is_held_back_at_the_origin() {
    let (addr, sent, _serving) = endless(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let good = Origin::start().await;
    let rules = json!({"ingress": [
        {"hostname": "endless.example", "service": format!("http://{addr}")},
        {"service": good.url()},
    ]});
    let scene = Scene::with(rules).await;
    let mut request = head(Method::GET, &[]);
    request.host = "endless.example".to_owned();
    let exchange = scene.at.open(&request, b"").await;
    // What the sockets' own buffers hold is most of it.
    assert!(held_back(&sent).await < 32 << 20);
    for _ in 0..5 {
        assert_eq!(scene.at.get("good.example", "/status/204").await.status, 204);
    }
    drop(exchange);
}

#[tokio::test]
async fn what_follows_an_answer_is_not_kept() {
    let (addr, _sent, mut serving) = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let scene = Scene::with(json!({"ingress": [{"service": format!("http://{addr}")}]})).await;
    assert!(scene.at.get("a.example", "/").await.body.starts_with(b"ok"));
    // The connection is of no use any more, and the origin notices.
    within("the end of the connection", serving.join_next()).await;
}

#[tokio::test]
async fn an_origin_that_resets_the_connection_ends_its_own_request_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = Origin::start().await;
    let rules = json!({"ingress": [
        {"hostname": "reset.example", "service": format!("http://{}", listener.local_addr().unwrap())},
        {"service": good.url()},
    ]});
    let scene = Scene::with(rules).await;
    let mut request = head(Method::GET, &[]);
    request.host = "reset.example".to_owned();
    for _ in 0..3 {
        let exchange = scene.at.open(&request, b"").await;
        let (tcp, _) = within("the request", listener.accept()).await.unwrap();
        // Closed with this, it sends a reset.
        tcp.set_zero_linger().unwrap();
        drop(tcp);
        let failure = exchange.failure().await;
        assert!(
            failure.starts_with("Unable to reach the origin service."),
            "{failure}"
        );
        assert_eq!(scene.at.get("good.example", "/status/204").await.status, 204);
    }
}

#[tokio::test]
async fn an_origin_that_stalls_is_left_when_the_edge_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = format!("http://{}", listener.local_addr().unwrap());
    let scene = Scene::with(json!({"ingress": [{"service": service}]})).await;
    let exchange = scene.at.open(&head(Method::GET, &[]), b"").await;
    let (mut tcp, _) = within("the request", listener.accept()).await.unwrap();
    assert!(within("its first byte", tcp.read_u8()).await.is_ok());
    drop(exchange);
    let mut rest = Vec::new();
    within("the end of the connection", tcp.read_to_end(&mut rest))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_with_100_kilobytes_of_headers_passes_whole() {
    let value = "v".repeat(1000);
    let headers: String = (0..100).map(|n| format!("x-{n}: {value}\r\n")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\nok");
    let origin = Raw::start(answer.into_bytes(), After::Close).await;
    let scene = Scene::with(json!({"ingress": [{"service": format!("http://{}", origin.addr)}]})).await;
    let answer = scene.at.get("a.example", "/").await;
    assert_eq!(
        (answer.headers["x-99"].len(), &answer.body[..]),
        (1000, &b"ok"[..])
    );
}

#[tokio::test]
async fn an_origin_that_answers_twice_is_heard_once() {
    let twice =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";
    let origin = Raw::start(twice.to_vec(), After::Stay).await;
    let scene = Scene::with(json!({"ingress": [{"service": format!("http://{}", origin.addr)}]})).await;
    for _ in 0..5 {
        assert_eq!(scene.at.get("a.example", "/").await.body, "one");
    }
}

#[tokio::test]
async fn an_origin_that_takes_no_chunked_coding_gets_a_length() {
    let origin = Origin::start().await;
    let settings = json!({"disableChunkedEncoding": true});
    let scene = Scene::with(json!({"ingress": [{"service": origin.url(), "originRequest": settings}]})).await;
    let chunked = head(Method::POST, &[("transfer-encoding", "chunked")]);
    let mut exchange = scene.at.open(&chunked, b"one ").await;
    exchange
        .send
        .write_chunk(Bytes::from_static(b"two"))
        .await
        .unwrap();
    exchange.send.finish();
    let asked: Value = serde_json::from_slice(&exchange.answer().await.body).unwrap();
    assert_eq!(asked["body_bytes"], 7);
    let headers = asked["headers"].to_string().to_ascii_lowercase();
    assert!(headers.contains(r#"["content-length","7"]"#), "{headers}");
    assert!(!headers.contains("transfer-encoding"), "{headers}");

    let mut exchange = scene.at.open(&chunked, &[0; 100_000]).await;
    let rest = exchange.send.write_chunk(Bytes::from(vec![0; 2_000_000]));
    let (_, failure) = tokio::join!(rest, async { exchange_failure(&mut exchange.recv).await });
    assert!(failure.contains("has no length"), "{failure}");
}

async fn exchange_failure(recv: &mut adit_net::quic::RecvStream) -> String {
    let mut seen = Vec::new();
    while let Some(chunk) = within("the answer", recv.read_chunk(10_000)).await.unwrap() {
        seen.extend_from_slice(&chunk);
    }
    match ConnectAnswer::decode(seen.get(8..).unwrap()).unwrap() {
        ConnectAnswer::Failed(failure) => failure.message,
        ConnectAnswer::Accepted(head) => panic!("the origin answered {}", head.status),
    }
}

/// Sends a call and gives body and trailers of its answer.
async fn call(scene: &Scene) -> (StatusCode, Vec<u8>, HeaderMap) {
    let headers = [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
    ];
    let mut request = head(Method::POST, &headers);
    request.extras.trailers = true;
    let mut exchange = scene.at.open(&request, b"question").await;
    exchange.send.finish();
    let (answer, mut input) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(answer) = answer else {
        panic!("no answer: {answer:?}");
    };
    let (mut framed, mut body) = (FramedBody::default(), Vec::new());
    loop {
        match framed.next(&mut input).unwrap() {
            Some(Piece::Data(data)) => body.extend_from_slice(&data),
            Some(Piece::End(trailers)) => return (answer.status, body, trailers),
            None => {
                input = within("the body", exchange.recv.read_chunk(1000))
                    .await
                    .unwrap()
                    .unwrap();
            }
        }
    }
}

#[tokio::test]
async fn grpc_keeps_its_trailers_on_quic() {
    let origin = GrpcOrigin::start().await;
    let settings = json!({"http2Origin": true, "noTLSVerify": true});
    let scene = Scene::with(json!({"ingress": [{"service": origin.url(), "originRequest": settings}]})).await;
    let (status, body, trailers) = call(&scene).await;
    assert_eq!((status.as_u16(), &body[..]), (200, &b"question"[..]));
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn an_origin_may_speak_http2_without_tls() {
    let origin = Origin::start().await;
    let service = origin.url().replace("http://", "h2c://");
    let scene = Scene::with(json!({"ingress": [{"service": service}]})).await;
    let asked = scene.at.get("shop.example", "/where?x=1").await;
    let asked: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(asked["version"], "HTTP/2.0");
    assert!(
        asked["target"].as_str().unwrap().ends_with("/where?x=1"),
        "{asked}"
    );
    let (status, _, trailers) = call(&scene).await;
    assert_eq!((status.as_u16(), trailers.len()), (200, 0));
}

#[tokio::test]
async fn a_rule_that_wants_a_token_forbids_whoever_has_none() {
    let access = json!({"access": {"required": true, "teamName": "team", "audTag": ["a"]}});
    let scene =
        Scene::with(json!({"ingress": [{"service": "http_status:200", "originRequest": access}]})).await;
    let answer = scene.at.get("a.example", "/").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (403, 0));
}
