//! Routes of IP networks, by id.

use insta::assert_json_snapshot;
use serde_json::json;

use super::{routes, virtual_networks};
use crate::support::{Api, NOBODY, account, tunnels};

#[tokio::test]
async fn a_route_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let body = json!({"network": "172.16.3.4/16", "tunnel_id": blog, "comment": "office"});
    let made = api.post(&routes(""), body).await;
    assert_json_snapshot!("route_create", made.whole());
    let one = routes(&format!("/{}", made.id()));
    assert_json_snapshot!("route_get", api.get(&one).await.whole());
    assert_json_snapshot!("route_list", api.get(&routes("")).await.whole());

    assert_eq!(api.patch(&one, json!({})).await.result(), made.result());
    let lab = api.add_virtual_network("lab").await;
    let shop = api.create_tunnel("shop").await;
    let change =
        json!({"network": "10.0.0.0/8", "tunnel_id": shop, "virtual_network_id": lab, "comment": ""});
    assert_json_snapshot!("route_patch", api.patch(&one, change).await.whole());

    let deleted = api.delete(&one).await;
    assert_json_snapshot!("route_delete", deleted.whole());
    assert_eq!(api.get(&one).await.result(), deleted.result());
    assert_json_snapshot!("route_delete_again", api.delete(&one).await.whole());
    assert_eq!(api.patch(&one, json!({})).await.failure(), (404, 1015));
}

#[tokio::test]
async fn a_patch_without_a_body_changes_nothing() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let made = api.add_route(&blog, "10.0.0.0/8").await;
    let one = routes(&format!("/{}", made.id()));
    let request = crate::support::request(http::Method::PATCH, &one);
    let answer = api.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.result(), made.result());
}

#[tokio::test]
async fn a_network_is_routed_once_in_a_virtual_network() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let first = api.add_route(&blog, "10.0.0.0/8").await.id();
    assert_json_snapshot!("route_taken", api.add_route(&blog, "10.9.9.9/8").await.whole());
    let larger = api.add_route(&blog, "10.0.0.0/7").await.id();

    let lab = api.add_virtual_network("lab").await;
    let there = json!({"network": "10.0.0.0/8", "tunnel_id": blog, "virtual_network_id": lab});
    assert_eq!(
        api.post(&routes(""), there).await.result()["virtual_network_id"],
        lab
    );

    let onto = json!({"network": "10.0.0.0/8"});
    let moved = api.patch(&routes(&format!("/{larger}")), onto.clone()).await;
    assert_eq!(moved.failure(), (409, 1014));
    api.patch(&routes(&format!("/{first}")), onto.clone())
        .await
        .result();
    api.delete(&routes(&format!("/{first}"))).await.result();
    api.patch(&routes(&format!("/{larger}")), onto).await.result();
}

#[tokio::test]
async fn a_bad_route_is_refused_with_its_field() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let post = async |body| api.post(&routes(""), body).await;
    let network = |network: &str| json!({"network": network, "tunnel_id": blog});
    assert_json_snapshot!("route_bad_network", post(network("10.0.0.0/33")).await.whole());
    assert_json_snapshot!(
        "route_unknown_tunnel",
        post(json!({"network": "10.0.0.0/8", "tunnel_id": NOBODY}))
            .await
            .whole()
    );
    let nowhere = json!({"network": "10.0.0.0/8", "tunnel_id": blog, "virtual_network_id": NOBODY});
    assert_json_snapshot!("route_unknown_virtual_network", post(nowhere).await.whole());
    let comment = json!({"network": "10.0.0.0/8", "tunnel_id": blog, "comment": "x".repeat(101)});
    assert_json_snapshot!("route_long_comment", post(comment).await.whole());
    assert_json_snapshot!("route_empty", post(json!({})).await.whole());
    for (body, pointer) in [
        (json!({"network": "10.0.0.0/8"}), "/tunnel_id"),
        (json!({"network": "10.0.0.0/8", "tunnel_id": "x"}), "/tunnel_id"),
        (json!({"network": 7, "tunnel_id": blog}), "/network"),
        (network(""), "/network"),
    ] {
        let answer = post(body.clone()).await;
        assert_eq!(answer.failure(), (400, 1001), "{body}");
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], pointer, "{body}");
    }

    api.delete(&tunnels(&format!("/{blog}"))).await.result();
    assert_eq!(post(network("10.0.0.0/8")).await.failure(), (404, 1003));
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let api = Api::new().await;
    let unknown = routes(&format!("/{NOBODY}"));
    assert_json_snapshot!("route_unknown", api.get(&unknown).await.whole());
    assert_eq!(api.delete(&unknown).await.failure(), (404, 1015));
    assert_eq!(api.patch(&unknown, json!({})).await.failure(), (404, 1015));
    assert_eq!(api.get(&routes("/x")).await.failure(), (404, 7003));
}

