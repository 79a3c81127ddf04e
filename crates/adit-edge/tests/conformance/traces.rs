//! Point 25 of the checklist: what connector and edge tell each other of traces stays between them.

use adit_testing::client::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Empty;

use crate::support::{
    HOST,
    scripted::{Scene, on_both_transports, shop},
    stock::{StockScene, with_stock_on_both_transports},
};

/// As the wire has it: trace, span, parent, flags.
const TRACE: &str = "0123456789abcdef0123456789abcdef:0123456789abcdef:0:1";

on_both_transports!(a_clients_trace_header_stays_behind_and_spans_are_not_leaked);
with_stock_on_both_transports!(no_trace_header_reaches_origin_or_client);

async fn a_clients_trace_header_stays_behind_and_spans_are_not_leaked(scene: Scene) {
    let mut connector = scene.connector().await;
    let request = shop("/").header("cf-trace-id", TRACE);
    let asking = scene.ask(request.body(Empty::<Bytes>::new()).unwrap());
    let asked = connector.next().await;
    assert!(!asked.head.headers.contains_key("cf-trace-id"));
    let mut headers = HeaderMap::new();
    headers.insert("cf-int-cloudflared-tracing", HeaderValue::from_static("c3BhbnM="));
    let (_, mut body) = asked.answer(200, headers).await;
    body.finish();
    let (head, _) = asking.answer().await;
    assert!(!head.headers().contains_key("cf-int-cloudflared-tracing"));
}

async fn no_trace_header_reaches_origin_or_client(scene: StockScene) {
    let request = Request::get("/echo")
        .header("host", HOST)
        .header("cf-trace-id", TRACE);
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let (head, mut body) = adit_testing::client::send(scene.edge.http(), request)
        .await
        .unwrap();
    let internal = |name: &&http::HeaderName| name.as_str().starts_with("cf-int-");
    assert_eq!(head.headers().keys().find(internal), None);
    let seen = String::from_utf8(body.read().await.unwrap().to_vec()).unwrap();
    assert!(!seen.to_lowercase().contains("trace-id"), "{seen}");
    assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 200);
}
