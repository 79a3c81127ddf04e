//! Who changed what.

use http::Method;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::as_user;
use crate::support::{ACCOUNT, Api, EMAIL, NOBODY, SECRET, redacted};

pub(super) async fn log(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.get(&format!("/accounts/{ACCOUNT}/audit_logs{query}")).await;
    answer.result().as_array().unwrap().clone()
}

fn actions(log: &[Value]) -> Vec<&str> {
    log.iter()
        .map(|entry| entry["action"]["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_change_is_logged_with_who_made_it_and_what_it_was_before() {
    let api = Api::new().await;
    let records = api.zone("/dns_records");
    let content = format!("{NOBODY}.cfargotunnel.com");
    let body = json!({"type": "CNAME", "name": "shop", "content": content, "proxied": true, "ttl": 1});
    let id = api.post(&records, body).await.id();
    let change = json!({"comment": "ours"});
    as_user(&api, Method::PATCH, &format!("{records}/{id}"), change)
        .await
        .result();
    let newest = log(&api, "?per_page=1").await;
    let mut shown = redacted(newest[0].clone());
    shown["id"] = json!("[number]");
    assert_json_snapshot!("audit_entry", shown);
    assert_eq!(newest[0]["oldValueJson"]["comment"], "");
    assert_eq!(newest[0]["newValueJson"]["comment"], "ours");
    assert_eq!(newest[0]["actor"]["email"], EMAIL);
    assert_eq!(newest[0]["resource"], json!({"type": "dns_record", "id": id}));

    let all = log(&api, "").await;
    assert_eq!(actions(&all)[..2], ["dns_record.update", "dns_record.create"]);
    assert_eq!(all[1]["actor"]["type"], "token");
}

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let between = log(&api, "?per_page=1").await[0]["when"]
        .as_str()
        .unwrap()
        .to_owned();
    api.delete(&format!("/accounts/{ACCOUNT}/cfd_tunnel/{id}"))
        .await
        .result();
    assert_eq!(
        actions(&log(&api, "?action.type=tunnel.create").await),
        ["tunnel.create"]
    );
    let since = log(&api, &format!("?since={between}&direction=asc")).await;
    assert_eq!(actions(&since).last(), Some(&"tunnel.delete"));
    let before = log(&api, &format!("?before={between}")).await;
    assert!(actions(&before).contains(&"tunnel.create") && !actions(&before).contains(&"tunnel.delete"));
    assert!(log(&api, "?before=2020-01-01").await.is_empty());
    assert!(log(&api, "?page=99").await.is_empty());
    // The operator's token acts in the user's name.
    assert_eq!(
        log(&api, &format!("?actor.email={EMAIL}&per_page=1")).await.len(),
        1
    );
    assert!(log(&api, "?actor.email=nobody@example.com").await.is_empty());
    assert_eq!(
        actions(&log(&api, "?actor.ip=192.0.2.7&page=2&per_page=1").await),
        ["tunnel.create"]
    );
    for bad in ["?since=yesterday", "?actor.ip=here", "?id=x"] {
        let answer = api.get(&format!("/accounts/{ACCOUNT}/audit_logs{bad}")).await;
        assert_eq!(answer.failure(), (400, 1001), "{bad}");
    }
}

#[tokio::test]
async fn no_entry_holds_a_secret() {
    let api = Api::new().await;
    api.create_tunnel("blog").await;
    let policies = crate::matrix::policies(&[adit_core::permission::PermissionGroup::TunnelRead]);
    let body = json!({"name": "ci", "policies": policies});
    let mut values = vec![SECRET.to_owned()];
    for path in [format!("/accounts/{ACCOUNT}/tokens"), "/user/tokens".to_owned()] {
        let made = api.post(&path, body.clone()).await;
        values.push(made.result()["value"].as_str().unwrap().to_owned());
        let rolled = api.put(&format!("{path}/{}/value", made.id()), json!({})).await;
        values.push(rolled.result().as_str().unwrap().to_owned());
    }
    let own = log(&api, "").await;
    let of_none = api.get("/user/audit_logs").await;
    assert_eq!(actions(&own)[..2], ["api_token.roll", "api_token.create"]);
    let of_none = of_none.result().as_array().unwrap();
    assert_eq!(actions(of_none)[..2], ["api_token.roll", "api_token.create"]);
    let text = format!("{} {}", json!(own), json!(of_none));
    assert!(values.iter().all(|value| !text.contains(value)));
}