#[tokio::test]
async fn routes_belong_to_their_account() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let made = api.add_route(&blog, "10.0.0.0/8").await;
    let theirs = |path: &str| path.replace(crate::support::ACCOUNT, crate::support::OTHER_ACCOUNT);
    let ask = async |method, path: String| {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/client/v4{path}"))
            .header("x-auth-email", crate::support::EMAIL)
            .header("x-auth-key", crate::support::KEY);
        api.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let one = routes(&format!("/{}", made.id()));
    assert_eq!(ask("GET", theirs(&one)).await.failure(), (404, 1015));
    assert_eq!(ask("DELETE", theirs(&one)).await.failure(), (404, 1015));
    assert_eq!(ask("GET", theirs(&routes(""))).await.result(), &json!([]));
    assert_eq!(
        ask("GET", theirs(&routes("/ip/10.0.0.1"))).await.result(),
        &json!({})
    );
    let own = made.result()["virtual_network_id"].as_str().unwrap();
    let network = theirs(&virtual_networks(&format!("/{own}")));
    assert_eq!(ask("GET", network).await.failure(), (404, 1102));
    assert_eq!(
        api.get(&theirs(&account("/teamnet/routes"))).await.failure(),
        (403, 10_000)
    );
}

#[tokio::test]
async fn an_address_takes_the_most_specific_route() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let lab = api.add_virtual_network("lab").await;
    for network in [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "::/0",
        "2001:db8::/32",
    ] {
        api.add_route(&blog, network).await.result();
    }
    let there = json!({"network": "10.1.2.3", "tunnel_id": blog, "virtual_network_id": lab});
    api.post(&routes(""), there).await.result();
    assert_json_snapshot!("route_to_address", api.get(&routes("/ip/10.1.2.3")).await.whole());
    assert_json_snapshot!(
        "route_to_no_address",
        api.get(&routes("/ip/192.0.2.1")).await.whole()
    );
    let to = async |rest: &str| api.get(&routes(&format!("/ip/{rest}"))).await.result()["network"].clone();
    for (rest, network) in [
        ("10.1.3.1".to_owned(), "10.1.0.0/16"),
        ("10.200.0.1".to_owned(), "10.0.0.0/8"),
        ("::ffff:10.1.2.3".to_owned(), "10.1.2.0/24"),
        ("2001:db8::1".to_owned(), "2001:db8::/32"),
        ("2001%3Adb8%3A%3A1".to_owned(), "2001:db8::/32"),
        ("2001%253Adb8%253A%253A1".to_owned(), "2001:db8::/32"),
        ("fd00::1".to_owned(), "::/0"),
        (format!("10.1.2.3?virtual_network_id={lab}"), "10.1.2.3/32"),
        (
            format!("10.1.2.3?virtual_network_id={lab}&default_virtual_network_fallback=false"),
            "10.1.2.3/32",
        ),
    ] {
        assert_eq!(to(&rest).await, network, "{rest}");
    }
    for rest in [
        format!("10.1.2.4?virtual_network_id={lab}"),
        "10.1.2.3?default_virtual_network_fallback=false".to_owned(),
    ] {
        assert_eq!(
            api.get(&routes(&format!("/ip/{rest}"))).await.result(),
            &json!({}),
            "{rest}"
        );
    }
    assert_json_snapshot!(
        "route_to_bad_address",
        api.get(&routes("/ip/10.1.2")).await.whole()
    );

    let [exact] = &*api
        .get(&routes(
            "?network_subset=10.1.2.0/24&network_superset=10.1.2.0/24",
        ))
        .await
        .ids()
        .iter()
        .map(|id| (*id).to_owned())
        .collect::<Vec<_>>()
    else {
        panic!("not one")
    };
    api.delete(&routes(&format!("/{exact}"))).await.result();
    assert_eq!(to("10.1.2.3").await, "10.1.0.0/16");
}
