//! What the server logs.

use adit_core::port::LogControl;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Api, redacted};

const LEVEL: &str = "/adit/log_level";

#[tokio::test]
async fn the_log_level_is_set_shown_and_on_record() {
    let api = Api::new().await;
    assert_json_snapshot!("log_level", api.get(LEVEL).await.whole());
    let debug = json!({"level": "debug"});
    assert_json_snapshot!("log_level_set", api.put(LEVEL, debug).await.whole());
    assert_eq!(api.get(LEVEL).await.result()["level"], "debug");
    let log = api.get("/user/audit_logs?action.type=log_level.update").await;
    let told: Vec<Value> = log.result().as_array().unwrap().clone();
    assert_json_snapshot!("log_level_audit", redacted(told.into()));
}

#[tokio::test]
async fn a_level_that_is_none_changes_nothing() {
    let api = Api::new().await;
    let loud = json!({"level": "loud"});
    assert_json_snapshot!("log_level_bad", api.put(LEVEL, loud).await.whole());
    for body in [
        json!({}),
        json!({"level": 5}),
        json!({"level": null}),
        json!({"levels": "debug"}),
    ] {
        assert_eq!(
            api.put(LEVEL, body.clone()).await.failure(),
            (400, 1001),
            "{body}"
        );
    }
    assert_eq!(api.get(LEVEL).await.result()["level"], "info");
}

#[tokio::test]
async fn a_level_that_cannot_be_put_on_record_is_not_set() {
    let api = Api::new().await;
    api.store.close().await;
    let set = api.put(LEVEL, json!({"level": "debug"})).await;
    assert!(set.failure().0 >= 500, "{}", set.whole());
    assert_eq!(api.log.log_level(), "info");
}
