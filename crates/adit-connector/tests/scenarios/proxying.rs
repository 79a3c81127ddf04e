//! Requests through a connector to an origin.

use std::time::Duration;

use crate::support::{Running, single};
use adit_testing::scripted::{EdgeConnection, ScriptedBody, ScriptedEdge, ScriptedOrigin, full};
use adit_testing::{wait_for, within};
use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;

struct Tunnel {
    edge: ScriptedEdge,
    at: EdgeConnection,
    connector: Running,
}

impl Tunnel {
    async fn to(service: &str) -> Self {
        let edge = ScriptedEdge::start();
        let connector = Running::start(single(&edge, service, 1));
        let at = edge.connected(1).await.remove(0);
        Self { edge, at, connector }
    }
}

fn head(method: Method, headers: &[(&'static str, &str)]) -> RequestHead {
    let header = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    RequestHead {
        kind: FlowKind::Http,
        dest: "http://shop.example/path?query=1".to_owned(),
        method,
        host: "shop.example".to_owned(),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        flow_id: None,
    }
}

/// Answers with what it was asked.
async fn echo(request: Request<Incoming>) -> Response<ScriptedBody> {
    let mut response = Response::new(full(""));
    let said = format!("{} {}", request.method(), request.uri());
    response.headers_mut().insert("x-said", said.parse().unwrap());
    for (name, value) in request.headers() {
        let name = format!("x-got-{name}");
        response
            .headers_mut()
            .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.clone());
    }
    *response.body_mut() = full(request.into_body().collect().await.unwrap().to_bytes());
    response
}

#[tokio::test]
async fn a_request_reaches_the_origin_and_its_answer_comes_back() {
    let origin = ScriptedOrigin::start(echo).await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut exchange = tunnel
        .at
        .open(&head(Method::GET, &[("accept", "text/html")]), b"")
        .await;
    exchange.send.finish();
    let answer = exchange.answer().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-said"], "GET /path?query=1");
    assert_eq!(answer.headers["x-got-host"], "shop.example");
    assert_eq!(answer.headers["x-got-accept"], "text/html");
    assert_eq!(
        answer.headers["x-got-cf-warp-tag-id"],
        tunnel.connector.status.connector_id().to_string()
    );
    assert!(!answer.headers.contains_key("x-got-content-length"));
}

#[tokio::test]
async fn bodies_of_known_and_unknown_length_arrive_whole() {
    let origin = ScriptedOrigin::start(echo).await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let body = vec![b'x'; 300_000];
    let length = body.len().to_string();
    for headers in [
        [("content-length", length.as_str())],
        [("transfer-encoding", "chunked")],
    ] {
        let mut exchange = tunnel.at.open(&head(Method::POST, &headers), &body[..1000]).await;
        exchange
            .send
            .write_chunk(Bytes::copy_from_slice(&body[1000..]))
            .await
            .unwrap();
        exchange.send.finish();
        let answer = exchange.answer().await;
        assert_eq!(answer.body.len(), body.len());
        assert_eq!(
            answer.headers.contains_key("x-got-content-length"),
            headers[0].0 == "content-length"
        );
    }
}

#[tokio::test]
async fn bytes_after_a_head_without_a_body_are_no_body() {
    let origin = ScriptedOrigin::start(echo).await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let answer = tunnel
        .at
        .open(&head(Method::POST, &[]), b"ignored")
        .await
        .answer()
        .await;
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn an_answer_streams_as_the_origin_produces_it() {
    let (chunks, receiver) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let origin = ScriptedOrigin::start(move |_| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        async move {
            let stream =
                futures_util::stream::unfold(receiver, async |mut from| Some((from.recv().await?, from)));
            Response::new(streamed(stream))
        }
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut exchange = tunnel.at.open(&head(Method::GET, &[]), b"").await;
    let (answer, first) = exchange.head().await.unwrap();
    assert!(
        matches!(answer, ConnectAnswer::Accepted(_)) && first.is_empty(),
        "the head does not wait for a body"
    );
    for word in ["one", "two"] {
        chunks.send(Ok(Frame::data(Bytes::from(word)))).await.unwrap();
        let chunk = within("the chunk", exchange.recv.read_chunk(100))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(chunk, word);
    }
    drop(chunks);
    assert_eq!(within("the end", exchange.recv.read_chunk(100)).await, Ok(None));
}

#[tokio::test]
async fn an_origin_that_breaks_off_resets_the_stream() {
    let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = Tunnel::to(&format!("http://{}", origin.local_addr().unwrap())).await;
    let mut exchange = tunnel.at.open(&head(Method::GET, &[]), b"").await;
    let (mut tcp, _) = within("the request", origin.accept()).await.unwrap();
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    tokio::io::AsyncWriteExt::write_all(&mut tcp, half).await.unwrap();
    exchange.head().await.unwrap();
    drop(tcp);
    let mut outcome = within("the reset", exchange.recv.read_chunk(100)).await;
    while let Ok(Some(_half)) = outcome {
        outcome = within("the reset", exchange.recv.read_chunk(100)).await;
    }
    assert_eq!(outcome, Err(adit_net::quic::ReadError::Reset(0)));
}

#[tokio::test]
async fn an_unreachable_origin_is_told_to_the_edge() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let tunnel = Tunnel::to(&format!("http://{closed}")).await;
    let failure = tunnel.at.open(&head(Method::GET, &[]), b"").await.failure().await;
    assert!(
        failure.starts_with("Unable to reach the origin service."),
        "{failure}"
    );
    assert!(failure.contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_request_that_the_edge_cancels_is_cancelled_at_the_origin() {
    let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = Tunnel::to(&format!("http://{}", origin.local_addr().unwrap())).await;
    let exchange = tunnel.at.open(&head(Method::GET, &[]), b"").await;
    let (mut tcp, _) = within("the request", origin.accept()).await.unwrap();
    let mut request = vec![0; 10_000];
    let read = tokio::io::AsyncReadExt::read(&mut tcp, &mut request)
        .await
        .unwrap();
    assert!(read > 0);

    drop(exchange);

    let end = within(
        "the cancellation",
        tokio::io::AsyncReadExt::read(&mut tcp, &mut request),
    )
    .await;
    assert!(matches!(end, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_body_that_the_edge_breaks_off_never_looks_complete_to_the_origin() {
    let (outcomes, mut outcome) = mpsc::unbounded_channel();
    let origin = ScriptedOrigin::start(move |request: Request<Incoming>| {
        let outcomes = outcomes.clone();
        async move {
            outcomes
                .send(request.into_body().collect().await.is_ok())
                .unwrap();
            Response::new(full(""))
        }
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut exchange = tunnel
        .at
        .open(&head(Method::POST, &[("transfer-encoding", "chunked")]), b"half")
        .await;
    // The origin has begun to read once the bytes are acknowledged.
    wait_for("the bytes", async || tunnel.at.quic().stats().sent_bytes > 0).await;
    exchange.send.reset(0);
    assert!(!within("the outcome", outcome.recv()).await.unwrap());
}

#[tokio::test]
async fn a_websocket_passes_as_bytes_in_both_directions() {
    let origin = ScriptedOrigin::start(async |mut request: Request<Incoming>| {
        assert_eq!(request.headers()["upgrade"], "websocket");
        let upgrading = hyper::upgrade::on(&mut request);
        #[expect(
            clippy::disallowed_methods,
            reason = "the origin of this test ends with its runtime"
        )]
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgrading.await.unwrap());
            let (mut read, mut write) = tokio::io::split(&mut io);
            drop(tokio::io::copy(&mut read, &mut write).await);
        });
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
            .headers_mut()
            .insert("connection", HeaderValue::from_static("Upgrade"));
        response
            .headers_mut()
            .insert("upgrade", HeaderValue::from_static("websocket"));
        response
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    let mut exchange = tunnel.at.open(&request, b"early ").await;
    let (answer, first) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(head) = answer else {
        panic!("refused: {answer:?}")
    };
    assert_eq!(
        (head.status, &head.headers["upgrade"]),
        (StatusCode::SWITCHING_PROTOCOLS, &"websocket".parse().unwrap())
    );
    exchange
        .send
        .write_chunk(Bytes::from_static(b"frames"))
        .await
        .unwrap();
    let mut got = first.to_vec();
    while got.len() < 12 {
        got.extend_from_slice(
            &within("the echo", exchange.recv.read_chunk(100))
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(got, b"early frames");
    exchange.send.finish();
    assert_eq!(within("the end", exchange.recv.read_chunk(100)).await, Ok(None));
}

#[tokio::test]
async fn an_origin_that_refuses_the_upgrade_is_passed_on_as_it_answers() {
    let origin = ScriptedOrigin::start(async |_| {
        let mut response = Response::new(full("no"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "x")]);
    request.kind = FlowKind::WebSocket;
    let answer = tunnel.at.open(&request, b"").await.answer().await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::FORBIDDEN, &b"no"[..])
    );
}

#[tokio::test]
async fn fixed_statuses_and_services_of_later_versions_answer_for_themselves() {
    let tunnel = Tunnel::to("http_status:418").await;
    assert_eq!(tunnel.at.get("any.example", "/").await.status, 418);
    let tunnel = Tunnel::to("socks-proxy").await;
    let failure = tunnel.at.open(&head(Method::GET, &[]), b"").await.failure().await;
    assert_eq!(failure, "the service socks-proxy is not in this version");
    let mut tcp = head(Method::GET, &[]);
    tcp.kind = FlowKind::Tcp;
    let failure = tunnel.at.open(&tcp, b"").await.failure().await;
    assert_eq!(failure, "private networks are not in this version");
}

#[tokio::test]
async fn a_unix_socket_is_an_origin_too() {
    let dir = std::env::temp_dir().join(format!("adit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("origin.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let tunnel = Tunnel::to(&format!("unix:{}", path.display())).await;
    let serving = async {
        let (mut unix, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        tokio::io::AsyncReadExt::read(&mut unix, &mut request)
            .await
            .unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix";
        tokio::io::AsyncWriteExt::write_all(&mut unix, answer)
            .await
            .unwrap();
    };
    let ((), answer) = within("the answer", async {
        tokio::join!(serving, tunnel.at.get("h", "/"))
    })
    .await;
    assert_eq!(answer.body, "unix");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn garbage_on_a_stream_costs_only_that_stream() {
    let origin = ScriptedOrigin::start(echo).await;
    let tunnel = Tunnel::to(&origin.url()).await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xFF; 3000],
        b"\x0a\x36\xcd\x12\xa1\x3e01\xff\xff\xff\xff",
    ] {
        let (mut send, mut recv) = tunnel.at.quic().open_stream().await.unwrap();
        send.write_chunk(Bytes::copy_from_slice(garbage)).await.unwrap();
        assert!(within("the reset", recv.read_chunk(100)).await.is_err());
    }
    assert_eq!(tunnel.at.get("shop.example", "/").await.status, 200);
    assert_eq!(tunnel.edge.live().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_requests_at_once_get_their_own_answers() {
    let origin = ScriptedOrigin::start(echo).await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..300 {
        let at = tunnel.at.clone();
        asking.spawn(async move {
            let path = format!("/{number}");
            let answer = at.get("shop.example", &path).await;
            assert_eq!(answer.headers["x-said"], format!("GET {path}"));
        });
    }
    within("all answers", asking.join_all()).await;
}

#[tokio::test]
async fn the_built_in_site_says_hello_and_escapes_the_host() {
    let tunnel = Tunnel::to("hello_world").await;
    let answer = tunnel.at.get("<b>.example", "/").await;
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let page = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(page.contains("Hello from the other end of the tunnel") && page.contains("&lt;b&gt;.example"));
    assert!(
        tunnel
            .at
            .get("h", "/uptime")
            .await
            .body
            .starts_with(b"{\"uptime_seconds\":")
    );
}

#[tokio::test]
async fn the_built_in_site_echoes_over_a_websocket() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::protocol::{Message, Role};

    let tunnel = Tunnel::to("hello_world").await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    request.dest = "http://h/ws".to_owned();
    let mut exchange = tunnel.at.open(&request, b"").await;
    let (answer, _) = exchange.head().await.unwrap();
    let ConnectAnswer::Accepted(head) = answer else {
        panic!("refused: {answer:?}")
    };
    assert_eq!(
        head.headers["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let io = tokio::io::join(exchange.recv, exchange.send);
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        within("the echo", socket.next()).await.unwrap().unwrap(),
        Message::text("hello")
    );
}

#[tokio::test]
async fn a_tcp_service_speaks_with_a_websocket_client() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::protocol::{Message, Role};

    let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = Tunnel::to(&format!("tcp://{}", origin.local_addr().unwrap())).await;
    let mut request = head(Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    request.kind = FlowKind::WebSocket;
    let mut exchange = tunnel.at.open(&request, b"").await;
    let (mut tcp, _) = within("the connection", origin.accept()).await.unwrap();
    let (answer, _) = exchange.head().await.unwrap();
    assert!(
        matches!(answer, ConnectAnswer::Accepted(head) if head.status == StatusCode::SWITCHING_PROTOCOLS)
    );
    let io = tokio::io::join(exchange.recv, exchange.send);
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    socket.send(Message::binary("ping")).await.unwrap();
    let mut got = [0; 4];
    within(
        "the bytes",
        tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut got),
    )
    .await
    .unwrap();
    assert_eq!(&got, b"ping");
    tokio::io::AsyncWriteExt::write_all(&mut tcp, b"pong")
        .await
        .unwrap();
    assert_eq!(
        within("the frame", socket.next()).await.unwrap().unwrap(),
        Message::binary("pong")
    );
    drop(tcp);
    assert!(matches!(
        within("the close", socket.next()).await,
        Some(Ok(Message::Close(_)))
    ));
}

/// A body that comes as the stream gives it.
fn streamed<S>(stream: S) -> ScriptedBody
where
    S: futures_util::Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + Sync + 'static,
{
    StreamBody::new(stream).boxed()
}

#[tokio::test]
async fn a_slow_edge_holds_the_origin_back() {
    let produced = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&produced);
    let origin = ScriptedOrigin::start(move |_| {
        let counter = std::sync::Arc::clone(&counter);
        async move {
            let stream = futures_util::stream::repeat_with(move || {
                counter.fetch_add(64 * 1024, std::sync::atomic::Ordering::Relaxed);
                Ok(Frame::data(Bytes::from(vec![0; 64 * 1024])))
            });
            Response::new(streamed(stream))
        }
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let mut exchange = tunnel.at.open(&head(Method::GET, &[]), b"").await;
    exchange.head().await.unwrap();
    // Nobody reads on. What is produced must come to a rest below the windows and buffers on the way.
    let mut last = 0;
    wait_for("a rest", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = produced.load(std::sync::atomic::Ordering::Relaxed);
        std::mem::replace(&mut last, now) == now && now > 0
    })
    .await;
    assert!(last < 32 << 20, "{last} bytes are in flight");
}
