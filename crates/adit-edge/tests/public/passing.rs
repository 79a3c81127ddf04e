//! What passes between clients and origins, in whichever way the two are reached.

use adit_testing::{cloudflared::Protocol, within};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::Empty;

use crate::stage::{HOST, Speaks, Stage, streamed};

/// Every way from a client to a connector.
const WAYS: [(Protocol, Speaks); 4] = [
    (Protocol::Quic, Speaks::Http1),
    (Protocol::Quic, Speaks::Http2),
    (Protocol::Http2, Speaks::Http1),
    (Protocol::Http2, Speaks::Http2),
];

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields.iter();
    fields
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_is_told_once_its_request_is_under_way() {
    for protocol in [Protocol::Quic, Protocol::Http2] {
        let mut stage = Stage::new(protocol).await;
        let mut raw = stage.raw().await;
        let expecting =
            format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        raw.write(&expecting).await;
        assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        raw.write("hello").await;
        let mut asked = stage.connector.next().await;
        // The origin's server would wait for a client that has been told already.
        assert!(!asked.head.headers.contains_key(header::EXPECT));
        assert_eq!(asked.body.read().await.unwrap(), "hello");
        asked.say(200, "read").await;
        let answer = raw.until("read").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_hears_of_a_host_that_is_none_instead() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut raw = stage.raw().await;
    raw.write(
        "POST / HTTP/1.1\r\nHost: nobody.adit.localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    )
    .await;
    let answer = raw.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn a_head_keeps_its_length_and_has_no_body() {
    for (protocol, speaks) in WAYS {
        let mut stage = Stage::new(protocol).await;
        let asking = stage.ask(speaks, Request::head("/"), "/", Empty::<Bytes>::new());
        let asked = stage.connector.next().await;
        assert_eq!(asked.head.method, "HEAD");
        let (_, mut body) = asked.answer(200, headers(&[("content-length", "12345")])).await;
        body.finish();
        let (head, mut body) = asking.answer().await;
        assert_eq!(head.status(), 200);
        assert_eq!(
            head.headers()[header::CONTENT_LENGTH],
            "12345",
            "{protocol:?} {speaks:?}"
        );
        assert_eq!(body.read().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_part_of_a_file_is_asked_for_and_answered_as_one() {
    for (protocol, speaks) in WAYS {
        let mut stage = Stage::new(protocol).await;
        let request = Request::get("/")
            .header("range", "bytes=5-9")
            .header("if-range", "\"v1\"");
        let asking = stage.ask(speaks, request, "/", Empty::<Bytes>::new());
        let asked = stage.connector.next().await;
        assert_eq!(asked.head.headers["range"], "bytes=5-9");
        assert_eq!(asked.head.headers["if-range"], "\"v1\"");
        let part = [
            ("content-range", "bytes 5-9/100"),
            ("content-length", "5"),
            ("accept-ranges", "bytes"),
        ];
        let (_, mut body) = asked.answer(206, headers(&part)).await;
        body.write("56789").await.unwrap();
        body.finish();
        let (head, mut body) = asking.answer().await;
        assert_eq!(head.status(), 206);
        for (name, value) in part {
            assert_eq!(head.headers()[name], value, "{protocol:?} {speaks:?}");
        }
        assert_eq!(body.read().await.unwrap(), "56789");
    }
}

#[tokio::test]
async fn events_reach_the_client_one_by_one() {
    for (protocol, speaks) in WAYS {
        let mut stage = Stage::new(protocol).await;
        let asking = stage.get(speaks);
        let stream = headers(&[
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
        ]);
        let (_, mut events) = stage.connector.next().await.answer(200, stream).await;
        // The head comes before there is any event.
        let (head, mut body) = asking.answer().await;
        assert_eq!(head.headers()[header::CONTENT_TYPE], "text/event-stream");
        for number in 0..20 {
            let event = format!("data: {number}\n\n");
            events.write(event.clone()).await.unwrap();
            let came = within("the event", body.chunk()).await.unwrap().unwrap();
            assert_eq!(came, event, "{protocol:?} {speaks:?}");
        }
        events.finish();
        assert_eq!(body.read().await.unwrap(), "");
    }
}

#[tokio::test]
async fn both_sides_may_speak_at_once() {
    for (protocol, speaks) in WAYS {
        let mut stage = Stage::new(protocol).await;
        let (say, body) = streamed();
        let asking = stage.ask(speaks, Request::post("/"), "/", body);
        let (mut heard, mut answer) = stage.connector.next().await.answer(200, HeaderMap::new()).await;
        let (_, mut body) = asking.answer().await;
        for number in 0..20 {
            let word = Bytes::from(format!("word {number}"));
            say.send(word.clone()).unwrap();
            let came = within("the word", heard.chunk()).await.unwrap().unwrap();
            answer.write(came).await.unwrap();
            let back = within("the echo", body.chunk()).await.unwrap().unwrap();
            assert_eq!(back, word, "{protocol:?} {speaks:?}");
        }
        drop(say);
        assert_eq!(within("the end", heard.chunk()).await.unwrap(), None);
        answer.finish();
        assert_eq!(body.read().await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_answer_that_is_only_on_its_way_is_a_502() {
    // Over HTTP/2 the transport itself keeps such heads apart.
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let mut stage = Stage::new(Protocol::Quic).await;
        for status in [100, 101, 103] {
            let asking = stage.get(speaks);
            let asked = stage.connector.next().await;
            // A connector keeps such answers of its origin to itself.
            let (_, mut body) = asked.answer(status, headers(&[("link", "</style.css>")])).await;
            body.finish();
            assert_eq!(asking.text().await.0, 502, "{status} {speaks:?}");
        }
    }
}

#[tokio::test]
async fn connect_is_refused_with_a_page() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut raw = stage.raw().await;
    raw.write(format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n"))
        .await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("CONNECT is not offered here."), "{answer}");
}
