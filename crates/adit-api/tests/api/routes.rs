//! Host names that lead to tunnels.

use axum::body::Body;
use http::Request;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{Api, EMAIL, KEY, NOBODY, tunnels};

fn route(api: &Api, tunnel: &str) -> String {
    api.zone(&format!("/tunnels/{tunnel}/routes"))
}

#[tokio::test]
async fn a_route_is_new_then_unchanged_then_updated() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let body = json!({"type": "dns", "user_hostname": "www", "overwrite_existing": false});
    assert_json_snapshot!(
        "route_new",
        api.put(&route(&api, &blog), body.clone()).await.whole()
    );
    assert_json_snapshot!(
        "route_unchanged",
        api.put(&route(&api, &blog), body.clone()).await.whole()
    );
    assert_json_snapshot!("route_taken", api.put(&route(&api, &shop), body).await.whole());
    let overwrite = json!({"type": "dns", "user_hostname": "www.example.com", "overwrite_existing": true});
    assert_json_snapshot!(
        "route_updated",
        api.put(&route(&api, &shop), overwrite).await.whole()
    );
    assert_json_snapshot!(
        "route_record",
        api.get(&api.zone("/dns_records?name=www.example.com"))
            .await
            .whole()
    );
}

#[tokio::test]
async fn a_full_name_in_another_zone_of_the_account_means_that_zone() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    for name in ["shop.example", "eu.shop.example"] {
        api.post("/zones", json!({"name": name})).await.result();
    }
    let make = async |name: &str| {
        let body = json!({"type": "dns", "user_hostname": name});
        api.put(&route(&api, &blog), body).await.result()["name"].clone()
    };
    assert_eq!(make("www.shop.example").await, "www.shop.example");
    assert_eq!(make("*.eu.shop.example").await, "*.eu.shop.example");
    assert_eq!(make("www").await, "www.example.com");
    // Another account's zone, and nobody's: below the zone of the call.
    assert_eq!(make("www.example.org").await, "www.example.org.example.com");
    assert_eq!(make("www.example.net").await, "www.example.net.example.com");
    let zone = api.get("/zones?name=eu.shop.example").await.ids()[0].to_owned();
    let records = api.get(&format!("/zones/{zone}/dns_records")).await;
    assert_eq!(records.result()[0]["name"], "*.eu.shop.example");
}

#[tokio::test]
async fn of_tunnels_that_want_a_name_at_once_one_gets_it() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    for number in 0..5 {
        let body = json!({"type": "dns", "user_hostname": format!("www{number}")});
        let (one, other) = (route(&api, &blog), route(&api, &shop));
        let (one, other) = tokio::join!(api.put(&one, body.clone()), api.put(&other, body));
        let (winner, loser) = if one.status.is_success() {
            (one, other)
        } else {
            (other, one)
        };
        assert_eq!(winner.result()["cname"], "new");
        assert_eq!(loser.failure(), (400, 1003));
    }
}

#[tokio::test]
async fn reserved_names_are_refused_and_wildcards_above_them_are_not() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let put = async |name: &str| {
        api.put(
            &route(&api, &blog),
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
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let body = json!({"type": "dns", "user_hostname": "www"});
    assert_json_snapshot!(
        "route_unknown_tunnel",
        api.put(&route(&api, NOBODY), body.clone()).await.whole()
    );

    // A user may act in both accounts, yet the other account's zone does not lead to this account's tunnel.
    let path = format!("/zones/{}/tunnels/{blog}/routes", api.other_zone_id);
    let foreign = Request::put(format!("/client/v4{path}"))
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", KEY)
        .body(Body::from(body.to_string()))
        .unwrap();
    assert_eq!(api.send(foreign).await.failure(), (404, 1003));

    api.delete(&tunnels(&format!("/{blog}"))).await.result();
    assert_eq!(api.put(&route(&api, &blog), body).await.failure(), (404, 1003));
}

#[tokio::test]
async fn a_bad_route_is_refused_with_its_field() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let bad_pool = json!({"type": "lb", "lb_name": "a", "lb_pool": "a b"});
    assert_json_snapshot!(
        "route_bad_pool",
        api.put(&route(&api, &blog), bad_pool).await.whole()
    );
    let bad_name = json!({"type": "lb", "lb_name": "a..b", "lb_pool": "b"});
    assert_json_snapshot!(
        "route_bad_balanced_name",
        api.put(&route(&api, &blog), bad_name).await.whole()
    );
    let bad_name = json!({"type": "dns", "user_hostname": "a..b"});
    assert_json_snapshot!(
        "route_bad_name",
        api.put(&route(&api, &blog), bad_name).await.whole()
    );
    for body in [
        json!({}),
        json!({"type": "mx"}),
        json!({"type": "dns"}),
        json!({"type": "dns", "user_hostname": 1}),
        json!({"type": "lb", "lb_name": "a"}),
        json!({"type": "lb", "lb_name": "a", "lb_pool": ""}),
    ] {
        assert_eq!(
            api.put(&route(&api, &blog), body.clone()).await.failure(),
            (400, 1001),
            "{body}"
        );
    }
}
