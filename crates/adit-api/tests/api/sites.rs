//! Sites through their whole life.

mod failover;

use adit_core::{
    ha::{Epoch, HaCause},
    port::{AskError, Catalog as _, MeshLinks as _, NewLink, Sites as _},
};
use adit_model::{ConnectorId, IdentityKey, PeerKey, TunnelKind::WarpConnector};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Api, NOBODY, tunnels};

fn sites(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/warp_connector{rest}")
}

async fn site(api: &Api, name: &str, ha: bool) -> String {
    api.post(&sites(""), json!({"name": name, "ha": ha})).await.id()
}

/// Connects a new replica and gives its id.
async fn join(api: &Api, site: &str) -> ConnectorId {
    let (replica, connection) = api.connect_replica(site).await;
    api.sites.hold(api.key(site), replica, connection);
    replica
}

async fn activate(api: &Api, site: &str, seen: u64, replica: ConnectorId) {
    let key = api.key(site);
    let decided = api.store.decide(key, Epoch(seen), Some(replica), HaCause::First);
    decided.await.unwrap();
    api.sites.activate(key, replica);
}

fn of(id: &str, rest: &str) -> String {
    sites(&format!("/{id}{rest}"))
}

#[tokio::test]
async fn a_new_site_comes_with_its_token_and_shares_names_with_tunnels() {
    let api = Api::new().await;
    let created = api.post(&sites(""), json!({"name": "office", "ha": true})).await;
    let mut whole = created.whole();
    let token = whole["body"]["result"]["token"].take();
    assert!(
        token.as_str().unwrap().starts_with("base64 of {\"a\":"),
        "{token}"
    );
    assert_json_snapshot!("site_create", whole);
    assert_eq!(
        api.get(&of(&created.id(), "/token")).await.result(),
        &created.result()["token"]
    );
    assert_json_snapshot!(
        "site_create_name_taken",
        api.post(&tunnels(""), json!({"name": "office"})).await.whole()
    );
    api.create_tunnel("blog").await;
    assert_eq!(
        api.post(&sites(""), json!({"name": "blog"})).await.failure(),
        (409, 1013)
    );
    assert_eq!(
        api.post(&sites(""), json!({"name": ""})).await.failure(),
        (400, 1001)
    );
    assert_eq!(
        api.post(&sites(""), json!({"ha": true})).await.failure(),
        (400, 1001)
    );
}

#[tokio::test]
async fn calls_on_one_kind_do_not_see_the_other() {
    let api = Api::new().await;
    let (tunnel, site) = (api.create_tunnel("blog").await, site(&api, "office", false).await);
    for rest in [
        "",
        "/token",
        "/connections",
        "/configurations",
        &format!("/connectors/{NOBODY}"),
    ] {
        assert_eq!(api.get(&of(&tunnel, rest)).await.failure(), (404, 1003), "{rest}");
        assert_eq!(
            api.get(&tunnels(&format!("/{site}{rest}"))).await.failure(),
            (404, 1003),
            "{rest}"
        );
    }
    assert_eq!(
        api.patch(&of(&tunnel, ""), json!({})).await.failure(),
        (404, 1003)
    );
    assert_eq!(
        api.patch(&tunnels(&format!("/{site}")), json!({}))
            .await
            .failure(),
        (404, 1003)
    );
    assert_eq!(api.delete(&of(&tunnel, "")).await.failure(), (404, 1003));
    assert_eq!(
        api.delete(&tunnels(&format!("/{site}"))).await.failure(),
        (404, 1003)
    );
    assert_eq!(
        api.delete(&tunnels(&format!("/{site}/connections")))
            .await
            .failure(),
        (404, 1003)
    );
    let route = api.zone(&format!("/tunnels/{site}/routes"));
    let body = json!({"type": "dns", "user_hostname": "office.example.com"});
    assert_eq!(api.put(&route, body).await.failure(), (404, 1003));
    let failover = json!({"client_id": NOBODY});
    assert_eq!(
        api.put(&of(&tunnel, "/failover"), failover).await.failure(),
        (404, 1003)
    );
    assert_eq!(
        api.put(&of(&tunnel, "/configurations"), json!({"ha_mode": "none"}))
            .await
            .failure(),
        (404, 1003)
    );
}

