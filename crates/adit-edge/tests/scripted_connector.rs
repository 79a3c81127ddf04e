//! Points 3 to 5, 8, 10 to 15, 18, 24 and 25 of the checklist: the edge as a connector sees it, on both transports, with a
//! connector that does what the test says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use adit_core::port::{CloseReason, PresenceEvent};
use adit_model::TunnelSecret;
use adit_testing::{
    client::{get, send_http2},
    cloudflared::Protocol,
    long_only,
    scripted::{ScriptedConnector, registration},
    wait_for, within,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use support::{
    HOST,
    scripted::{Scene, on_both_transports, shop},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

on_both_transports!(
    a_dialler_that_goes_without_a_word_leaves_no_trace,
    a_registration_tells_connection_location_and_who_configures,
    a_refused_connector_is_told_why_and_let_go,
    the_newer_connection_of_an_index_replaces_the_older_after_its_requests,
    a_goodbye_ends_new_work_and_leaves_the_running,
    an_edge_that_stops_lets_its_connectors_go,
    headers_keep_their_count_their_order_and_their_colons,
    internal_headers_stay_between_connector_and_edge,
    a_body_without_length_is_announced_and_arrives,
    trailers_pass_where_the_transport_carries_them,
    an_answer_that_breaks_off_never_looks_complete,
    a_client_that_leaves_is_told_to_the_connector,
    a_connector_that_cannot_reach_the_origin_makes_a_502,
    what_an_origin_sends_after_its_client_has_ended_its_side_arrives,
    a_client_that_resets_its_websocket_ends_it_at_once,
    a_flow_whose_client_has_ended_its_side_ends_after_thirty_silent_seconds,
);

async fn a_dialler_that_goes_without_a_word_leaves_no_trace(scene: Scene) {
    for _ in 0..10 {
        drop(scene.dial().await);
    }
    let connector = scene.connector().await;
    assert!(matches!(
        scene.edge.store.events.lock()[..],
        [PresenceEvent::Opened(_)]
    ));
    drop(connector);
}

async fn a_registration_tells_connection_location_and_who_configures(scene: Scene) {
    let connector = scene.dial().await;
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let details = connector.register(request.clone()).await.unwrap().unwrap();
    assert_eq!(details.location, "local01");
    assert!(!details.remotely_managed);
    assert!(matches!(
        &scene.edge.store.events.lock()[..],
        [PresenceEvent::Opened(opened)] if opened.connection == details.connection
    ));
    let configuration = br#"{"ingress":[{"service":"http_status:404"}]}"#.to_vec();
    connector.update_local_configuration(configuration).await.unwrap();
    let again = connector.register(request).await.unwrap().unwrap_err();
    assert!(again.cause.contains("already"), "{}", again.cause);
}

async fn a_refused_connector_is_told_why_and_let_go(scene: Scene) {
    let wrong = TunnelSecret::new(vec![7; 32]).unwrap();
    let mut stranger = scene.tunnel.key;
    stranger.account = "00000000000000000000000000000001".parse().unwrap();
    for (request, cause) in [
        (
            registration(&scene.tunnel.key, &wrong),
            "Unauthorized: Invalid tunnel secret",
        ),
        (
            registration(&stranger, &scene.tunnel.secret),
            "Unauthorized: Tunnel not found",
        ),
    ] {
        let mut connector = scene.dial().await;
        let refusal = connector.register(request).await.unwrap().unwrap_err();
        assert_eq!(refusal.cause, cause);
        connector.closed().await;
    }
    assert!(scene.edge.store.events.lock().is_empty());
}

async fn the_newer_connection_of_an_index_replaces_the_older_after_its_requests(scene: Scene) {
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let mut older = scene.dial().await;
    older.register(request.clone()).await.unwrap().unwrap();
    let running = scene.get();
    let asked = older.next().await;
    let mut newer = scene.dial().await;
    newer.register(request).await.unwrap().unwrap();
    let next = scene.get();
    newer.next().await.say(200, "newer").await;
    assert_eq!(next.answer().await.1.read().await.unwrap(), "newer");
    asked.say(200, "older").await;
    assert_eq!(running.answer().await.1.read().await.unwrap(), "older");
    older.closed().await;
    wait_for("the report", async || {
        scene.closed_because(CloseReason::Replaced) == 1
    })
    .await;
}

async fn a_goodbye_ends_new_work_and_leaves_the_running(scene: Scene) {
    let mut connector = scene.connector().await;
    let running = scene.get();
    let asked = connector.next().await;
    connector.unregister().await.unwrap();
    assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 530);
    asked.say(200, "done").await;
    assert_eq!(running.answer().await.1.read().await.unwrap(), "done");
    drop(connector);
    wait_for("the report", async || {
        scene.closed_because(CloseReason::Unregistered) == 1
    })
    .await;
}

async fn an_edge_that_stops_lets_its_connectors_go(scene: Scene) {
    let mut connector = scene.connector().await;
    let running = scene.get();
    let asked = connector.next().await;
    let mut stopping = JoinSet::new();
    stopping.spawn(scene.edge.edge.stop(support::GRACE));
    asked.say(200, "done").await;
    assert_eq!(running.answer().await.1.read().await.unwrap(), "done");
    connector.closed().await;
    within("the edge to stop", stopping.join_next()).await;
}

async fn headers_keep_their_count_their_order_and_their_colons(scene: Scene) {
    let mut connector = scene.connector().await;
    let request = shop("/a?b=c")
        .header("x-many", "one")
        .header("x-many", "two:three");
    let asking = scene.ask(request.body(Empty::<Bytes>::new()).unwrap());
    let asked = connector.next().await;
    let many: Vec<_> = asked.head.headers.get_all("x-many").iter().collect();
    assert_eq!(many, ["one", "two:three"]);
    assert_eq!(asked.head.host, HOST);
    assert!(asked.head.dest.ends_with("/a?b=c"), "{}", asked.head.dest);
    let mut headers = HeaderMap::new();
    for cookie in ["a=1; Path=/", "b=2", "c=x:y"] {
        headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    }
    headers.insert("x-odd", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    let (_, mut body) = asked.answer(203, headers).await;
    body.finish();
    let (head, _) = asking.answer().await;
    assert_eq!(head.status(), 203);
    let cookies: Vec<_> = head.headers().get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2", "c=x:y"]);
    assert_eq!(head.headers()["x-odd"].as_bytes(), b"caf\xe9");
}

async fn internal_headers_stay_between_connector_and_edge(scene: Scene) {
    let mut connector = scene.connector().await;
    let request = shop("/")
        .header("cf-cloudflared-proxy-connection-upgrade", "control-stream")
        .header("cf-cloudflared-proxy-src", "6.6.6.6:6")
        .header("cf-connecting-ip", "6.6.6.6")
        .header("cf-warp-tag-id", "6")
        .header("x-forwarded-for", "6.6.6.6");
    let asking = scene.ask(request.body(Empty::<Bytes>::new()).unwrap());
    let asked = connector.next().await;
    for name in [
        "cf-cloudflared-proxy-connection-upgrade",
        "cf-cloudflared-proxy-src",
        "cf-warp-tag-id",
    ] {
        assert!(!asked.head.headers.contains_key(name), "{name} got through");
    }
    assert_eq!(asked.head.headers["cf-connecting-ip"], "127.0.0.1");
    assert_eq!(asked.head.headers["x-forwarded-for"], "127.0.0.1");
    let mut headers = HeaderMap::new();
    for name in [
        "cf-int-cloudflared-tracing",
        "cf-cloudflared-x",
        "cf-proxy-x",
        "x-kept",
    ] {
        headers.insert(name, HeaderValue::from_static("1"));
    }
    let (_, mut body) = asked.answer(200, headers).await;
    body.finish();
    let (head, _) = asking.answer().await;
    let cf: Vec<_> = head
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("cf-"))
        .collect();
    assert_eq!(cf, ["cf-ray"]);
    assert_eq!(head.headers()["x-kept"], "1");
}

async fn a_body_without_length_is_announced_and_arrives(scene: Scene) {
    let mut connector = scene.connector().await;
    let pieces = (0..50).map(|i| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![i; 7_000]))));
    let body = StreamBody::new(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
    let asking = scene.ask(shop("/").method("POST").body(body).unwrap());
    let mut asked = connector.next().await;
    if scene.protocol == Protocol::Quic {
        assert_eq!(asked.head.headers[header::TRANSFER_ENCODING], "chunked");
    }
    let sent = asked.body.read().await.unwrap();
    assert_eq!(sent.len(), 350_000);
    asked.say(200, "taken").await;
    assert_eq!(asking.answer().await.0.status(), 200);
}

