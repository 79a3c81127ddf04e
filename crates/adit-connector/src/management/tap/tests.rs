use std::sync::atomic::AtomicUsize;

use futures_util::FutureExt;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use super::super::asked::Asked;
use super::super::queue::Next;
use super::*;

fn all() -> Filters {
    filters(&json!({}))
}

fn filters(filters: &Value) -> Filters {
    let start = json!({"type": "start_streaming", "filters": filters});
    match Asked::read(&start.to_string()).unwrap() {
        Asked::Start(filters) => filters,
        Asked::Stop => panic!("it starts"),
    }
}

fn next(viewer: &Viewer) -> Option<Value> {
    match viewer.lines.next().now_or_never()? {
        Next::Line(line) => {
            let message: Value = serde_json::from_str(&line).unwrap();
            Some(message["logs"][0].clone())
        }
        Next::Dropped(count) => Some(json!({ "dropped": count })),
    }
}

fn with_tap(test: impl FnOnce(&LogTap)) {
    let tap = LogTap::new();
    let subscriber = tracing_subscriber::registry().with(tap.layer());
    tracing::subscriber::with_default(subscriber, || test(&tap));
}

#[test]
fn lines_of_all_levels_come_with_kind_and_fields() {
    with_tap(|tap| {
        let viewer = tap.viewer("ada".to_owned());
        viewer.start(all()).unwrap();
        tracing::debug!(target: "adit", event = 1, connIndex = 2_u8, ip = %"192.0.2.1", "GET {}", "/x");
        let line = next(&viewer).unwrap();
        assert_eq!(line["message"], "GET /x");
        assert_eq!(line["event"], "http");
        assert!(line["level"].is_null(), "{line}");
        assert_eq!(line["fields"], json!({"connIndex": 2, "ip": "192.0.2.1"}));
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        let error = std::io::Error::other("no route");
        tracing::warn!(target: "adit", error = &error as &dyn std::error::Error, event = 0, "lost");
        let line = next(&viewer).unwrap();
        assert_eq!(
            (&line["level"], &line["fields"]["error"]),
            (&json!("error"), &json!("no route"))
        );
        tracing::trace!(target: "adit", "too much");
        tracing::info!(target: "quinn", "of others");
        tracing::info!(target: "adit_connector::management::logs", "of the stream itself");
        assert_eq!(next(&viewer), None);
    });
}

#[test]
fn filters_choose_what_comes() {
    with_tap(|tap| {
        let viewer = tap.viewer("ada".to_owned());
        viewer
            .start(filters(&json!({"events": ["tcp"], "level": "warn"})))
            .unwrap();
        tracing::warn!(target: "adit", event = 1, "a request");
        tracing::info!(target: "adit", event = 2, "a flow");
        tracing::warn!(target: "adit", event = 2, "a bad flow");
        assert_eq!(next(&viewer).unwrap()["message"], "a bad flow");
        assert_eq!(next(&viewer), None);
        viewer.start(all()).unwrap();
        tracing::info!(target: "adit", "anything");
        assert_eq!(next(&viewer).unwrap()["message"], "anything");
    });
}

#[test]
fn nothing_is_gathered_while_nobody_listens() {
    static BUILT: AtomicUsize = AtomicUsize::new(0);
    fn say() {
        tracing::debug!(target: "adit", "{}", BUILT.fetch_add(1, Ordering::Relaxed));
    }
    with_tap(|tap| {
        say();
        assert_eq!(BUILT.load(Ordering::Relaxed), 0);
        let viewer = tap.viewer("ada".to_owned());
        say();
        assert_eq!(BUILT.load(Ordering::Relaxed), 0, "a viewer that has not started");
        viewer.start(all()).unwrap();
        say();
        assert_eq!(BUILT.load(Ordering::Relaxed), 1);
        assert!(viewer.stop());
        while next(&viewer).is_some() {}
        say();
        assert_eq!(next(&viewer), None);
        let built = BUILT.load(Ordering::Relaxed);
        drop(viewer);
        say();
        assert_eq!(BUILT.load(Ordering::Relaxed), built);
    });
}

#[test]
fn one_actor_streams_at_a_time_and_takes_over_from_itself() {
    let tap = LogTap::new();
    let (ada, ben, again) = (
        tap.viewer("ada".to_owned()),
        tap.viewer("ben".to_owned()),
        tap.viewer("ada".to_owned()),
    );
    ada.start(all()).unwrap();
    assert_eq!(ben.start(all()), Err(Taken));
    again.start(all()).unwrap();
    assert!(ada.replaced.is_cancelled() && !again.replaced.is_cancelled());
    drop(ada);
    assert_eq!(ben.start(all()), Err(Taken), "the newer stream goes on");
    assert!(again.stop());
    ben.start(all()).unwrap();
}

#[test]
fn lines_are_bounded_in_length_and_number() {
    with_tap(|tap| {
        let viewer = tap.viewer("ada".to_owned());
        viewer.start(all()).unwrap();
        let long = "ü".repeat(100_000);
        tracing::info!(target: "adit", long, debug = ?long, "{long}");
        let line = next(&viewer).unwrap();
        assert_eq!(line["message"].as_str().unwrap().len(), MAX_TEXT);
        assert!(line.to_string().len() < 4 * MAX_TEXT, "{line}");
        for number in 0..1000 {
            tracing::info!(target: "adit", number, "flood");
        }
        assert_eq!(next(&viewer).unwrap(), json!({"dropped": 744}));
    });
}
