//! Renaming tunnels and rotating their secrets; the earlier paths of their calls.

use adit_core::port::{AskError, Question};
use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{ACCOUNT, Api, Fault, NOBODY, SECRET, request, tunnels};

/// Base64 of 32 other bytes.
const NEW_SECRET: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

#[tokio::test]
async fn a_tunnel_is_renamed_and_its_secret_rotated() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let one = tunnels(&format!("/{id}"));
    let token = tunnels(&format!("/{id}/token"));
    let before = api.get(&token).await.result().clone();
    assert_json_snapshot!(
        "tunnel_rename",
        api.patch(&one, json!({"name": "shop"})).await.whole()
    );
    assert_eq!(api.get(&token).await.result(), &before);
    assert!(api.edges.asked.lock().is_empty(), "a name is nothing to an edge");

    let rotated = api.patch(&one, json!({"tunnel_secret": NEW_SECRET})).await;
    assert_eq!(rotated.result()["name"], "shop");
    assert_ne!(api.get(&token).await.result(), &before);
    let asked = api.edges.asked.lock();
    assert!(matches!(asked[0].question, Question::ListConnections { .. }));
    assert!(asked[0].after > adit_core::port::ChangeNumber::default());
}

#[tokio::test]
async fn nothing_to_change_is_no_failure() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let one = tunnels(&format!("/{id}"));
    let shown = api.get(&one).await.result().clone();
    for body in [
        json!({}),
        json!({"name": null}),
        json!({"name": "blog"}),
        json!({"config_src": "cloudflare"}),
    ] {
        assert_eq!(api.patch(&one, body.clone()).await.result(), &shown, "{body}");
    }
    let bare = request(http::Method::PATCH, &one).body(axum::body::Body::empty());
    assert_eq!(api.send(bare.unwrap()).await.result(), &shown);
}

#[tokio::test]
async fn a_change_that_breaks_a_rule_changes_nothing() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let one = tunnels(&format!("/{blog}"));
    let both = json!({"name": "shop", "tunnel_secret": NEW_SECRET});
    assert_json_snapshot!("tunnel_rename_taken", api.patch(&one, both).await.whole());
    for (body, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"tunnel_secret": "short"}), "/tunnel_secret"),
    ] {
        let answer = api.patch(&one, body).await;
        assert_eq!(answer.failure(), (400, 1001));
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], pointer);
    }
    let token = api.get(&tunnels(&format!("/{blog}/token"))).await;
    let again = api.patch(&one, json!({"tunnel_secret": SECRET})).await;
    assert_eq!(again.result()["name"], "blog");
    assert_eq!(
        api.get(&tunnels(&format!("/{blog}/token"))).await.result(),
        token.result()
    );

    assert_eq!(
        api.patch(&tunnels(&format!("/{NOBODY}")), json!({}))
            .await
            .failure(),
        (404, 1003)
    );
    api.delete(&tunnels(&format!("/{shop}"))).await.result();
    assert_eq!(
        api.patch(&tunnels(&format!("/{shop}")), json!({"name": "x"}))
            .await
            .failure(),
        (404, 1003)
    );
    assert_eq!(
        api.patch(&one, json!({"name": "shop"})).await.result()["name"],
        "shop"
    );
}

#[tokio::test]
async fn a_rotation_that_an_edge_may_not_know_of_is_not_called_done() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.edges.fail(Fault::Error(AskError::Silent));
    let answer = api
        .patch(&tunnels(&format!("/{id}")), json!({"tunnel_secret": NEW_SECRET}))
        .await;
    assert_eq!(answer.status, 504);
}

#[tokio::test]
async fn the_earlier_paths_do_the_same() {
    let api = Api::new().await;
    let all = format!("/accounts/{ACCOUNT}/tunnels");
    let made = api
        .post(&all, json!({"name": "blog", "tunnel_secret": SECRET}))
        .await;
    assert_eq!(made.result()["tun_type"], "cfd_tunnel");
    assert!(made.result()["token"].is_string());
    let one = format!("{all}/{}", made.id());
    assert_eq!(
        api.get(&one).await.result(),
        api.get(&tunnels(&format!("/{}", made.id()))).await.result()
    );
    api.connect(&made.id()).await;
    assert_eq!(
        api.delete(&format!("{one}/connections")).await.result(),
        &serde_json::Value::Null
    );
    assert!(api.delete(&one).await.result()["deleted_at"].is_string());
    assert_eq!(api.get(&format!("{all}/{NOBODY}")).await.failure(), (404, 1003));
}
