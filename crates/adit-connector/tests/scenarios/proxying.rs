//! Requests through a connector to an origin.

use std::time::Duration;

use crate::support::{Tunnel, head};
use adit_testing::scripted::{ScriptedBody, ScriptedOrigin, full};
use adit_testing::{wait_for, within};
use adit_wire::ConnectAnswer;
use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;

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
async fn an_origin_that_answers_before_the_body_ends_is_heard() {
    let origin = adit_testing::origin::Origin::start().await;
    let tunnel = Tunnel::to(&format!("http://{}", origin.addr())).await;
    let mut request = head(Method::POST, &[("transfer-encoding", "chunked")]);
    request.dest = "/early".to_owned();
    let mut exchange = tunnel.at.open(&request, b"the first of many bytes").await;
    let (answer, _) = exchange.head().await.unwrap();
    assert!(matches!(answer, ConnectAnswer::Accepted(head) if head.status == StatusCode::PAYLOAD_TOO_LARGE));
    while within("the end", exchange.recv.read_chunk(100))
        .await
        .unwrap()
        .is_some()
    {}
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
    let (steps, mut step) = mpsc::unbounded_channel();
    let origin = ScriptedOrigin::start(move |request: Request<Incoming>| {
        let steps = steps.clone();
        async move {
            steps.send("began").unwrap();
            let read = request.into_body().collect().await;
            steps
                .send(if read.is_ok() { "complete" } else { "broken off" })
                .unwrap();
            Response::new(full(""))
        }
    })
    .await;
    let tunnel = Tunnel::to(&origin.url()).await;
    let request = head(Method::POST, &[("transfer-encoding", "chunked")]);
    let mut exchange = tunnel.at.open(&request, b"half").await;
    assert_eq!(within("the request", step.recv()).await.unwrap(), "began");
    exchange.send.reset(0);
    assert_eq!(within("the outcome", step.recv()).await.unwrap(), "broken off");
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
