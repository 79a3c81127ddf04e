//! How far a token's power goes: what one may give away, and how much it may be about.

use adit_core::permission::PermissionGroup as Group;
use http::Method;
use serde_json::{Value, json};

use super::{
    as_user,
    tokens::{body, make, tokens},
    with_token,
};
use crate::support::{ACCOUNT, Api};

const MINTING: &[Group] = &[Group::AccountApiTokensWrite, Group::TunnelRead];

/// A token's terms with these bounds.
fn bounded(groups: &[Group], expires_on: Option<&str>, condition: Option<Value>) -> Value {
    let mut terms = body(groups);
    if let Some(end) = expires_on {
        terms["expires_on"] = json!(end);
    }
    if let Some(condition) = condition {
        terms["condition"] = json!({ "request.ip": condition });
    }
    terms
}

/// Whether whoever has `own` may make such a token, change another to be such a one, and learn the value of one.
async fn may_have(api: &Api, own: &str, wanted: &Value) -> [bool; 3] {
    let may = async |method, path: &str, body: Value| {
        let answer = with_token(api, own, method, path, body).await;
        let is_refused = !answer.status.is_success() && answer.failure() == (403, 10_000);
        assert!(is_refused || answer.status.is_success(), "{answer:?}");
        !is_refused
    };
    let (narrow, _) = make(api, &tokens(""), narrow()).await;
    let (such, _) = make(api, &tokens(""), wanted.clone()).await;
    [
        may(Method::POST, &tokens(""), wanted.clone()).await,
        may(Method::PUT, &tokens(&format!("/{narrow}")), wanted.clone()).await,
        may(Method::PUT, &tokens(&format!("/{such}/value")), json!({})).await,
    ]
}

/// What all the tokens here may give away.
fn narrow() -> Value {
    bounded(
        &[Group::TunnelRead],
        Some("2999-01-01T00:00:00Z"),
        Some(json!({"in": ["192.0.2.7/32"]})),
    )
}

#[tokio::test]
async fn a_token_gives_nothing_for_longer_than_it_lasts() {
    let api = Api::new().await;
    let own = bounded(MINTING, Some("2999-01-01T00:00:00Z"), None);
    let (_, own) = make(&api, "/user/tokens", own).await;
    for (end, may) in [
        (Some("2998-12-31T00:00:00Z"), true),
        (Some("2999-01-01T00:00:00Z"), true),
        (Some("2999-01-01T00:00:01Z"), false),
        (None, false),
    ] {
        let wanted = bounded(&[Group::TunnelRead], end, None);
        assert_eq!(may_have(&api, &own, &wanted).await, [may; 3], "{end:?}");
    }
}

#[tokio::test]
async fn a_token_gives_nothing_to_where_it_is_not_good_itself() {
    let api = Api::new().await;
    let rule = json!({"in": ["192.0.2.0/24", "::/0"], "not_in": ["192.0.2.9/32"]});
    let (_, own) = make(&api, "/user/tokens", bounded(MINTING, None, Some(rule.clone()))).await;
    for (wanted, may) in [
        (Some(rule), true),
        (Some(json!({"in": ["192.0.2.7"]})), true),
        (Some(json!({"in": ["192.0.2.0/24"]})), false),
        (
            Some(json!({"in": ["0.0.0.0/0"], "not_in": ["192.0.2.9/32"]})),
            false,
        ),
        (Some(json!({"not_in": ["192.0.2.9/32"]})), false),
        (None, false),
    ] {
        let terms = bounded(&[Group::TunnelRead], None, wanted.clone());
        assert_eq!(may_have(&api, &own, &terms).await, [may; 3], "{wanted:?}");
    }
}

#[tokio::test]
async fn a_token_gives_no_group_that_it_has_not() {
    let api = Api::new().await;
    let (_, own) = make(&api, "/user/tokens", body(MINTING)).await;
    for (group, may) in [
        (Group::TunnelRead, true),
        (Group::TunnelWrite, false),
        (Group::DnsRead, false),
    ] {
        assert_eq!(may_have(&api, &own, &body(&[group])).await, [may; 3], "{group:?}");
    }
}

#[tokio::test]
async fn a_token_does_not_widen_itself() {
    let api = Api::new().await;
    let terms = bounded(MINTING, Some("2999-01-01T00:00:00Z"), None);
    let (id, value) = make(&api, &tokens(""), terms.clone()).await;
    let one = tokens(&format!("/{id}"));
    let wider = with_token(&api, &value, Method::PUT, &one, body(MINTING)).await;
    assert_eq!(wider.failure(), (403, 10_000));
    with_token(&api, &value, Method::PUT, &one, terms).await.result();
}

/// A token about this many zones that do not exist, in two policies.
fn about_zones(count: usize) -> Value {
    let zone = |number: usize| {
        (
            format!("com.cloudflare.api.account.zone.{number:032x}"),
            json!("*"),
        )
    };
    let policy = |numbers: std::ops::Range<usize>| {
        let zones: serde_json::Map<String, Value> = numbers.map(zone).collect();
        json!({
            "effect": "allow",
            "permission_groups": [{"id": Group::DnsRead.id()}, {"id": Group::ZoneRead.id()}],
            "resources": {format!("com.cloudflare.api.account.{ACCOUNT}"): zones},
        })
    };
    json!({"name": "zones", "policies": [policy(0..count / 2), policy(count / 2..count)]})
}

#[tokio::test]
async fn a_token_is_about_a_limited_number_of_things() {
    let api = Api::new().await;
    let (_, value) = make(&api, "/user/tokens", about_zones(256)).await;
    let seen = with_token(&api, &value, Method::GET, "/zones", json!({})).await;
    assert!(seen.ids().is_empty());
    let too_many = as_user(&api, Method::POST, "/user/tokens", about_zones(257)).await;
    assert_eq!(too_many.failure(), (400, 1001));
    assert_eq!(
        too_many.message(),
        "resources: at most 256 in all policies together"
    );
}

#[tokio::test]
async fn zones_that_stand_alone_are_looked_up_together() {
    let api = Api::new().await;
    let (_, own) = make(
        &api,
        "/user/tokens",
        body(&[Group::AccountApiTokensWrite, Group::DnsRead]),
    )
    .await;
    let second = api.throwaway_zone().await;
    let about = |zones: &[adit_model::ZoneId]| {
        let zones: serde_json::Map<String, Value> = zones
            .iter()
            .map(|zone| (format!("com.cloudflare.api.account.zone.{zone}"), json!("*")))
            .collect();
        json!({"name": "dns", "policies": [{
            "effect": "allow",
            "permission_groups": [{"id": Group::DnsRead.id()}],
            "resources": zones,
        }]})
    };
    let mint = async |wanted| with_token(&api, &own, Method::POST, &tokens(""), wanted).await;
    mint(about(&[api.zone_id, second])).await.result();
    let foreign = mint(about(&[api.zone_id, api.other_zone_id])).await;
    assert_eq!(foreign.failure(), (400, 1001));
}

#[tokio::test]
async fn an_account_is_named_once_in_a_policy() {
    let api = Api::new().await;
    let mut twice = body(&[Group::TunnelRead]);
    twice["policies"][0]["resources"] = json!({
        format!("com.cloudflare.api.account.{ACCOUNT}"): "*",
        format!("com.cloudflare.api.account.{}", ACCOUNT.to_uppercase()): {"com.cloudflare.api.account.zone.*": "*"},
    });
    let answer = api.post(&tokens(""), twice).await;
    assert_eq!(answer.failure(), (400, 1001));
    assert!(answer.message().ends_with("is named twice"), "{answer:?}");
}
