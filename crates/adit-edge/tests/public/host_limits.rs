//! What becomes of requests above the limits of their host name.

use adit_core::{
    host_limits::{HostLimits, WrittenLimits},
    port::Change,
};
use adit_testing::{client, cloudflared::Protocol, wait_for, within};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;

use crate::stage::{HOST, Speaks, Stage, streamed};

const NONE: WrittenLimits = WrittenLimits {
    requests_per_second: None,
    burst: None,
    concurrent_requests: None,
    max_request_body_bytes: None,
};

async fn limited(pattern: &str, written: WrittenLimits) -> Stage {
    let stage = Stage::new(Protocol::Quic).await;
    limit(&stage, pattern, written).await;
    stage
}

/// Sets limits, and waits until the edge has them.
async fn limit(stage: &Stage, pattern: &str, written: WrittenLimits) {
    let limits = HostLimits::read(written).unwrap();
    stage
        .edge
        .change(Change::Limits(pattern.parse().unwrap(), limits));
    // What comes later is there no earlier.
    let marker = format!("marker{}.adit.localhost", stage.edge.change_number());
    let key = stage.edge.unserved();
    stage
        .edge
        .change(Change::Host(marker.parse().unwrap(), Some(key.into())));
    wait_for("the limits", async || {
        let answer = client::get(stage.edge.http(), &marker, "/").await;
        answer.unwrap().status != 404
    })
    .await;
}

fn of_size(bytes: usize) -> Full<Bytes> {
    Full::new(Bytes::from(vec![7; bytes]))
}

#[tokio::test]
async fn requests_above_the_rate_are_told_when_to_come_again() {
    let rate = WrittenLimits {
        requests_per_second: Some(1),
        burst: Some(2),
        ..NONE
    };
    let mut stage = limited(HOST, rate).await;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let asking = stage.get(speaks);
        stage.connector.next().await.say(200, "in time").await;
        assert_eq!(asking.text().await, (200, "in time".to_owned()));
    }
    // The bucket of two refills by one each second; more than one refusal shows within it.
    let mut refused = 0;
    for speaks in [Speaks::Http1, Speaks::Http2, Speaks::Http1] {
        let asking = stage.get(speaks);
        let answer = tokio::select! {
            (head, mut body) = asking.answer() => Some((head, body.read().await.unwrap())),
            asked = stage.connector.next() => { asked.say(200, "").await; None }
        };
        let Some((head, body)) = answer else { continue };
        assert_eq!(head.status(), 429);
        assert_eq!(head.headers()[header::RETRY_AFTER], "1");
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert!(page.contains("requests_per_second"), "{page}");
        refused += 1;
    }
    assert!(refused >= 2, "{refused} were refused");
}

#[tokio::test]
async fn a_request_above_the_concurrency_is_refused_until_another_one_ends() {
    let one = WrittenLimits {
        concurrent_requests: Some(1),
        ..NONE
    };
    let mut stage = limited(HOST, one).await;
    let running = stage.get(Speaks::Http1);
    let asked = stage.connector.next().await;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let (status, page) = stage.get(speaks).text().await;
        assert_eq!(status, 429);
        assert!(page.contains("concurrent_requests"), "{page}");
    }
    asked.say(200, "done").await;
    assert_eq!(running.text().await.0, 200);

    let running = stage.get(Speaks::Http2);
    stage.connector.next().await.say(200, "next").await;
    assert_eq!(running.text().await.1, "next");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_a_413_before_anybody_is_asked() {
    let small = WrittenLimits {
        max_request_body_bytes: Some(10_000),
        ..NONE
    };
    let mut stage = limited(HOST, small).await;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let (status, page) = stage
            .ask(speaks, Request::post("/"), "/", of_size(2_000_000))
            .text()
            .await;
        assert_eq!(status, 413, "{speaks:?}");
        assert!(page.contains("max_request_body_bytes"), "{page}");
        let asking = stage.ask(speaks, Request::post("/"), "/", of_size(10_000));
        let mut asked = stage.connector.next().await;
        assert_eq!(asked.body.read().await.unwrap().len(), 10_000);
        asked.say(200, "fits").await;
        assert_eq!(asking.text().await.0, 200, "{speaks:?}");
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_413_and_not_to_continue() {
    let none = WrittenLimits {
        max_request_body_bytes: Some(0),
        ..NONE
    };
    let stage = limited(HOST, none).await;
    let mut raw = stage.raw().await;
    raw.write(format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    ))
    .await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_body_of_unknown_length_is_counted_and_cut_off() {
    let small = WrittenLimits {
        max_request_body_bytes: Some(10_000),
        ..NONE
    };
    let mut stage = limited(HOST, small).await;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let (send, body) = streamed();
        let asking = stage.ask(speaks, Request::post("/"), "/", body);
        send.send(Bytes::from(vec![1; 10_000])).unwrap();
        let mut asked = stage.connector.next().await;
        send.send(Bytes::from_static(b"1")).unwrap();
        within("the cut", asked.body.read()).await.unwrap_err();
        assert_eq!(asking.text().await.0, 413, "{speaks:?}");

        let (send, body) = streamed();
        let asking = stage.ask(speaks, Request::post("/"), "/", body);
        send.send(Bytes::from(vec![1; 10_000])).unwrap();
        drop(send);
        let mut asked = stage.connector.next().await;
        assert_eq!(asked.body.read().await.unwrap().len(), 10_000);
        asked.say(200, "fits").await;
        assert_eq!(asking.text().await.0, 200, "{speaks:?}");
    }
}

#[tokio::test]
async fn a_wildcards_limits_hold_for_names_that_have_none_of_their_own() {
    let none = WrittenLimits {
        max_request_body_bytes: Some(0),
        ..NONE
    };
    let mut stage = limited("*.adit.localhost", none).await;
    let refused = stage.ask(Speaks::Http1, Request::post("/"), "/", of_size(1));
    assert_eq!(refused.text().await.0, 413);

    let some = WrittenLimits {
        max_request_body_bytes: Some(1),
        ..NONE
    };
    limit(&stage, HOST, some).await;
    let asking = stage.ask(Speaks::Http1, Request::post("/"), "/", of_size(1));
    stage.connector.next().await.say(200, "").await;
    assert_eq!(asking.text().await.0, 200);

    limit(&stage, HOST, NONE).await;
    limit(&stage, "*.adit.localhost", NONE).await;
    let asking = stage.ask(Speaks::Http1, Request::post("/"), "/", of_size(100));
    stage.connector.next().await.say(200, "").await;
    assert_eq!(asking.text().await.0, 200);
}