async fn trailers_pass_where_the_transport_carries_them(scene: Scene) {
    let mut connector = scene.connector().await;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from_static(b"question")).with_trailers({
        let trailers = trailers.clone();
        async move { Some(Ok(trailers)) }
    });
    let request = Request::post(format!("https://{HOST}/service/Method"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Box::pin(body))
        .unwrap();
    let listener = scene.edge.edge.addresses().https.unwrap();
    let (anchors, mut asking) = (scene.anchors.clone(), JoinSet::new());
    asking.spawn(async move { send_http2(listener, &anchors, request).await });
    let mut asked = connector.next().await;
    assert_eq!(asked.head.headers[header::TE], "trailers");
    assert_eq!(asked.body.read().await.unwrap(), "question");
    let carried = scene.protocol == Protocol::Http2;
    assert_eq!(asked.body.trailers().await.is_some(), carried);
    let (_, mut answer) = asked.answer(200, HeaderMap::new()).await;
    answer.write("answer").await.unwrap();
    answer.finish_with_trailers(trailers);
    let (_, mut body) = asking.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(body.read_with_trailers().await.unwrap().1.is_some(), carried);
}

async fn an_answer_that_breaks_off_never_looks_complete(scene: Scene) {
    let mut connector = scene.connector().await;
    let mut length = HeaderMap::new();
    length.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    for headers in [length, HeaderMap::new()] {
        let asking = scene.get();
        let (_, mut body) = connector.next().await.answer(200, headers).await;
        body.write("half of").await.unwrap();
        let (_, mut answer) = asking.answer().await;
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "half of");
        body.reset();
        assert!(answer.count().await.is_err(), "it looked complete");
    }
    let asking = scene.get();
    drop(connector.next().await);
    assert_eq!(asking.answer().await.0.status(), 502);
}

