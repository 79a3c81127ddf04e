//! Failing over: asked for, set up, and what is told of it.

use std::time::Duration;

use adit_core::{
    ha::{Epoch, HaCause},
    port::{AskError, FailoverError, Sites as _},
};
use adit_model::ConnectorId;
use insta::assert_json_snapshot;
use serde_json::json;

use super::{activate, join, of, shown, site};
use crate::support::{ACCOUNT, Api, NOBODY};

fn own(id: &str, rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/adit/warp_connector/{id}{rest}")
}

#[tokio::test]
async fn a_failover_asks_who_holds_the_replicas_and_says_what_they_say() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    let (first, second) = (join(&api, &id).await, join(&api, &id).await);
    activate(&api, &id, 0, first).await;
    let status = |status: &str, replica: ConnectorId| (replica.to_string(), status.to_owned());
    let to = |replica: ConnectorId| json!({"client_id": replica.to_string()});
    let failover = of(&id, "/failover");

    assert_json_snapshot!(
        "failover_already_active",
        api.put(&failover, to(first)).await.whole()
    );
    assert!(api.sites.asked.lock().is_empty(), "nothing to do");
    assert_json_snapshot!("failover", api.put(&failover, to(second)).await.whole());
    assert_eq!(
        shown(&api, &id).await,
        [status("passive", first), status("active", second)],
        "the next question is answered with what is so now"
    );
    activate(&api, &id, 1, first).await;
    let asked = api.sites.asked.lock()[0];
    assert_eq!((asked.target, asked.seen, asked.force), (second, Epoch(1), false));

    for (name, error) in [
        ("failover_offline", FailoverError::Offline),
        ("failover_outdated", FailoverError::Outdated),
        ("failover_unwell", FailoverError::Unwell),
        ("failover_draining", FailoverError::Draining),
        ("failover_busy", FailoverError::Busy),
        ("failover_not_acknowledged", FailoverError::NotAcknowledged),
        ("failover_not_stored", FailoverError::NotStored),
        ("failover_queue_full", FailoverError::Edge(AskError::QueueFull)),
        ("failover_silent", FailoverError::Edge(AskError::Silent)),
    ] {
        api.sites.fail(error);
        assert_json_snapshot!(name, api.put(&failover, to(second)).await.whole());
    }
}

#[tokio::test]
async fn a_failover_that_makes_no_sense_asks_nobody() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    let replica = join(&api, &id).await;
    let failover = of(&id, "/failover");
    let unknown = api.put(&failover, json!({"client_id": NOBODY})).await;
    assert_json_snapshot!("failover_not_linked", unknown.whole());
    let not_ha = api
        .put(&failover, json!({"client_id": replica.to_string()}))
        .await;
    assert_json_snapshot!("failover_not_ha", not_ha.whole());
    assert_json_snapshot!(
        "failover_bad_client",
        api.put(&failover, json!({"client_id": "x"})).await.whole()
    );
    assert_eq!(api.put(&failover, json!({})).await.failure(), (400, 1001));
    assert_eq!(
        api.put(&failover, json!({"client_id": null})).await.failure(),
        (400, 1001)
    );
    let linked = json!({"client_id": replica.to_string()});
    let forced = api
        .put(&format!("{failover}?force=perhaps"), linked.clone())
        .await;
    assert_json_snapshot!("failover_bad_force", forced.whole());
    let forced = api.put(&format!("{failover}?force=true"), linked).await;
    assert_eq!(forced.failure(), (409, 1060), "what the site is cannot be forced");
    let malformed = api.put(&of("x", "/failover"), json!({"client_id": NOBODY})).await;
    assert_json_snapshot!("failover_malformed_tunnel", malformed.whole());
    let nowhere = of(NOBODY, "/failover");
    assert_eq!(
        api.put(&nowhere, json!({"client_id": NOBODY})).await.failure(),
        (404, 1003)
    );
    let other = site(&api, "lab", true).await;
    let elsewhere = json!({"client_id": replica.to_string()});
    assert_eq!(
        api.put(&of(&other, "/failover"), elsewhere).await.failure(),
        (404, 1003)
    );
    let tunnel = api.create_tunnel("blog").await;
    let of_tunnel = of(&tunnel, "/failover");
    assert_eq!(
        api.put(&of_tunnel, json!({"client_id": NOBODY})).await.failure(),
        (404, 1003)
    );
    api.delete(&of(&other, "")).await.result();
    let deleted = api
        .put(&of(&other, "/failover"), json!({"client_id": NOBODY}))
        .await;
    assert_eq!(deleted.failure(), (404, 1003));
    assert!(api.sites.asked.lock().is_empty());

    api.put(&of(&id, "/configurations"), json!({"ha_mode": "none"}))
        .await
        .result();
    api.put(&failover, json!({"client_id": replica.to_string()}))
        .await
        .result();
}

