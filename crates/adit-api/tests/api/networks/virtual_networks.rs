//! Virtual networks.

use insta::assert_json_snapshot;
use serde_json::json;

use super::{routes, virtual_networks};
use crate::support::{Api, NOBODY};

#[tokio::test]
async fn the_first_tunnel_brings_the_default_virtual_network() {
    let api = Api::new().await;
    api.create_tunnel("blog").await;
    assert_json_snapshot!(
        "virtual_network_list",
        api.get(&virtual_networks("")).await.whole()
    );
    let first = api.default_virtual_network().await;
    api.create_tunnel("shop").await;
    assert_eq!(api.default_virtual_network().await, first);
}

#[tokio::test]
async fn an_account_without_a_tunnel_has_its_default_as_soon_as_it_is_asked_for() {
    let api = Api::new().await;
    let first = api.default_virtual_network().await;
    let blog = api.create_tunnel("blog").await;
    assert_eq!(
        api.add_route(&blog, "10.0.0.0/8").await.result()["virtual_network_id"],
        first
    );
}

#[tokio::test]
async fn a_virtual_network_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let body =
        json!({"name": "lab", "comment": "first floor", "is_default": true, "is_default_network": false});
    let made = api.post(&virtual_networks(""), body).await;
    assert_json_snapshot!("virtual_network_create", made.whole());
    let one = virtual_networks(&format!("/{}", made.id()));
    assert_eq!(api.get(&one).await.result(), made.result());
    assert_eq!(api.patch(&one, json!({})).await.result(), made.result());
    let change = json!({"name": "laboratory", "comment": ""});
    assert_json_snapshot!("virtual_network_patch", api.patch(&one, change).await.whole());
    let deleted = api.delete(&one).await;
    assert_json_snapshot!("virtual_network_delete", deleted.whole());
    assert_eq!(api.get(&one).await.result(), deleted.result());
    assert_json_snapshot!("virtual_network_delete_again", api.delete(&one).await.whole());
    assert_eq!(api.patch(&one, json!({})).await.failure(), (404, 1102));
    assert_eq!(
        api.get(&virtual_networks(&format!("/{NOBODY}"))).await.failure(),
        (404, 1102)
    );
}

#[tokio::test]
async fn exactly_one_virtual_network_is_the_default() {
    let api = Api::new().await;
    let old = api.default_virtual_network().await;
    let path = |id: &str| virtual_networks(&format!("/{id}"));
    assert_json_snapshot!(
        "virtual_network_delete_default",
        api.delete(&path(&old)).await.whole()
    );
    let give_up = json!({"is_default_network": false});
    assert_json_snapshot!(
        "virtual_network_give_up_default",
        api.patch(&path(&old), give_up).await.whole()
    );

    let body = json!({"name": "new", "is_default_network": true});
    let new = api.post(&virtual_networks(""), body).await.id();
    assert_eq!(api.default_virtual_network().await, new);
    api.patch(&path(&old), json!({"is_default": true})).await.result();
    assert_eq!(api.default_virtual_network().await, old);
    api.patch(&path(&new), json!({"is_default_network": true}))
        .await
        .result();
    api.delete(&path(&old)).await.result();
    assert_eq!(api.default_virtual_network().await, new);
}

#[tokio::test]
async fn a_virtual_network_in_use_goes_only_by_force_and_takes_its_routes() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let lab = api.add_virtual_network("lab").await;
    let body = json!({"network": "10.0.0.0/8", "tunnel_id": blog, "virtual_network_id": lab});
    let route = routes(&format!("/{}", api.post(&routes(""), body).await.id()));
    api.add_route(&blog, "10.0.0.0/8").await.result();
    let one = virtual_networks(&format!("/{lab}"));
    assert_json_snapshot!("virtual_network_delete_in_use", api.delete(&one).await.whole());
    assert!(api.get(&route).await.result()["deleted_at"].is_null());
    api.delete(&format!("{one}?force=true")).await.result();
    assert!(api.get(&route).await.result()["deleted_at"].is_string());
    assert_eq!(api.networks("?is_deleted=false").await, ["10.0.0.0/8"]);
    let into = json!({"network": "10.1.0.0/16", "tunnel_id": blog, "virtual_network_id": lab});
    assert_eq!(api.post(&routes(""), into).await.failure(), (404, 1102));
}

#[tokio::test]
async fn a_name_is_unique_among_live_virtual_networks() {
    let api = Api::new().await;
    let lab = api.add_virtual_network("lab").await;
    let again = api.post(&virtual_networks(""), json!({"name": "lab"})).await;
    assert_json_snapshot!("virtual_network_name_taken", again.whole());
    let other = virtual_networks(&format!("/{}", api.add_virtual_network("other").await));
    assert_eq!(
        api.patch(&other, json!({"name": "lab"})).await.failure(),
        (409, 1101)
    );
    api.delete(&virtual_networks(&format!("/{lab}"))).await.result();
    api.patch(&other, json!({"name": "lab"})).await.result();
}

#[tokio::test]
async fn a_bad_virtual_network_is_refused_with_its_field() {
    let api = Api::new().await;
    assert_json_snapshot!(
        "virtual_network_no_name",
        api.post(&virtual_networks(""), json!({})).await.whole()
    );
    for (body, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "x".repeat(257)}), "/name"),
        (json!({"name": "lab", "comment": "x".repeat(257)}), "/comment"),
        (
            json!({"name": "lab", "is_default_network": "yes"}),
            "/is_default_network",
        ),
    ] {
        let answer = api.post(&virtual_networks(""), body.clone()).await;
        assert_eq!(answer.failure(), (400, 1001), "{body}");
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn virtual_networks_are_filtered_by_what_they_are() {
    let api = Api::new().await;
    let default = api.default_virtual_network().await;
    let lab = api.add_virtual_network("the lab").await;
    let gone = api.add_virtual_network("gone").await;
    api.delete(&virtual_networks(&format!("/{gone}"))).await.result();
    for (query, expected) in [
        (String::new(), vec![&*gone, &*lab, &*default]),
        ("?is_deleted=false&per_page=1".to_owned(), vec![&*lab, &*default]),
        ("?is_deleted=true".to_owned(), vec![&*gone]),
        ("?name=the%20lab".to_owned(), vec![&*lab]),
        ("?name=the%2520lab".to_owned(), vec![&*lab]),
        ("?name=the".to_owned(), vec![]),
        (format!("?id={default}"), vec![&*default]),
        ("?is_default=true".to_owned(), vec![&*default]),
        (
            "?is_default_network=false&is_deleted=false".to_owned(),
            vec![&*lab],
        ),
    ] {
        let found = api.get(&virtual_networks(&query)).await;
        assert_eq!(found.ids(), expected, "{query}");
    }
    assert_eq!(api.get(&virtual_networks("?id=x")).await.failure(), (400, 1001));
}
