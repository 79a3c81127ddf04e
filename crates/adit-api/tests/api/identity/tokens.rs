//! API tokens and what they can be given.

use adit_core::permission::PermissionGroup as Group;
use http::Method;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{as_user, with_token};
use crate::{
    matrix::policies,
    support::{ACCOUNT, Api, OTHER_ACCOUNT, OTHER_TOKEN, tunnels},
};

pub(super) fn tokens(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/tokens{rest}")
}

pub(super) fn body(groups: &[Group]) -> Value {
    json!({"name": "ci", "policies": policies(groups)})
}

pub(super) async fn make(api: &Api, path: &str, body: Value) -> (String, String) {
    let made = as_user(api, Method::POST, path, body).await;
    (made.id(), made.result()["value"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_is_made_changed_rolled_and_deleted() {
    let api = Api::new().await;
    let mut wanted = body(&[Group::TunnelRead, Group::DnsWrite]);
    wanted["condition"] =
        json!({"request.ip": {"in": ["192.0.2.0/24", "2001:db8::1"], "not_in": ["192.0.2.9/32"]}});
    wanted["expires_on"] = json!("2999-01-01T00:00:00Z");
    let mut made = api.post(&tokens(""), wanted).await;
    let value = made.body["result"]["value"].take();
    let value = value.as_str().unwrap();
    assert_eq!(value.len(), 40);
    assert_json_snapshot!("token_create", made.whole());
    let list = async || with_token(&api, value, Method::GET, &tunnels(""), json!({})).await;
    let change = async || with_token(&api, value, Method::POST, &tunnels(""), json!({"name": "x"})).await;
    list().await.result();
    assert_eq!(change().await.failure(), (403, 10_000));

    let one = tokens(&format!("/{}", made.id()));
    let changed = api.put(&one, body(&[Group::TunnelWrite])).await;
    assert_json_snapshot!("token_update", changed.whole());
    change().await.result();
    let mut off = body(&[Group::TunnelWrite]);
    off["status"] = json!("disabled");
    assert_eq!(api.put(&one, off).await.result()["status"], "disabled");
    assert_eq!(list().await.failure(), (403, 9109));
    let mut on = body(&[Group::TunnelWrite]);
    on["status"] = json!("active");
    api.put(&one, on).await.result();

    let rolled = api.put(&format!("{one}/value"), json!({})).await;
    let rolled = rolled.result().as_str().unwrap().to_owned();
    assert_eq!(list().await.failure(), (403, 9109));
    with_token(&api, &rolled, Method::GET, &tunnels(""), json!({}))
        .await
        .result();
    assert_json_snapshot!("token_delete", api.delete(&one).await.whole());
    assert_json_snapshot!("token_get_unknown", api.get(&one).await.whole());
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_named() {
    let api = Api::new().await;
    let good = body(&[Group::TunnelRead]);
    let elsewhere = json!({format!("com.cloudflare.api.account.{OTHER_ACCOUNT}"): "*"});
    for (field, value, pointer) in [
        ("name", json!(""), "/name"),
        ("policies", json!([]), "/policies"),
        (
            "policies",
            json!([{"effect": "allow", "permission_groups": [], "resources": {"x": "*"}}]),
            "/permission_groups",
        ),
        (
            "policies",
            json!([{"effect": "allow", "permission_groups": [{"id": "x"}], "resources": elsewhere}]),
            "/permission_groups",
        ),
        (
            "policies",
            json!([{"effect": "allow", "permission_groups": [{"id": Group::TunnelRead.id()}], "resources": elsewhere}]),
            "/resources",
        ),
        (
            "policies",
            json!([{"effect": "allow", "permission_groups": [{"id": Group::DnsRead.id()}], "resources": elsewhere}]),
            "/permission_groups",
        ),
        (
            "policies",
            json!([{"effect": "allow", "permission_groups": [{"id": Group::DnsRead.id()}],
            "resources": {format!("com.cloudflare.api.account.zone.{}", api.other_zone_id): "*"}}]),
            "/resources",
        ),
        ("condition", json!({"request.ip": {"in": ["here"]}}), "/condition"),
        ("expires_on", json!("2001-01-01T00:00:00Z"), "/expires_on"),
    ] {
        let mut bad = good.clone();
        bad["not_before"] = json!("2002-01-01T00:00:00Z");
        bad[field] = value;
        let answer = api.post(&tokens(""), bad).await;
        assert_eq!(answer.failure(), (400, 1001), "{answer:?}");
        assert_eq!(
            answer.body["errors"][0]["source"]["pointer"], pointer,
            "{answer:?}"
        );
    }
    let mut odd = good;
    odd["policies"][0]["effect"] = json!("maybe");
    assert_json_snapshot!("token_bad_effect", api.post(&tokens(""), odd).await.whole());
}

#[tokio::test]
async fn a_token_gives_no_more_than_it_has() {
    let api = Api::new().await;
    let (_, minting) = make(
        &api,
        "/user/tokens",
        body(&[Group::AccountApiTokensWrite, Group::TunnelRead]),
    )
    .await;
    let mint =
        async |groups: &[Group]| with_token(&api, &minting, Method::POST, &tokens(""), body(groups)).await;
    mint(&[Group::TunnelRead]).await.result();
    assert_json_snapshot!("token_too_much", mint(&[Group::TunnelWrite]).await.whole());

    // Nor by taking over a token that has more.
    let (strong, _) = make(&api, &tokens(""), body(&[Group::TunnelWrite])).await;
    let roll = tokens(&format!("/{strong}/value"));
    assert_eq!(
        with_token(&api, &minting, Method::PUT, &roll, json!({}))
            .await
            .failure(),
        (403, 10_000)
    );
    // A zone that stands alone is its account's.
    let zone = json!([{"effect": "allow", "permission_groups": [{"id": Group::DnsRead.id()}],
        "resources": {format!("com.cloudflare.api.account.zone.{}", api.zone_id): "*"}}]);
    let alone = json!({"name": "dns", "policies": zone});
    let (_, dns) = make(
        &api,
        "/user/tokens",
        body(&[Group::AccountApiTokensWrite, Group::DnsRead]),
    )
    .await;
    let made = with_token(&api, &dns, Method::POST, &tokens(""), alone).await;
    let value = made.result()["value"].as_str().unwrap().to_owned();
    let records = |zone| format!("/zones/{zone}/dns_records");
    with_token(&api, &value, Method::GET, &records(api.zone_id), json!({}))
        .await
        .result();
    assert_eq!(
        with_token(&api, &value, Method::GET, &records(api.other_zone_id), json!({}))
            .await
            .failure(),
        (403, 10_000)
    );
}

#[tokio::test]
async fn the_operators_token_is_seen_and_not_changed() {
    let api = Api::new().await;
    let one = tokens(&format!("/{}", api.token_id));
    assert_eq!(api.get(&one).await.result()["name"], "bootstrap");
    let kept = [
        api.put(&one, body(&[Group::TunnelRead])).await,
        api.put(&format!("{one}/value"), json!({})).await,
        api.delete(&one).await,
    ];
    for answer in &kept {
        assert_eq!(answer.failure(), (409, 1409));
    }
    assert_json_snapshot!("token_operators", kept[0].whole());
}

#[tokio::test]
async fn users_and_accounts_have_tokens_of_their_own() {
    let api = Api::new().await;
    let (of_user, _) = make(&api, "/user/tokens", body(&[Group::TunnelRead])).await;
    let (of_account, value) = make(&api, &tokens(""), body(&[Group::TunnelRead])).await;
    assert_eq!(api.get("/user/tokens").await.ids(), [of_user.as_str()]);
    let listed = api.get(&tokens("?direction=asc")).await;
    assert_eq!(listed.ids(), [api.token_id.to_string(), of_account.clone()]);
    assert_eq!(
        api.get(&tokens(&format!("/{of_user}"))).await.failure(),
        (404, 1404)
    );
    assert_eq!(
        api.get(&format!("/user/tokens/{of_account}")).await.failure(),
        (404, 1404)
    );
    // A token of an account acts in nobody's name.
    assert_eq!(
        with_token(&api, OTHER_TOKEN, Method::GET, "/user/tokens", json!({}))
            .await
            .failure(),
        (403, 10_000)
    );
    let verified = with_token(&api, &value, Method::GET, &tokens("/verify"), json!({})).await;
    assert_eq!(verified.id(), of_account);
}

#[tokio::test]
async fn the_use_of_a_token_is_noted_in_the_end() {
    let api = Api::new().await;
    let (id, value) = make(&api, &tokens(""), body(&[Group::TunnelRead])).await;
    let one = tokens(&format!("/{id}"));
    assert!(api.get(&one).await.result()["last_used_on"].is_null());
    with_token(&api, &value, Method::GET, &tunnels(""), json!({}))
        .await
        .result();
    adit_testing::wait_for("the time of the use", async || {
        api.get(&one).await.result()["last_used_on"].is_string()
    })
    .await;
}

#[tokio::test]
async fn permission_groups_are_listed_by_name_and_scope() {
    let api = Api::new().await;
    let all = api.get("/user/tokens/permission_groups").await;
    assert_eq!(all.ids().len(), Group::ALL.len());
    assert_json_snapshot!(
        "permission_groups",
        api.get(&tokens("/permission_groups?name=DNS%20Write"))
            .await
            .whole()
    );
    let zone = "com.cloudflare.api.account.zone";
    let of_zones = api
        .get(&tokens(&format!("/permission_groups?scope={zone}")))
        .await;
    assert_eq!(of_zones.ids().len(), 4);
    let iam = format!("/accounts/{ACCOUNT}/iam/permission_groups");
    let page = api.get(&format!("{iam}?per_page=5&page=2")).await;
    assert_eq!(
        page.ids(),
        Group::ALL[5..10]
            .iter()
            .map(|group| group.id())
            .collect::<Vec<_>>()
    );
    assert!(api.get(&format!("{iam}?page=9")).await.ids().is_empty());
    assert_eq!(
        api.get(&format!("{iam}?label=cloudflare_tunnel_read"))
            .await
            .ids(),
        [Group::TunnelRead.id()]
    );
    assert_json_snapshot!(
        "iam_permission_group",
        api.get(&format!("{iam}/{}", Group::TunnelRead.id()))
            .await
            .whole()
    );
    assert_eq!(api.get(&format!("{iam}/{ACCOUNT}")).await.failure(), (404, 7003));
}
