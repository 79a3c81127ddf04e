//! Limits of public host names.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{ACCOUNT, Api, redacted};

fn limits(host: &str) -> String {
    format!("/accounts/{ACCOUNT}/adit/hosts/{host}/limits")
}

#[tokio::test]
async fn limits_are_set_shown_and_taken_away() {
    let api = Api::new().await;
    let shop = limits("Shop.example.com");
    assert_json_snapshot!("limits_none", api.get(&shop).await.whole());
    let body = json!({
        "requests_per_second": 50, "burst": 100, "concurrent_requests": 20, "max_request_body_bytes": 1_048_576,
    });
    assert_json_snapshot!("limits_set", api.put(&shop, body).await.whole());
    assert_eq!(
        api.get(&limits("shop.example.com")).await.result()["burst"],
        100,
        "names differ by more than case"
    );
    let only = api.put(&shop, json!({"concurrent_requests": 1})).await;
    assert_eq!(
        only.result()["burst"],
        json!(null),
        "what is not said is no limit"
    );
    assert_json_snapshot!("limits_emptied", api.put(&shop, json!({})).await.whole());
}

#[tokio::test]
async fn a_wildcard_has_limits_of_its_own() {
    let api = Api::new().await;
    let all = limits("%2A.example.com");
    let set = api.put(&all, json!({"requests_per_second": 5})).await;
    assert_eq!(set.result()["hostname"], "*.example.com");
    assert_eq!(
        api.get(&limits("*.example.com")).await.result()["requests_per_second"],
        5
    );
    assert_eq!(
        api.get(&limits("a.example.com")).await.result()["requests_per_second"],
        json!(null)
    );
}

#[tokio::test]
async fn a_limit_that_cannot_be_held_is_refused_by_name() {
    let api = Api::new().await;
    let shop = limits("shop.example.com");
    let zero = json!({"requests_per_second": 0});
    assert_json_snapshot!("limits_zero", api.put(&shop, zero).await.whole());
    for (body, field) in [
        (json!({"burst": 5}), "burst"),
        (json!({"requests_per_second": 1, "burst": 10_000_001}), "burst"),
        (json!({"concurrent_requests": -1}), "concurrent_requests"),
        (json!({"max_request_body_bytes": "1MB"}), "max_request_body_bytes"),
        (
            json!({"max_request_body_bytes": 1u64 << 53}),
            "max_request_body_bytes",
        ),
        (json!({"requests_per_second": 1.5}), "requests_per_second"),
        (json!({"request_per_second": 1}), "request_per_second"),
    ] {
        let answer = api.put(&shop, body.clone()).await;
        assert_eq!(answer.failure(), (400, 1001), "{body}");
        assert!(
            answer.whole().to_string().contains(field),
            "{body}: {}",
            answer.whole()
        );
    }
    assert_eq!(api.get(&shop).await.result()["modified_on"], json!(null));
}

#[tokio::test]
async fn a_host_name_needs_a_zone_of_the_account() {
    let api = Api::new().await;
    let other = limits("shop.example.net");
    assert_json_snapshot!("limits_no_zone", api.get(&other).await.whole());
    assert_eq!(api.put(&other, json!({})).await.failure(), (404, 1404));
    for no_name in ["a..example.com", "a*.example.com", "a%20b.example.com"] {
        assert_eq!(
            api.get(&limits(no_name)).await.failure(),
            (404, 7003),
            "{no_name}"
        );
    }
}

#[tokio::test]
async fn the_audit_log_tells_what_the_limits_were() {
    let api = Api::new().await;
    let shop = limits("shop.example.com");
    api.put(&shop, json!({"requests_per_second": 5})).await.result();
    api.put(&shop, json!({"requests_per_second": 5})).await.result();
    api.put(&shop, json!({})).await.result();
    let log = api.get(&format!("/accounts/{ACCOUNT}/audit_logs")).await;
    let entries = log.result().as_array().unwrap().clone();
    let told: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.to_string().contains("host_limits"))
        .collect();
    assert_eq!(told.len(), 2, "what changes nothing is not told");
    assert_json_snapshot!("limits_audit", redacted(told.into()));
}
