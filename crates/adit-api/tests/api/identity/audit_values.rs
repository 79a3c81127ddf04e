//! What the audit log says that each kind of object was before a change, and is after it.

use adit_core::{
    ha::{Epoch, HaCause},
    port::Sites as _,
};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::audit::log;
use crate::support::{Api, NOBODY, SECRET, account, redacted, tunnels};

/// Every change of what was there when the test began and since, oldest first, redacted.
async fn changes(api: &Api) -> Value {
    let shown = |entry: &Value| {
        let value = |text: &Value, json: &Value| {
            let text = text.as_str().unwrap();
            let from_text: Value = if text.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(text).unwrap()
            };
            assert_eq!(from_text, *json);
            from_text
        };
        json!({
            "action": entry["action"]["type"],
            "object": entry["metadata"]["object"],
            "old": value(&entry["oldValue"], &entry["oldValueJson"]),
            "new": value(&entry["newValue"], &entry["newValueJson"]),
        })
    };
    let log = log(api, "?direction=asc").await;
    // What an account starts with comes first, and is the same everywhere.
    let own = log.iter().filter(|entry| entry["actor"]["type"] != "system");
    redacted(own.map(shown).collect())
}

#[tokio::test]
async fn of_tunnels_and_their_configurations() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let one = tunnels(&format!("/{id}"));
    api.patch(&one, json!({"name": "shop"})).await.result();
    let other = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    api.patch(&one, json!({ "tunnel_secret": other })).await.result();
    let configurations = format!("{one}/configurations");
    let rules = |service: &str| json!({"config": {"ingress": [{"service": service}]}});
    for service in ["http://localhost:8080", "http_status:404"] {
        api.put(&configurations, rules(service)).await.result();
    }
    api.delete(&one).await.result();
    let changes = changes(&api).await;
    assert!(!changes.to_string().contains(SECRET) && !changes.to_string().contains(other));
    assert_json_snapshot!("audit_of_tunnels", changes);
}

#[tokio::test]
async fn of_long_configurations_only_their_length() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let rule =
        |number| json!({"hostname": format!("h{number}.example.com"), "service": "http://localhost:8080"});
    let rules: Vec<Value> = (0..400)
        .map(rule)
        .chain([json!({"service": "http_status:404"})])
        .collect();
    let body = json!({"config": {"ingress": rules}});
    api.put(&tunnels(&format!("/{id}/configurations")), body)
        .await
        .result();
    let newest = &log(&api, "?per_page=1").await[0]["newValueJson"];
    assert_eq!((&newest["version"], &newest["config"]), (&json!(1), &Value::Null));
    assert!(newest["config_bytes"].as_u64() > Some(16 << 10), "{newest}");
}

#[tokio::test]
async fn of_sites() {
    let api = Api::new().await;
    let site = api
        .post(&account("/warp_connector"), json!({"name": "office", "ha": true}))
        .await
        .id();
    let one = account(&format!("/warp_connector/{site}"));
    let local = json!({"ha_mode": "local", "config": {"vips": [{"address": "10.0.0.1"}]}});
    api.put(&format!("{one}/configurations"), local).await.result();
    let (replica, _) = api.connect_replica(&site).await;
    api.store
        .decide(api.key(&site), Epoch(0), Some(replica), HaCause::First)
        .await
        .unwrap();
    let activation = &log(&api, "?action.type=site.activate").await[0];
    assert_eq!(activation["oldValueJson"], json!({"epoch": 0, "client_id": null}));
    assert_eq!(
        activation["newValueJson"],
        json!({"epoch": 1, "client_id": replica})
    );
    api.patch(&one, json!({"name": "branch"})).await.result();
    assert_json_snapshot!("audit_of_sites", changes(&api).await);
}

#[tokio::test]
async fn of_routes_of_networks() {
    let api = Api::new().await;
    let tunnel = api.create_tunnel("blog").await;
    let routes = account("/teamnet/routes");
    for network in ["10.0.0.0/8", "192.0.2.0/24"] {
        let body = json!({"network": network, "tunnel_id": tunnel, "comment": "first"});
        let one = format!("{routes}/{}", api.post(&routes, body).await.id());
        api.patch(&one, json!({"comment": "second"})).await.result();
        if network == "10.0.0.0/8" {
            api.delete(&one).await.result();
        }
    }
    api.delete(&tunnels(&format!("/{tunnel}?cascade=true")))
        .await
        .result();
    assert_json_snapshot!("audit_of_routes", changes(&api).await);
}

#[tokio::test]
async fn of_virtual_networks() {
    let api = Api::new().await;
    let tunnel = api.create_tunnel("blog").await;
    let networks = account("/teamnet/virtual_networks");
    let first = api
        .post(&networks, json!({"name": "first", "is_default_network": true}))
        .await;
    let second = api.post(&networks, json!({"name": "second"})).await.id();
    let one = format!("{networks}/{second}");
    api.patch(&one, json!({"name": "third", "comment": "ours"}))
        .await
        .result();
    let route = json!({"network": "10.0.0.0/8", "tunnel_id": tunnel, "virtual_network_id": second});
    api.post(&account("/teamnet/routes"), route).await.result();
    api.delete(&format!("{one}?force=true")).await.result();
    first.result();
    assert_json_snapshot!("audit_of_virtual_networks", changes(&api).await);
}

#[tokio::test]
async fn of_routes_of_host_names() {
    let api = Api::new().await;
    let tunnel = api.create_tunnel("blog").await;
    let routes = account("/zerotrust/routes/hostname");
    let body = json!({"hostname": "wiki.internal", "tunnel_id": tunnel});
    let one = format!("{routes}/{}", api.post(&routes, body).await.id());
    let body = json!({"hostname": "docs.internal", "comment": "moved"});
    api.patch(&one, body).await.result();
    api.delete(&one).await.result();
    assert_json_snapshot!("audit_of_hostname_routes", changes(&api).await);
}

#[tokio::test]
async fn of_subnets_and_settings() {
    let api = Api::new().await;
    let subnets = account("/zerotrust/subnets/warp");
    let body = json!({"name": "devices", "network": "10.9.0.0/16", "is_default_network": true});
    let first = format!("{subnets}/{}", api.post(&subnets, body).await.id());
    let body = json!({"name": "guests", "network": "10.10.0.0/16"});
    let second = format!("{subnets}/{}", api.post(&subnets, body).await.id());
    api.patch(&first, json!({"comment": "all of them"}))
        .await
        .result();
    api.delete(&second).await.result();
    let settings = account("/zerotrust/connectivity_settings");
    api.patch(&settings, json!({"icmp_proxy_enabled": true}))
        .await
        .result();
    assert_json_snapshot!("audit_of_subnets_and_settings", changes(&api).await);
}

#[tokio::test]
async fn what_fails_is_not_in_the_log() {
    let api = Api::new().await;
    let before = log(&api, "").await.len();
    let route = json!({"network": "10.0.0.0/8", "tunnel_id": NOBODY});
    assert!(
        !api.post(&account("/teamnet/routes"), route)
            .await
            .status
            .is_success()
    );
    assert_eq!(log(&api, "").await.len(), before);
}