#[tokio::test]
async fn lists_name_one_kind_or_mix_them() {
    let api = Api::new().await;
    let (tunnel, site) = (api.create_tunnel("blog").await, site(&api, "office", false).await);
    let all = |query: &str| format!("/accounts/{ACCOUNT}/tunnels{query}");
    assert_json_snapshot!("site_list", api.get(&sites("?name=office")).await.whole());
    assert_json_snapshot!(
        "tunnel_list_mixed",
        api.get(&all("?tun_types=cfd_tunnel,warp_connector"))
            .await
            .whole()
    );
    for (path, expected) in [
        (sites(""), vec![&site]),
        (sites("?exclude_prefix=off"), vec![]),
        (tunnels(""), vec![&tunnel]),
        (all(""), vec![&site, &tunnel]),
        (all("?tun_types=warp_connector"), vec![&site]),
        (all("?tun_types=cfd_tunnel&tun_types=warp"), vec![&tunnel]),
        (all("?tun_types=gre,cni"), vec![]),
        (sites("?tun_types=cfd_tunnel&per_page=1&page=2"), vec![]),
    ] {
        assert_eq!(api.get(&path).await.ids(), expected, "{path}");
    }
    assert_eq!(api.get(&all("?tun_types=other")).await.failure(), (400, 1001));
}

#[tokio::test]
async fn a_site_is_changed_and_deleted_like_a_tunnel() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    assert_json_snapshot!("site_get", api.get(&of(&id, "")).await.whole());
    assert_json_snapshot!(
        "site_patch",
        api.patch(&of(&id, ""), json!({"name": "lab"})).await.whole()
    );
    let token = api.get(&of(&id, "/token")).await.result().clone();
    let rotated = json!({"tunnel_secret": crate::support::SECRET});
    api.patch(&of(&id, ""), rotated).await.result();
    assert_ne!(api.get(&of(&id, "/token")).await.result(), &token);
    *api.edges.live.lock() = 1;
    assert_json_snapshot!("site_delete_connected", api.delete(&of(&id, "")).await.whole());
    assert_json_snapshot!("site_delete", api.delete(&of(&id, "?cascade=true")).await.whole());
    assert!(api.get(&of(&id, "")).await.result()["deleted_at"].is_string());
    for rest in ["/token", "/connections", "/configurations"] {
        assert_eq!(api.get(&of(&id, rest)).await.failure(), (404, 1003), "{rest}");
    }
    assert_json_snapshot!("site_get_unknown", api.get(&of(NOBODY, "")).await.whole());
}

#[tokio::test]
async fn replicas_are_active_passive_or_offline() {
    let api = Api::new().await;
    let id = site(&api, "office", true).await;
    assert_json_snapshot!(
        "site_connections_none",
        api.get(&of(&id, "/connections")).await.whole()
    );
    let first = join(&api, &id).await;
    assert_eq!(
        api.get(&of(&id, "")).await.result()["status"],
        "degraded",
        "no standby"
    );
    let (second, connection) = api.connect_replica(&id).await;
    activate(&api, &id, 0, first).await;
    assert_eq!(api.get(&of(&id, "")).await.result()["status"], "healthy");
    for (status, found) in [("healthy", 1), ("degraded", 0), ("down", 0)] {
        let list = api.get(&sites(&format!("?status={status}"))).await;
        assert_eq!(list.ids().len(), found, "{status}");
    }
    assert_json_snapshot!(
        "site_connections",
        api.get(&of(&id, "/connections")).await.whole()
    );

    api.close(&id, connection).await;
    assert_eq!(api.get(&of(&id, "")).await.result()["status"], "degraded");
    assert_eq!(api.get(&sites("?status=degraded")).await.ids(), [&id]);
    let one = |replica: ConnectorId| of(&id, &format!("/connectors/{replica}"));
    assert_json_snapshot!("site_connector_offline", api.get(&one(second)).await.whole());
    assert_eq!(api.get(&one(first)).await.result()["ha_status"], "active");
    assert_json_snapshot!(
        "site_connector_unknown",
        api.get(&of(&id, &format!("/connectors/{NOBODY}"))).await.whole()
    );
}

