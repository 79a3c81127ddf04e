//! Devices through their whole life.

use adit_api::MeshHub;
use adit_core::port::AskError;
use adit_model::PeerKey;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Api, NOBODY, account};

fn devices(rest: &str) -> String {
    account(&format!("/adit/devices{rest}"))
}

fn key(number: u8) -> String {
    PeerKey::from_bytes([number; 32]).to_string()
}

fn phone() -> Value {
    json!({"name": "phone", "public_key": key(1)})
}

async fn route(api: &Api, network: &str, virtual_network: Option<&str>) {
    let name = network.replace(['/', ':'], "-");
    let tunnel = api.create_tunnel(&name).await;
    let body = json!({"network": network, "tunnel_id": tunnel, "virtual_network_id": virtual_network});
    api.post(&account("/teamnet/routes"), body).await.result();
}

async fn network(api: &Api, name: &str) -> String {
    let all = account("/teamnet/virtual_networks");
    api.post(&all, json!({"name": name})).await.id()
}

#[tokio::test]
async fn a_device_joins_is_shown_and_revoked() {
    let api = Api::new().await;
    route(&api, "10.1.0.0/16", None).await;
    route(&api, "10.1.2.0/24", None).await;
    route(&api, "fd00:10::/64", None).await;
    let made = api.post(&devices(""), phone()).await;
    assert_json_snapshot!("device_create", made.whole());
    let one = devices(&format!("/{}", made.id()));
    assert_eq!(api.get(&one).await.result(), made.result());
    let laptop = json!({"name": "laptop", "public_key": key(2)});
    let laptop = api.post(&devices(""), laptop).await.id();
    assert_json_snapshot!("device_list", api.get(&devices("")).await.whole());
    assert_eq!(api.get(&devices("?name=laptop")).await.ids(), [&laptop]);
    assert_eq!(api.get(&devices("?name=lap")).await.ids(), [""; 0]);
    assert_eq!(api.get(&devices("?page=2&per_page=1")).await.ids(), [made.id()]);

    let before = api.sites.waited_for.lock().len();
    assert_json_snapshot!("device_revoke", api.delete(&one).await.whole());
    assert_eq!(
        api.sites.waited_for.lock().len(),
        before + 1,
        "the mesh was waited for"
    );
    assert_json_snapshot!("device_unknown", api.get(&one).await.whole());
    assert_eq!(api.delete(&one).await.failure(), (404, 1108));
    assert_eq!(api.get(&devices("/x")).await.failure(), (404, 7003));
    api.post(&devices(""), phone()).await.result();
}

#[tokio::test]
async fn a_device_reaches_its_own_virtual_network() {
    let api = Api::new().await;
    let side = network(&api, "side").await;
    route(&api, "10.1.0.0/16", None).await;
    route(&api, "10.2.0.0/16", Some(&side)).await;
    route(&api, "100.96.7.0/24", Some(&side)).await;
    let mut body = phone();
    body["virtual_network_id"] = json!(side);
    let made = api.post(&devices(""), body).await;
    assert_eq!(made.result()["virtual_network_id"], json!(side));
    assert_eq!(
        made.result()["wireguard"]["peer"]["allowed_ips"],
        json!(["10.2.0.0/16", "100.96.0.0/12", "fd69:9d98:642c:1::/64"])
    );
    let one = format!("/teamnet/virtual_networks/{side}");
    assert_json_snapshot!(
        "virtual_network_delete_with_routes",
        api.delete(&account(&one)).await.whole()["body"]["errors"]
    );
    for route in api.get(&account("/teamnet/routes")).await.ids() {
        api.delete(&account(&format!("/teamnet/routes/{route}"))).await;
    }
    assert_json_snapshot!(
        "virtual_network_delete_with_devices",
        api.delete(&account(&one)).await.whole()
    );
    api.delete(&account(&format!("{one}?force=true"))).await.result();
    let moved = api.get(&devices(&format!("/{}", made.id()))).await;
    assert_ne!(moved.result()["virtual_network_id"], json!(side));
}

