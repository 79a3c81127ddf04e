//! Log lines of unmodified cloudflared.

use adit_testing::{client, cloudflared::Protocol, long_only, origin::Origin, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    stage::MANAGEMENT,
    support::{HOST, stock::StockScene},
    viewer::{Viewer, scene},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_flow_and_leave_their_level_out_where_it_is_debug() {
    let test = "log_lines_flow_and_leave_their_level_out_where_it_is_debug";
    for protocol in Protocol::ALL {
        let Some(scene) = scene(test, protocol).await else {
            return;
        };
        let mut viewer = Viewer::open(&scene, "ada").await;
        viewer
            .start(json!({"events": ["http"], "level": "debug", "sampling": 1.0}))
            .await;
        let line = viewer.line(&scene).await;
        assert_eq!(
            (&line["level"], &line["event"]),
            (&Value::Null, &json!("http")),
            "{line}"
        );
        assert!(line["time"].is_string() && line["message"].is_string(), "{line}");
        viewer.0.close(None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_keep_what_they_name_and_sampling_a_part_of_it() {
    let test = "filters_keep_what_they_name_and_sampling_a_part_of_it";
    for protocol in Protocol::ALL {
        let Some(scene) = scene(test, protocol).await else {
            return;
        };
        let mut viewer = Viewer::open(&scene, "ada").await;
        viewer.start(json!({"events": ["http"], "sampling": 0.2})).await;
        let (mut asked, mut told) = (0, 0);
        viewer.line(&scene).await;
        for _ in 0..200 {
            client::get(scene.edge.http(), HOST, "/").await.unwrap();
            asked += 1;
            let moment = std::time::Duration::from_millis(1);
            while let Ok(Some(Ok(message))) = tokio::time::timeout(moment, viewer.0.next()).await {
                if let Message::Text(text) = message {
                    let line: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(line["logs"][0]["event"], "http", "{line}");
                    told += 1;
                }
            }
        }
        // Two lines for each request, of which a fifth is told.
        assert!(told > 0 && told < asked * 3 / 2, "{protocol}: {told} of {asked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_level_keeps_what_is_below_it_away_and_a_stopped_stream_starts_again() {
    let test = "a_level_keeps_what_is_below_it_away_and_a_stopped_stream_starts_again";
    for protocol in Protocol::ALL {
        let origin = Origin::start().await;
        // Nobody listens there, so each request is an error.
        let scene = StockScene::with(test, protocol, origin, |options| {
            options
                .serving("http://127.0.0.1:9")
                .with(&["--management-hostname", MANAGEMENT])
        });
        let Some(scene) = scene.await else {
            return;
        };
        let mut viewer = Viewer::open(&scene, "ada").await;
        viewer.start(json!({"level": "error"})).await;
        for _ in 0..3 {
            assert_eq!(viewer.line(&scene).await["level"], "error", "{protocol}");
        }
        let stop = Message::text(r#"{"type":"stop_streaming"}"#);
        viewer.0.send(stop).await.unwrap();
        viewer.start(json!({"level": "debug"})).await;
        let debug = async { while !viewer.line(&scene).await["level"].is_null() {} };
        within("a line of level debug", debug).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_actor_is_turned_away_and_the_same_one_takes_over() {
    let test = "another_actor_is_turned_away_and_the_same_one_takes_over";
    for protocol in Protocol::ALL {
        let Some(scene) = scene(test, protocol).await else {
            return;
        };
        let mut first = Viewer::open(&scene, "ada").await;
        first.start(json!({})).await;
        first.line(&scene).await;

        let mut second = Viewer::open(&scene, "grace").await;
        second.start(json!({})).await;
        let closed = second.next().await.unwrap_err().unwrap();
        assert_eq!(u16::from(closed.code), 4002, "{closed:?}");

        let mut again = Viewer::open(&scene, "ada").await;
        again.start(json!({})).await;
        again.line(&scene).await;
        // What was on its way when it was replaced may still come.
        while first.next().await.is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_told_by_its_code() {
    let Some(scene) = scene("what_is_no_message_is_told_by_its_code", Protocol::Quic).await else {
        return;
    };
    let mut viewer = Viewer::open(&scene, "ada").await;
    viewer.0.send(Message::text("no message")).await.unwrap();
    let closed = viewer.next().await.unwrap_err().unwrap();
    assert_eq!(u16::from(closed.code), 1003, "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_asks_for_nothing_is_sent_away_after_five_minutes() {
    let test = "a_viewer_that_asks_for_nothing_is_sent_away_after_five_minutes";
    if !long_only(test) {
        return;
    }
    let Some(scene) = scene(test, Protocol::Quic).await else {
        return;
    };
    let mut viewer = Viewer::open(&scene, "ada").await;
    let sent_away = async {
        loop {
            // What comes before are pings, which the edge carries like everything else.
            match viewer.0.next().await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    let closed = tokio::time::timeout(std::time::Duration::from_secs(330), sent_away).await;
    assert_eq!(closed.unwrap().map(|frame| u16::from(frame.code)), Some(4003));
}