async fn a_client_that_leaves_is_told_to_the_connector(scene: Scene) {
    let mut connector = scene.connector().await;
    let asking = scene.get();
    let (_, mut body) = connector.next().await.answer(200, HeaderMap::new()).await;
    body.write("first").await.unwrap();
    let (_, mut answer) = asking.answer().await;
    answer.chunk().await.unwrap();
    drop(answer);
    let begun = std::time::Instant::now();
    within("the end of the answer", async {
        while body.write("more").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    // One that has not had its answer's head.
    let asking = scene.get();
    let mut asked = connector.next().await;
    drop(asking);
    let begun = std::time::Instant::now();
    asked.given_up().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

async fn a_connector_that_cannot_reach_the_origin_makes_a_502(scene: Scene) {
    let mut connector = scene.connector().await;
    let asking = scene.get();
    connector.next().await.fail("unable to reach the origin").await;
    let (head, mut body) = asking.answer().await;
    assert_eq!(head.status(), 502);
    let page = body.read().await.unwrap();
    let page = String::from_utf8_lossy(&page);
    assert!(page.contains("failed at: origin"), "{page}");
    assert!(
        !page.contains("unable"),
        "the connector's words are for the log: {page}"
    );
}

/// A client with an open WebSocket, and the connector's end of it.
async fn websocket(
    scene: &Scene,
    connector: &mut ScriptedConnector,
) -> (
    TcpStream,
    adit_testing::scripted::AskedBody,
    adit_testing::scripted::AnswerBody,
) {
    let mut client = TcpStream::connect(scene.edge.http()).await.unwrap();
    let handshake = format!(
        "GET /chat HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(handshake.as_bytes()).await.unwrap();
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let (upload, download) = connector.next().await.answer(101, headers).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the answer", client.read_u8()).await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    (client, upload, download)
}

async fn what_an_origin_sends_after_its_client_has_ended_its_side_arrives(scene: Scene) {
    let mut connector = scene.connector().await;
    let (mut client, mut upload, mut download) = websocket(&scene, &mut connector).await;
    client.write_all(b"all I have to say").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(upload.chunk().await.unwrap().unwrap(), "all I have to say");
    let telling = async {
        for _ in 0..100 {
            download.write(vec![1; 50_000]).await.unwrap();
        }
        download.finish();
    };
    let mut answer = Vec::new();
    let (read, ()) = tokio::join!(within("the rest", client.read_to_end(&mut answer)), telling);
    assert_eq!(read.unwrap(), 5_000_000);
    assert_eq!(
        upload.chunk().await,
        Ok(None),
        "the edge ends its side after the connector"
    );
}

async fn a_client_that_resets_its_websocket_ends_it_at_once(scene: Scene) {
    let mut connector = scene.connector().await;
    let (client, mut upload, _download) = websocket(&scene, &mut connector).await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(
        within("the end", upload.chunk()).await.is_err(),
        "it looked complete"
    );
}

async fn a_flow_whose_client_has_ended_its_side_ends_after_thirty_silent_seconds(scene: Scene) {
    if !long_only("a_flow_whose_client_has_ended_its_side_ends_after_thirty_silent_seconds") {
        return;
    }
    let mut connector = scene.connector().await;
    let (mut client, mut upload, mut download) = websocket(&scene, &mut connector).await;
    client.shutdown().await.unwrap();
    let mut byte = [0];
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        download.write("x").await.unwrap();
        within("the byte", client.read_exact(&mut byte)).await.unwrap();
    }
    let begun = std::time::Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(40), upload.chunk()).await;
    assert_eq!(ended.unwrap(), Ok(None));
    assert!(begun.elapsed() > Duration::from_secs(29), "{:?}", begun.elapsed());
}
