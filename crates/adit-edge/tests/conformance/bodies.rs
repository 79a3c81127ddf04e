//! Points 11 to 14 of the checklist: bodies, headers, streaming and aborts. (More of them with stock connectors and both
//! kinds of public clients in `stock_connector`; a gibibyte each way in `bulk` of the binary.)

use std::time::{Duration, Instant};

use adit_testing::{client::send_http2, scenes, within};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{
    HOST,
    scripted::{Scene, on_both_transports, shop},
    stock::{StockScene, with_stock_on_both_transports},
};

const LARGE: u64 = 64 << 20;
const PIECE: usize = 64 * 1024;

on_both_transports!(
    requests_without_a_body_arrive_without_one,
    sixty_four_mebibytes_go_both_ways_at_once,
    an_upload_that_outlasts_its_answer_arrives_whole,
    a_colon_in_a_header_is_of_its_value,
    an_answers_pieces_are_passed_on_as_they_come,
    a_client_that_resets_its_stream_is_told_to_the_connector_within_a_second,
);

with_stock_on_both_transports!(sixty_four_mebibytes_go_both_ways_through_a_stock_connector);

async fn requests_without_a_body_arrive_without_one(scene: Scene) {
    let mut connector = scene.connector().await;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        let asking = scene.ask(shop("/").method(&method).body(Full::new(Bytes::new())).unwrap());
        let mut asked = connector.next().await;
        assert_eq!(asked.head.method, method);
        assert!(
            !asked.head.headers.contains_key(header::TRANSFER_ENCODING),
            "{method}"
        );
        assert_eq!(asked.body.read().await.unwrap(), "", "{method}");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("4"));
        let (_, mut body) = asked.answer(200, headers).await;
        if method != Method::HEAD {
            body.write("four").await.unwrap();
        }
        body.finish();
        let (head, mut body) = asking.answer().await;
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "4");
        let expected = if method == Method::HEAD { "" } else { "four" };
        assert_eq!(body.read().await.unwrap(), expected, "{method}");
    }
}

/// So many bytes in pieces, as a client's body.
fn large() -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static {
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = futures_util::stream::iter(0..LARGE / PIECE as u64);
    BodyExt::boxed(StreamBody::new(
        pieces.map(move |_| Ok(Frame::data(piece.clone()))),
    ))
}

async fn sixty_four_mebibytes_go_both_ways_at_once(scene: Scene) {
    let mut connector = scene.connector().await;
    let post = shop("/").method("POST").header(header::CONTENT_LENGTH, LARGE);
    let asking = scene.ask(post.body(large()).unwrap());
    let asked = connector.next().await;
    assert_eq!(asked.head.headers[header::CONTENT_LENGTH], LARGE.to_string());
    let (mut up, mut down) = asked.answer(200, HeaderMap::new()).await;
    let counting = async {
        let mut bytes = 0;
        while let Some(chunk) = up.chunk().await.unwrap() {
            bytes += chunk.len() as u64;
        }
        bytes
    };
    let telling = async {
        for _ in 0..LARGE / PIECE as u64 {
            down.write(vec![9; PIECE]).await.unwrap();
        }
        down.finish();
    };
    let reading = async {
        let (_, mut answer) = asking.answer().await;
        (answer.count().await.unwrap(), answer)
    };
    // The client stays until all that it sends has arrived.
    let (sent, (), (received, _answer)) = tokio::join!(counting, telling, reading);
    assert_eq!((sent, received), (LARGE, LARGE));
}

async fn an_upload_that_outlasts_its_answer_arrives_whole(scene: Scene) {
    let mut connector = scene.connector().await;
    let mut client = TcpStream::connect(scene.edge.http()).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\nfirst");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("6"));
    let (mut up, mut down) = connector.next().await.answer(200, headers).await;
    down.write("answer").await.unwrap();
    down.finish();
    let mut answer = Vec::new();
    while !answer.ends_with(b"answer") {
        answer.push(within("the answer", client.read_u8()).await.unwrap());
    }
    client.write_all(b"last").await.unwrap();
    // Not when the edge has lost patience.
    let arrived = tokio::time::timeout(Duration::from_secs(5), up.read()).await;
    assert_eq!(arrived.unwrap().unwrap(), "firstlast");
}

async fn sixty_four_mebibytes_go_both_ways_through_a_stock_connector(scene: StockScene) {
    scenes::large_bodies_arrive_whole(scene.way(), LARGE).await;
}

async fn a_colon_in_a_header_is_of_its_value(scene: Scene) {
    let mut connector = scene.connector().await;
    let mut client = TcpStream::connect(scene.edge.http()).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nx-many: a:b\r\nx-many:c:: d\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let asked = connector.next().await;
    let values: Vec<_> = asked.head.headers.get_all("x-many").iter().collect();
    assert_eq!(values, ["a:b", "c:: d"]);
    let mut headers = HeaderMap::new();
    headers.insert("x-answer", HeaderValue::from_static("e:f"));
    let (_, mut body) = asked.answer(204, headers).await;
    body.finish();
    let mut answer = [0; 64];
    let read = within("the answer", client.read(&mut answer)).await.unwrap();
    assert!(read > 0);
}

async fn an_answers_pieces_are_passed_on_as_they_come(scene: Scene) {
    let mut connector = scene.connector().await;
    let listener = scene.edge.edge.addresses().https.unwrap();
    for over_http2 in [false, true] {
        let anchors = scene.anchors.clone();
        let asking = if over_http2 {
            let mut asking = JoinSet::new();
            let request = Request::get(format!("https://{HOST}/events")).body(Empty::<Bytes>::new());
            asking.spawn(async move { send_http2(listener, &anchors, request.unwrap()).await });
            asking
        } else {
            scene.get().0
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        let (_, mut body) = connector.next().await.answer(200, headers).await;
        let mut asking = asking;
        let (_, mut answer) = within("the head", asking.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        for piece in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
            body.write(piece).await.unwrap();
            let passed = within("the piece", answer.chunk()).await;
            assert_eq!(passed.unwrap().unwrap(), piece);
        }
        body.finish();
        assert_eq!(answer.count().await.unwrap(), 0);
    }
}

async fn a_client_that_resets_its_stream_is_told_to_the_connector_within_a_second(scene: Scene) {
    let mut connector = scene.connector().await;
    let (listener, anchors) = (scene.edge.edge.addresses().https.unwrap(), scene.anchors.clone());
    let request = Request::get(format!("https://{HOST}/")).body(Empty::<Bytes>::new());
    let mut asking = JoinSet::new();
    asking.spawn(async move { send_http2(listener, &anchors, request.unwrap()).await.map(drop) });
    let mut asked = connector.next().await;
    drop(asking);
    let begun = Instant::now();
    asked.given_up().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