#[tokio::test]
async fn one_replica_is_healthy_where_no_standby_is_expected() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    assert_eq!(api.get(&of(&id, "")).await.result()["status"], "inactive");
    let (_, connection) = api.connect_replica(&id).await;
    assert_eq!(api.get(&of(&id, "")).await.result()["status"], "healthy");
    api.close(&id, connection).await;
    assert_eq!(api.get(&of(&id, "")).await.result()["status"], "down");
}

#[tokio::test]
async fn a_site_is_configured_by_mode() {
    let api = Api::new().await;
    let (plain, ha) = (site(&api, "plain", false).await, site(&api, "ha", true).await);
    let path = of(&ha, "/configurations");
    assert_json_snapshot!("site_configuration_new", api.get(&path).await.whole());
    assert_eq!(
        api.get(&of(&plain, "/configurations")).await.result()["ha_mode"],
        "disabled"
    );
    let local =
        json!({"ha_mode": "local", "config": {"vips": [{"address": "10.0.0.1"}, {"address": "fd00::1"}]}});
    assert_json_snapshot!("site_configuration_local", api.put(&path, local).await.whole());
    let aws = json!({"ha_mode": "aws", "config": {"fnr_id": "eni-0123"}});
    assert_json_snapshot!("site_configuration_aws", api.put(&path, aws).await.whole());
    assert_eq!(api.get(&path).await.result()["configuration_version"], 2);
    let none = api.put(&path, json!({"ha_mode": "none", "config": {}})).await;
    assert_eq!(none.result()["config"], Value::Null);

    assert_json_snapshot!(
        "site_configuration_bad",
        api.put(&path, json!({"ha_mode": "aws"})).await.whole()
    );
    for wrong in [
        json!({}),
        json!({"ha_mode": null}),
        json!({"ha_mode": "vrrp"}),
        json!({"ha_mode": "local", "config": {"vips": []}}),
        json!({"ha_mode": "local", "config": {"vips": [{"address": "10.0.0.1/24"}]}}),
        json!({"ha_mode": "none", "config": {"vips": []}}),
        json!({"ha_mode": "aws", "config": []}),
    ] {
        assert_eq!(
            api.put(&path, wrong.clone()).await.failure(),
            (400, 1001),
            "{wrong}"
        );
    }
    assert_eq!(api.get(&path).await.result()["configuration_version"], 3);
}

/// A replica that is linked to a site, by its number; it need not be connected.
async fn link(api: &Api, site: &str, number: u8, connector: ConnectorId) {
    let secret = api
        .store
        .tunnel_secret(api.key(site), WarpConnector)
        .await
        .unwrap();
    let new = NewLink {
        tunnel: api.key(site),
        connector,
        identity: IdentityKey::from_bytes([number; 32]),
        key: PeerKey::from_bytes([number; 32]),
        proven: secret.digest(),
    };
    api.store.link(new).await.unwrap();
}

async fn shown(api: &Api, site: &str) -> Vec<(String, String)> {
    let all = api.get(&of(site, "/connections")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = all.result().as_array().unwrap().iter();
    all.map(|one| (text(&one["id"]), text(&one["ha_status"])))
        .collect()
}

#[tokio::test]
async fn sessions_are_ended_and_a_replica_without_one_is_forgotten_by_name() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    let (first, second) = (join(&api, &id).await, join(&api, &id).await);
    let gone = ConnectorId::random();
    for (number, replica) in [(1, first), (2, second), (3, gone)] {
        link(&api, &id, number, replica).await;
    }
    let linked = async || api.store.linked_replicas(api.key(&id)).await.unwrap().len();
    let close = |query: &str| of(&id, &format!("/connections{query}"));
    assert_json_snapshot!(
        "site_close",
        api.delete(&close(&format!("?client_id={first}"))).await.whole()
    );
    let evicted = api.sites.evictions.lock().pop().unwrap();
    assert_eq!((evicted.tunnel, evicted.connector), (api.key(&id), Some(first)));
    assert_eq!(linked().await, 3, "it may come back");
    api.delete(&close(&format!("?client_id={gone}"))).await.result();
    assert_eq!(linked().await, 2, "nothing else could be done to it");
    api.delete(&close(&format!("?client_id={NOBODY}"))).await.result();
    api.delete(&close("")).await.result();
    assert_eq!(linked().await, 2);
    assert_eq!(api.sites.evictions.lock().pop().unwrap().connector, None);
    assert_eq!(api.delete(&close("?client_id=x")).await.failure(), (400, 1001));
    assert_eq!(
        api.delete(&of(NOBODY, "/connections")).await.failure(),
        (404, 1003)
    );
    api.sites.fall_silent(AskError::Silent);
    assert_json_snapshot!("site_close_silent", api.delete(&close("")).await.whole());
}