#[tokio::test]
async fn who_may_not_join_is_told_why() {
    let api = Api::new().await;
    api.post(&devices(""), phone()).await.result();
    for (name, body) in [
        (
            "device_name_taken",
            json!({"name": "phone", "public_key": key(2)}),
        ),
        (
            "device_key_taken",
            json!({"name": "laptop", "public_key": key(1)}),
        ),
        ("device_weak_key", json!({"name": "laptop", "public_key": key(0)})),
        ("device_bad_key", json!({"name": "laptop", "public_key": "AAAA"})),
        (
            "device_no_virtual_network",
            json!({"name": "laptop", "public_key": key(2), "virtual_network_id": NOBODY}),
        ),
    ] {
        assert_json_snapshot!(name, api.post(&devices(""), body).await.whole());
    }
    let hubs = json!({"name": "laptop", "public_key": key(9)});
    assert_eq!(
        api.post(&devices(""), hubs).await.failure(),
        (409, 1110),
        "the hub's"
    );
    for wrong in [
        json!({}),
        json!({"name": "laptop"}),
        json!({"public_key": key(2)}),
        json!({"name": "", "public_key": key(2)}),
        json!({"name": "laptop", "public_key": key(2), "private_key": key(3)}),
    ] {
        assert_eq!(
            api.post(&devices(""), wrong.clone()).await.failure(),
            (400, 1001),
            "{wrong}"
        );
    }
    assert_eq!(api.get(&devices("")).await.ids().len(), 1);
}

#[tokio::test]
async fn a_full_range_has_no_place_for_one_more() {
    let api = Api::new().await;
    let subnets = account("/zerotrust/subnets/warp");
    let small = json!({"name": "small", "network": "10.0.0.0/30", "is_default_network": true});
    api.post(&subnets, small).await.result();
    api.post(&devices(""), phone()).await.result();
    let laptop = json!({"name": "laptop", "public_key": key(2)});
    assert_json_snapshot!("device_no_address", api.post(&devices(""), laptop).await.whole());
    let large = json!({"name": "large", "network": "10.0.1.0/24", "is_default_network": true});
    assert_json_snapshot!("subnet_in_use", api.post(&subnets, large).await.whole());
    let shown = api.get(&account("/zerotrust/subnets?name=small")).await;
    assert_eq!(shown.result()[0]["capacity"], json!({"total": 2, "used": 1}));
}

#[tokio::test]
async fn a_device_is_told_what_the_server_knows_of_its_hub() {
    let api = Api::new().await;
    let unknown = api.with_hub(Some(MeshHub {
        key: PeerKey::from_bytes([9; 32]),
        endpoint: None,
    }));
    let made = unknown.post(&devices(""), phone()).await;
    assert_json_snapshot!("device_no_endpoint", made.result()["wireguard"]["peer"]);
    let none = api.with_hub(None);
    let one = devices(&format!("/{}", made.id()));
    assert_eq!(none.get(&one).await.result()["wireguard"], Value::Null);
    let laptop = json!({"name": "laptop", "public_key": key(2)});
    assert_json_snapshot!("device_no_hub", none.post(&devices(""), laptop).await.whole());
}

#[tokio::test]
async fn a_revocation_that_the_mesh_does_not_confirm_is_no_success() {
    let api = Api::new().await;
    for (error, failure) in [
        (AskError::Silent, Some((504, 1504))),
        (AskError::QueueFull, Some((503, 1503))),
        (AskError::Stopped, None),
    ] {
        let one = devices(&format!("/{}", api.post(&devices(""), phone()).await.id()));
        api.sites.fall_silent(error);
        let answer = api.delete(&one).await;
        match failure {
            Some(failure) => assert_eq!(answer.failure(), failure),
            None => assert_eq!(answer.result()["name"], "phone"),
        }
        assert_eq!(
            api.get(&one).await.failure(),
            (404, 1108),
            "it is revoked in any case"
        );
    }
}