#[tokio::test]
async fn a_forced_failover_is_passed_on_as_such_and_who_asked_is_on_record() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    let (first, second) = (join(&api, &id).await, join(&api, &id).await);
    activate(&api, &id, 0, first).await;
    let to = |replica: ConnectorId| json!({"client_id": replica.to_string()});
    let failover = of(&id, "/failover");
    api.sites.fail(FailoverError::Unwell);
    assert_eq!(api.put(&failover, to(second)).await.failure(), (409, 1061));
    api.sites.mend();
    api.put(&format!("{failover}?force=true"), to(second))
        .await
        .result();
    assert!(api.sites.asked.lock()[1].force);
    let log = format!("/accounts/{ACCOUNT}/audit_logs?action.type=site.failover");
    let log = api.get(&log).await;
    let entry = &log.result()[0];
    assert_eq!(entry["oldValueJson"], json!({"epoch": 1, "client_id": first}));
    assert_eq!(
        entry["newValueJson"],
        json!({"epoch": 2, "client_id": second, "force": true})
    );
    assert_eq!(
        log.result().as_array().unwrap().len(),
        1,
        "what was refused is no change"
    );
}

#[tokio::test]
async fn a_site_is_told_how_eagerly_to_fail_over() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    let path = own(&id, "/ha_settings");
    assert_json_snapshot!("ha_settings_new", api.get(&path).await.whole());
    let fast = json!({"profile": "fast", "preempt_after_s": 60, "passive_onramp": "drop"});
    assert_json_snapshot!("ha_settings_set", api.put(&path, fast).await.whole());
    assert_eq!(api.get(&path).await.result()["preempt_after_s"], 60);
    let accept = api.put(&path, json!({"passive_onramp": "accept"})).await;
    assert_eq!(accept.result()["passive_onramp"], "accept");
    assert_eq!(
        accept.result()["profile"],
        "normal",
        "what is absent is as in a new site"
    );

    for (name, wrong) in [
        ("ha_settings_bad_profile", json!({"profile": "slow"})),
        ("ha_settings_bad_preempt_after", json!({"preempt_after_s": 59})),
        ("ha_settings_bad_onramp", json!({"passive_onramp": "keep"})),
        ("ha_settings_unknown_field", json!({"preempt_after": 60})),
    ] {
        assert_json_snapshot!(name, api.put(&path, wrong).await.whole());
    }
    for wrong in [
        json!({"profile": null}),
        json!({"preempt_after_s": 86_401}),
        json!({"preempt_after_s": -60}),
        json!({"preempt_after_s": 60.5}),
        json!({"preempt_after_s": "60"}),
        json!({"passive_onramp": true}),
    ] {
        let refused = api.put(&path, wrong.clone()).await;
        assert_eq!(refused.failure(), (400, 1001), "{wrong}");
        let field = wrong.as_object().unwrap().keys().next().unwrap();
        assert_eq!(
            refused.body["errors"][0]["source"]["pointer"],
            format!("/{field}"),
            "{wrong}"
        );
    }
    assert_eq!(
        api.get(&path).await.result()["passive_onramp"],
        "accept",
        "as it was"
    );
    let log = format!("/accounts/{ACCOUNT}/audit_logs?action.type=site.settings");
    let log = api.get(&log).await;
    assert_eq!(log.result()[0]["oldValueJson"]["profile"], "fast");
    assert_eq!(log.result()[0]["newValueJson"]["profile"], "normal");
}

#[tokio::test]
async fn settings_and_history_are_those_of_live_sites() {
    let api = Api::new().await;
    let (gone, tunnel) = (site(&api, "office", true).await, api.create_tunnel("blog").await);
    api.delete(&of(&gone, "")).await.result();
    for id in [&*gone, &*tunnel, NOBODY] {
        let settings = own(id, "/ha_settings");
        assert_eq!(api.get(&settings).await.failure(), (404, 1003), "{id}");
        assert_eq!(api.put(&settings, json!({})).await.failure(), (404, 1003), "{id}");
        assert_eq!(
            api.get(&own(id, "/ha_events")).await.failure(),
            (404, 1003),
            "{id}"
        );
    }
    assert_json_snapshot!(
        "ha_settings_unknown_tunnel",
        api.get(&own(NOBODY, "/ha_settings")).await.whole()
    );
    assert_eq!(api.get(&own("x", "/ha_events")).await.failure(), (404, 7003));
}

#[tokio::test]
async fn every_switch_is_listed_with_its_cause_and_gap() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    let path = own(&id, "/ha_events");
    assert_json_snapshot!("ha_events_none", api.get(&path).await.whole());
    let (first, second) = (join(&api, &id).await, join(&api, &id).await);
    activate(&api, &id, 0, first).await;
    let key = api.key(&id);
    let to_second = api.store.decide(key, Epoch(1), Some(second), HaCause::Silent);
    to_second.await.unwrap();
    let gap = Duration::from_micros(1_843_250);
    api.store.note_gap(key, Epoch(2), gap).await.unwrap();
    let nobody = api.store.decide(key, Epoch(2), None, HaCause::Disconnected);
    nobody.await.unwrap();
    assert_json_snapshot!("ha_events", api.get(&path).await.whole());
    assert_json_snapshot!(
        "ha_events_page",
        api.get(&format!("{path}?page=2&per_page=2")).await.whole()
    );
    let past = api.get(&format!("{path}?page=3&per_page=2")).await;
    assert_eq!(past.result(), &json!([]));
    assert_json_snapshot!(
        "ha_events_bad_page",
        api.get(&format!("{path}?per_page=0")).await.whole()
    );
}