#[tokio::test]
async fn after_a_rotation_a_clean_up_makes_strangers_of_replicas() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    let (first, second) = (join(&api, &id).await, join(&api, &id).await);
    link(&api, &id, 1, first).await;
    link(&api, &id, 2, second).await;
    let before = api.store.change_number().await.unwrap();
    let rotated = json!({"tunnel_secret": crate::support::SECRET});
    api.patch(&of(&id, ""), rotated).await.result();
    let waited = api.sites.waited_for.lock().last().copied().unwrap();
    assert!(
        waited > before,
        "the mesh knows of the new secret when the call answers"
    );
    let linked = async || api.store.linked_replicas(api.key(&id)).await.unwrap();
    assert_eq!(linked().await.len(), 2, "they stay until the clean-up");
    link(&api, &id, 2, second).await;
    api.delete(&of(&id, "/connections")).await.result();
    let left = linked().await;
    assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [second]);
    let evicted = api.sites.evictions.lock().pop().unwrap();
    assert!(
        evicted.after > waited,
        "the mesh knows who is a stranger before sessions end"
    );
}

#[tokio::test]
async fn who_carries_traffic_is_what_the_mesh_says() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    let (first, connection) = api.connect_replica(&id).await;
    api.sites.hold(api.key(&id), first, connection);
    let second = join(&api, &id).await;
    link(&api, &id, 1, first).await;
    let (one, two) = (first.to_string(), second.to_string());
    let of = |status: &str, replica: &str| (replica.to_owned(), status.to_owned());
    assert_eq!(shown(&api, &id).await, [of("passive", &one), of("passive", &two)]);
    api.sites.activate(api.key(&id), second);
    assert_eq!(shown(&api, &id).await, [of("passive", &one), of("active", &two)]);
    api.close(&id, connection).await;
    assert_eq!(shown(&api, &id).await, [of("offline", &one), of("active", &two)]);
    for (error, failure) in [
        (AskError::Silent, (504, 1504)),
        (AskError::QueueFull, (503, 1503)),
    ] {
        api.sites.fall_silent(error);
        assert_eq!(api.get(&self::of(&id, "/connections")).await.failure(), failure);
        let connector = self::of(&id, &format!("/connectors/{second}"));
        assert_eq!(api.get(&connector).await.failure(), failure);
    }
    api.sites.fall_silent(AskError::Stopped);
    assert_eq!(shown(&api, &id).await, [of("offline", &one), of("passive", &two)]);
}

#[tokio::test]
async fn a_site_with_sessions_goes_only_with_them() {
    let api = Api::new().await;
    let id = site(&api, "office", false).await;
    let replica = join(&api, &id).await;
    link(&api, &id, 1, replica).await;
    assert_eq!(api.delete(&of(&id, "")).await.failure(), (400, 1022));
    assert_eq!(api.store.linked_replicas(api.key(&id)).await.unwrap().len(), 1);
    api.delete(&of(&id, "?cascade=true")).await.result();
    let evicted = api.sites.evictions.lock().pop().unwrap();
    assert_eq!((evicted.tunnel, evicted.connector), (api.key(&id), None));
    assert_eq!(api.store.linked_replicas(api.key(&id)).await.unwrap(), []);
    // One whose session ended may keep its link for long; it goes with its site.
    let id = site(&api, "lab", false).await;
    link(&api, &id, 2, ConnectorId::random()).await;
    api.delete(&of(&id, "")).await.result();
    assert_eq!(api.store.linked_replicas(api.key(&id)).await.unwrap(), []);
}
