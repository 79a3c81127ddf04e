//! Accounts, API tokens, zones, and the audit log that tells of their changes.

mod audit;
mod audit_values;
mod token_bounds;
mod tokens;
mod zones;

use axum::body::Body;
use http::{Method, Request};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Answer, Api, EMAIL, KEY, OTHER_ACCOUNT};

/// A call with an API token of that value.
pub(crate) async fn with_token(api: &Api, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/client/v4{path}"))
        .header("authorization", format!("Bearer {token}"));
    api.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

/// A call of the user.
pub(crate) async fn as_user(api: &Api, method: Method, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/client/v4{path}"))
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", KEY);
    api.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

#[tokio::test]
async fn an_account_is_made_renamed_and_deleted() {
    let api = Api::new().await;
    let made = api.post("/accounts", json!({"name": " Guests "})).await;
    assert_json_snapshot!("account_create", made.whole());
    let path = format!("/accounts/{}", made.id());
    assert_eq!(api.get(&path).await.result(), made.result());
    assert_eq!(
        api.put(&path, json!({"name": "Visitors"})).await.result()["name"],
        "Visitors"
    );
    for bad in [json!({}), json!({"name": " "}), json!({"name": "x".repeat(101)})] {
        assert_eq!(api.post("/accounts", bad).await.failure(), (400, 1001));
    }
    let zone = api
        .post(
            "/zones",
            json!({"name": "guests.example", "account": {"id": made.id()}}),
        )
        .await;
    assert_json_snapshot!("account_delete_in_use", api.delete(&path).await.whole());
    api.delete(&format!("/zones/{}", zone.id())).await.result();
    assert_json_snapshot!("account_delete", api.delete(&path).await.whole());
    assert_eq!(api.get(&path).await.failure(), (404, 7003));
    assert_eq!(
        api.delete(&format!("/accounts/{ACCOUNT}")).await.failure(),
        (409, 1409)
    );
}

#[tokio::test]
async fn an_account_goes_with_its_tokens_and_deleted_tunnels_only() {
    let api = Api::new().await;
    let account = api.post("/accounts", json!({"name": "Guests"})).await.id();
    let tunnels = format!("/accounts/{account}/cfd_tunnel");
    let call = async |method, path: &str, body| as_user(&api, method, path, body).await;
    let tunnel = call(Method::POST, &tunnels, json!({"name": "blog"})).await.id();
    let path = format!("/accounts/{account}");
    let in_use = api.delete(&path).await;
    assert!(in_use.message().contains("live tunnels"), "{in_use:?}");
    let policies = json!([{
        "effect": "allow",
        "permission_groups": [{"id": "ad170000000000000000000000000008"}],
        "resources": {format!("com.cloudflare.api.account.{account}"): "*"},
    }]);
    let token = api
        .post(
            &format!("{path}/tokens"),
            json!({"name": "ci", "policies": policies}),
        )
        .await;
    let value = token.result()["value"].as_str().unwrap().to_owned();
    with_token(&api, &value, Method::GET, &tunnels, json!({}))
        .await
        .result();
    call(Method::DELETE, &format!("{tunnels}/{tunnel}"), json!({}))
        .await
        .result();
    api.delete(&path).await.result();
    assert_eq!(
        with_token(&api, &value, Method::GET, &tunnels, json!({}))
            .await
            .failure(),
        (403, 9109)
    );
}

#[tokio::test]
async fn accounts_are_listed_as_far_as_one_sees() {
    let api = Api::new().await;
    assert_eq!(api.get("/accounts").await.ids(), [OTHER_ACCOUNT, ACCOUNT]);
    assert_eq!(
        api.get("/accounts?direction=asc").await.ids(),
        [ACCOUNT, OTHER_ACCOUNT]
    );
    assert_eq!(
        api.get("/accounts?name=Account%20of%20example.org").await.ids(),
        [OTHER_ACCOUNT]
    );
    assert!(api.get("/accounts?page=2").await.ids().is_empty());
    let other = with_token(
        &api,
        crate::support::OTHER_TOKEN,
        Method::GET,
        "/accounts",
        json!({}),
    )
    .await;
    assert_json_snapshot!("account_list", other.whole());
}

#[tokio::test]
async fn texts_count_as_encoded_once_and_twice_in_every_list() {
    let api = Api::new().await;
    for (path, found) in [
        ("/accounts?name=Account%2520of%2520example.org".to_owned(), 1),
        ("/accounts?name=Account%252520of%252520example.org".to_owned(), 0),
        ("/zones?name=contains%253Aexample.org".to_owned(), 1),
        ("/zones?account.name=Account%2520of%2520example.com".to_owned(), 1),
        (
            format!("/accounts/{ACCOUNT}/tokens/permission_groups?name=DNS%2520Write"),
            1,
        ),
        (
            format!("/accounts/{ACCOUNT}/iam/permission_groups?name=DNS%2520Write"),
            1,
        ),
        (
            format!("/accounts/{ACCOUNT}/audit_logs?action.type=zone%252Ecreate"),
            1,
        ),
    ] {
        let answer = api.get(&path).await;
        assert_eq!(answer.ids().len(), found, "{path}: {answer:?}");
    }
}
