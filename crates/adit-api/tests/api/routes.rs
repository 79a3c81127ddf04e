//! Host names that lead to tunnels.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{Api, EMAIL, KEY, NOBODY, OTHER_ZONE, zone};
use axum::body::Body;
use http::Request;

fn route(tunnel: &str) -> String {
    zone(&format!("/tunnels/{tunnel}/routes"))
}

#[tokio::test]
async fn a_route_is_new_then_unchanged_then_updated() {
    let api = Api::new();
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let body = json!({"type": "dns", "user_hostname": "www", "overwrite_existing": false});
    assert_json_snapshot!("route_new", api.put(&route(&blog), body.clone()).await.whole());
    assert_json_snapshot!(
        "route_unchanged",
        api.put(&route(&blog), body.clone()).await.whole()
    );
    assert_json_snapshot!("route_taken", api.put(&route(&shop), body).await.whole());
    let overwrite = json!({"type": "dns", "user_hostname": "www.example.com", "overwrite_existing": true});
    assert_json_snapshot!("route_updated", api.put(&route(&shop), overwrite).await.whole());
    assert_json_snapshot!(
        "route_record",
        api.get(&zone("/dns_records?name=www.example.com")).await.whole()
    );
}

#[tokio::test]
async fn a_name_taken_meanwhile_leads_elsewhere() {
    let api = Api::new();
    let blog = api.create_tunnel("blog").await;
    *api.catalog.rival.lock() = true;
    let body = json!({"type": "dns", "user_hostname": "www"});
    assert_eq!(api.put(&route(&blog), body).await.failure(), (400, 1003));
}

#[tokio::test]
async fn reserved_names_are_refused_and_wildcards_above_them_are_not() {
    let api = Api::new();
    let blog = api.create_tunnel("blog").await;
    let put = async |name: &str| {
        api.put(
            &route(&blog),
            json!({"type": "dns", "user_hostname": name, "overwrite_existing": true}),
        )
        .await
    };
    assert_json_snapshot!("route_reserved", put("management").await.whole());
    for name in [
        "api",
        "API.example.com",
        "api.example.com.",
        "Management.Example.com",
    ] {
        assert_eq!(put(name).await.failure(), (400, 1004), "{name}");
    }
    assert_eq!(put("*").await.result()["name"], "*.example.com");
    assert_eq!(put("*.api").await.result()["name"], "*.api.example.com");
}

#[tokio::test]
async fn a_route_needs_a_live_tunnel_of_the_zones_account() {
    let api = Api::new();
    let blog = api.create_tunnel("blog").await;
    let body = json!({"type": "dns", "user_hostname": "www"});
    assert_json_snapshot!(
        "route_unknown_tunnel",
        api.put(&route(NOBODY), body.clone()).await.whole()
    );

    // A user may act in both accounts, yet the other account's zone does not lead to this account's tunnel.
    let foreign = Request::put(format!("/client/v4/zones/{OTHER_ZONE}/tunnels/{blog}/routes"))
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", KEY)
        .body(Body::from(body.to_string()))
        .unwrap();
    assert_eq!(api.send(foreign).await.failure(), (404, 1003));

    api.delete(&crate::support::tunnels(&format!("/{blog}")))
        .await
        .result();
    assert_eq!(api.put(&route(&blog), body).await.failure(), (404, 1003));
}

#[tokio::test]
async fn a_bad_route_is_refused_with_its_field() {
    let api = Api::new();
    let blog = api.create_tunnel("blog").await;
    let lb = json!({"type": "lb", "lb_name": "a", "lb_pool": "b"});
    assert_json_snapshot!("route_load_balancer", api.put(&route(&blog), lb).await.whole());
    let bad_name = json!({"type": "dns", "user_hostname": "a..b"});
    assert_json_snapshot!("route_bad_name", api.put(&route(&blog), bad_name).await.whole());
    for body in [
        json!({}),
        json!({"type": "mx"}),
        json!({"type": "dns"}),
        json!({"type": "dns", "user_hostname": 1}),
    ] {
        assert_eq!(
            api.put(&route(&blog), body.clone()).await.failure(),
            (400, 1001),
            "{body}"
        );
    }
}
