//! Subnets and settings.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{Answer, Api, NOBODY, account};

fn subnets(rest: &str) -> String {
    account(&format!("/zerotrust/subnets{rest}"))
}

fn networks(answer: &Answer) -> Vec<&str> {
    let items = answer.result().as_array().unwrap();
    items
        .iter()
        .map(|item| item["network"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_account_starts_with_subnets() {
    let api = Api::new().await;
    assert_json_snapshot!("subnet_list", api.get(&subnets("")).await.whole());
    assert_json_snapshot!(
        "subnet_initial_v4",
        api.get(&subnets("/initial_resolved_ip/v4")).await.whole()
    );
    let v6 = api.get(&subnets("/initial_resolved_ip/v6")).await;
    assert_eq!(v6.result()["network"], "fd69:9d98:642c:3::/64");
    assert_eq!(
        api.get(&subnets("/initial_resolved_ip/v5")).await.failure(),
        (404, 7003)
    );
}

#[tokio::test]
async fn subnets_are_filtered_by_what_they_are() {
    let api = Api::new().await;
    let all = api.get(&subnets("")).await;
    let all = networks(&all);
    for (query, expected) in [
        ("?address_family=v4&sort_order=asc", vec![all[0], all[4], all[2]]),
        (
            "?subnet_types=cloudflare_source,initial_resolved_ip&address_family=v6",
            vec![all[3], all[5]],
        ),
        (
            "?is_default_network=true",
            vec!["100.96.0.0/12", "fd69:9d98:642c:1::/64"],
        ),
        ("?is_deleted=true", vec![]),
        ("?network=100.80.0.0%252F16", vec!["100.80.0.0/16"]),
        ("?network=100.64.0.0/10", vec![]),
        ("?name=IPv4%2520device%2520addresses", vec!["100.96.0.0/12"]),
        ("?comment=none", vec![]),
        ("?existed_at=2019-10-12T07%253A20%253A50.52Z", vec![]),
        ("?page=2", vec![]),
    ] {
        let found = api.get(&subnets(query)).await;
        let mut networks = networks(&found);
        let mut expected = expected.clone();
        networks.sort_unstable();
        expected.sort_unstable();
        assert_eq!(networks, expected, "{query}");
    }
    for bad in [
        "?address_family=4",
        "?subnet_types=mesh",
        "?sort_order=up",
        "?network=x",
    ] {
        assert_eq!(api.get(&subnets(bad)).await.failure(), (400, 1001), "{bad}");
    }
}

#[tokio::test]
async fn a_subnet_for_devices_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let body = json!({"name": "lab", "network": "10.1.2.3/16", "comment": "first floor"});
    let made = api.post(&subnets("/warp"), body).await;
    assert_json_snapshot!("subnet_create", made.whole());
    let one = subnets(&format!("/warp/{}", made.id()));
    assert_eq!(api.get(&one).await.result(), made.result());
    assert_eq!(api.patch(&one, json!({})).await.result(), made.result());
    let change =
        json!({"name": "laboratory", "network": "10.2.0.0/30", "comment": "", "is_default_network": true});
    assert_json_snapshot!("subnet_patch", api.patch(&one, change).await.whole());
    let defaults = api
        .get(&subnets("?is_default_network=true&address_family=v4"))
        .await;
    assert_eq!(networks(&defaults), ["10.2.0.0/30"]);

    assert_json_snapshot!("subnet_delete_default", api.delete(&one).await.whole());
    let give_up = json!({"is_default_network": false});
    assert_eq!(api.patch(&one, give_up).await.failure(), (400, 1001));
    let other = json!({"name": "other", "network": "10.3.0.0/16", "is_default_network": true});
    api.post(&subnets("/warp"), other).await.result();
    assert_json_snapshot!("subnet_delete", api.delete(&one).await.whole());
    assert_json_snapshot!("subnet_delete_again", api.delete(&one).await.whole());
    assert!(api.get(&one).await.result()["deleted_at"].is_string());
}

#[tokio::test]
async fn subnets_are_private_and_never_overlap() {
    let api = Api::new().await;
    let post = async |network: &str| {
        let body = json!({"name": format!("subnet {network}"), "network": network});
        api.post(&subnets("/warp"), body).await
    };
    assert_json_snapshot!("subnet_overlaps", post("100.64.5.0/24").await.whole());
    assert_json_snapshot!("subnet_public", post("192.0.2.0/24").await.whole());
    post("10.0.0.0/16").await.result();
    assert_eq!(post("10.0.0.0/8").await.failure(), (409, 1105));
    assert_eq!(post("fd69:9d98:642c:1::1").await.failure(), (409, 1105));
    let again = api
        .post(
            &subnets("/warp"),
            json!({"name": "subnet 10.0.0.0/16", "network": "10.9.0.0/16"}),
        )
        .await;
    assert_json_snapshot!("subnet_name_taken", again.whole());
    for body in [
        json!({"network": "10.9.0.0/16"}),
        json!({"name": "x"}),
        json!({"name": "x", "network": "y"}),
    ] {
        assert_eq!(
            api.post(&subnets("/warp"), body.clone()).await.failure(),
            (400, 1001),
            "{body}"
        );
    }
    assert_eq!(
        api.get(&subnets(&format!("/warp/{NOBODY}"))).await.failure(),
        (404, 1103)
    );
}

#[tokio::test]
async fn the_subnets_of_the_service_are_changed_by_their_family() {
    let api = Api::new().await;
    let body = json!({"name": "IPv4 Cloudflare Source IPs", "network": "100.112.0.0/12", "comment": "moved"});
    let source = api.patch(&subnets("/cloudflare_source/v4"), body).await;
    assert_json_snapshot!("subnet_source_patch", source.whole());
    let initial = api
        .put(
            &subnets("/initial_resolved_ip/v6"),
            json!({"network": "fd00:1::/64"}),
        )
        .await;
    assert_json_snapshot!("subnet_initial_put", initial.whole());
    let unchanged = api.put(&subnets("/initial_resolved_ip/v6"), json!({})).await;
    assert_eq!(unchanged.result(), initial.result());

    let other = api
        .patch(
            &subnets("/cloudflare_source/v4"),
            json!({"network": "fd00:2::/64"}),
        )
        .await;
    assert_json_snapshot!("subnet_other_family", other.whole());
    let devices = api
        .patch(
            &subnets("/cloudflare_source/v4"),
            json!({"network": "100.96.0.0/16"}),
        )
        .await;
    assert_eq!(devices.failure(), (409, 1105));
    let as_device = subnets(&format!("/warp/{}", source.id()));
    assert_eq!(api.get(&as_device).await.failure(), (404, 1103));
    assert_eq!(api.delete(&as_device).await.failure(), (404, 1103));
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let api = Api::new().await;
    let path = account("/zerotrust/connectivity_settings");
    assert_json_snapshot!("settings_get", api.get(&path).await.whole());
    let change = json!({"offramp_warp_enabled": true});
    assert_json_snapshot!("settings_patch", api.patch(&path, change).await.whole());
    assert_eq!(
        api.patch(&path, json!({})).await.result(),
        api.get(&path).await.result()
    );
    let both = json!({"offramp_warp_enabled": false, "icmp_proxy_enabled": true});
    assert_eq!(api.patch(&path, both.clone()).await.result(), &both);
    let bad = api.patch(&path, json!({"icmp_proxy_enabled": "yes"})).await;
    assert_json_snapshot!("settings_bad", bad.whole());
}
