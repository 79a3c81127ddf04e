//! Routes of private host names.

use insta::assert_json_snapshot;
use serde_json::json;

use super::hostname_routes;
use crate::support::{Api, NOBODY};

#[tokio::test]
async fn a_hostname_route_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let body = json!({"hostname": "Office-1.Local", "tunnel_id": blog, "comment": "first floor"});
    let made = api.post(&hostname_routes(""), body).await;
    assert_json_snapshot!("hostname_route_create", made.whole());
    assert_json_snapshot!("hostname_route_list", api.get(&hostname_routes("")).await.whole());
    let one = hostname_routes(&format!("/{}", made.id()));
    assert_json_snapshot!("hostname_route_get", api.get(&one).await.whole());
    assert_eq!(api.patch(&one, json!({})).await.result(), made.result());
    let change = json!({"hostname": "*.office.local", "tunnel_id": shop, "comment": ""});
    assert_json_snapshot!("hostname_route_patch", api.patch(&one, change).await.whole());
    let deleted = api.delete(&one).await;
    assert_json_snapshot!("hostname_route_delete", deleted.whole());
    assert_eq!(api.get(&one).await.result(), deleted.result());
    assert_json_snapshot!("hostname_route_delete_again", api.delete(&one).await.whole());
    assert_eq!(api.patch(&one, json!({})).await.failure(), (404, 1015));
}

#[tokio::test]
async fn a_hostname_has_one_route() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let body = json!({"hostname": "a.local", "tunnel_id": blog});
    let first = api.post(&hostname_routes(""), body.clone()).await.id();
    let again = json!({"hostname": "A.Local.", "tunnel_id": blog});
    assert_json_snapshot!(
        "hostname_route_taken",
        api.post(&hostname_routes(""), again).await.whole()
    );
    api.delete(&hostname_routes(&format!("/{first}"))).await.result();
    api.post(&hostname_routes(""), body).await.result();
}

#[tokio::test]
async fn a_bad_hostname_route_is_refused_with_its_field() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let post = async |body| api.post(&hostname_routes(""), body).await;
    assert_json_snapshot!("hostname_route_empty", post(json!({})).await.whole());
    assert_json_snapshot!(
        "hostname_route_bad_name",
        post(json!({"hostname": "a..b", "tunnel_id": blog})).await.whole()
    );
    let nobody = json!({"hostname": "a.local", "tunnel_id": NOBODY});
    assert_json_snapshot!("hostname_route_unknown_tunnel", post(nobody).await.whole());
    for (body, pointer) in [
        (json!({"hostname": "a.local"}), "/tunnel_id"),
        (
            json!({"hostname": "a.local", "tunnel_id": blog, "comment": "x".repeat(101)}),
            "/comment",
        ),
    ] {
        let answer = post(body.clone()).await;
        assert_eq!(answer.failure(), (400, 1001), "{body}");
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], pointer, "{body}");
    }
    let unknown = hostname_routes(&format!("/{NOBODY}"));
    assert_json_snapshot!("hostname_route_unknown", api.get(&unknown).await.whole());
}

#[tokio::test]
async fn hostname_routes_are_filtered_and_deleted_ones_left_out() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let add = async |hostname: &str, tunnel: &str, comment: &str| {
        let body = json!({"hostname": hostname, "tunnel_id": tunnel, "comment": comment});
        api.post(&hostname_routes(""), body).await
    };
    let first = add("a_b.local", &blog, "one").await;
    let second = add("axb.local", &shop, "two words").await.id();
    let gone = add("gone.local", &shop, "").await.id();
    api.delete(&hostname_routes(&format!("/{gone}"))).await.result();
    let first_at = first.result()["created_at"].as_str().unwrap().to_owned();
    let first = first.id();
    for (query, expected) in [
        (String::new(), vec![&*second, &*first]),
        ("?is_deleted=true".to_owned(), vec![&*gone]),
        ("?hostname=A_B".to_owned(), vec![&*first]),
        ("?hostname=.LOCAL".to_owned(), vec![&*second, &*first]),
        ("?hostname=%25".to_owned(), vec![]),
        (format!("?tunnel_id={shop}"), vec![&*second]),
        (format!("?id={first}"), vec![&*first]),
        ("?comment=two%2520words".to_owned(), vec![&*second]),
        (format!("?existed_at={first_at}"), vec![&*first]),
        ("?per_page=1&page=2".to_owned(), vec![&*first]),
        ("?page=2".to_owned(), vec![]),
    ] {
        assert_eq!(api.get(&hostname_routes(&query)).await.ids(), expected, "{query}");
    }
}
