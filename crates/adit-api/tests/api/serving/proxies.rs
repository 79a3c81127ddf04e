//! Who a client is when a proxy stands before the API.

use adit_api::Limits;
use adit_core::permission::PermissionGroup;
use serde_json::{Value, json};

use super::{Api, BadClient, Server, tunnels};
use crate::{matrix::policies, support::account};

/// What a token under `rule` is answered that comes through 127.0.0.1 and says `forwarded` of itself.
async fn answered(proxies: &[&str], rule: &Value, forwarded: &str) -> String {
    let api = Api::new().await;
    let token = json!({
        "name": "bound", "policies": policies(&[PermissionGroup::TunnelRead]), "condition": {"request.ip": rule},
    });
    let made = api.post(&account("/tokens"), token).await;
    let token = made.result()["value"].as_str().unwrap().to_owned();
    let proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
    let router = api.limited(Limits::default()).router;
    let server = Server::behind(proxies, router, Limits::default()).await;
    let client = BadClient { api, server };
    let request = format!(
        "GET /client/v4{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         {forwarded}\r\n",
        tunnels("")
    );
    let answer = client.exchange(request.as_bytes()).await;
    answer[.."HTTP/1.1 200".len()].to_owned()
}

#[tokio::test]
async fn the_address_rules_of_a_token_are_about_the_client_behind_a_trusted_proxy() {
    let (within, outside) = (
        json!({"in": ["203.0.113.0/24"]}),
        json!({"not_in": ["203.0.113.0/24"]}),
    );
    let through = "x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: 203.0.113.9, 127.0.0.2\r\n";
    let proxies = ["127.0.0.0/8"];
    assert_eq!(answered(&proxies, &within, through).await, "HTTP/1.1 200");
    assert_eq!(answered(&proxies, &outside, through).await, "HTTP/1.1 403");
    assert_eq!(answered(&proxies, &within, "").await, "HTTP/1.1 403");
    assert_eq!(answered(&proxies, &outside, "").await, "HTTP/1.1 200");
}

#[tokio::test]
async fn a_stranger_is_not_believed_who_it_says_it_is() {
    let (within, not_here) = (json!({"in": ["203.0.113.9"]}), json!({"not_in": ["127.0.0.1"]}));
    for proxies in [&[][..], &["192.0.2.0/24"]] {
        for rule in [&within, &not_here] {
            let answer = answered(proxies, rule, "x-forwarded-for: 203.0.113.9\r\n").await;
            assert_eq!(answer, "HTTP/1.1 403", "{proxies:?} {rule}");
        }
    }
}
