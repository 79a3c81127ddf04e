//! Quick tunnels.

use adit_core::port::Directory as _;
use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, Request};
use insta::assert_json_snapshot;

use crate::support::{Answer, Api, Client};

async fn call(client: &Client, method: Method) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri("/tunnel")
        .header("content-type", "application/json")
        .body(Body::empty());
    client.send(request.unwrap()).await
}

#[tokio::test]
async fn anyone_gets_a_tunnel_with_a_host_name() {
    let api = Api::new().await;
    let mut answer = call(&api, Method::POST).await;
    let field = |name: &str| answer.result()[name].as_str().unwrap().to_owned();
    let (host, secret) = (field("hostname"), field("secret"));
    assert_eq!(host.strip_suffix(".example.com").unwrap().split('-').count(), 3);
    assert_eq!(field("name"), format!("qt-{}", host.split('.').next().unwrap()));
    assert_eq!(BASE64_STANDARD.decode(&secret).unwrap().len(), 32);

    let hosts = api.store.snapshot().await.unwrap().0.hosts;
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].pattern.to_string(), host);
    assert_eq!(hosts[0].target.tunnels()[0].tunnel.to_string(), field("id"));
    assert_eq!(
        hosts[0].target.tunnels()[0].account.to_string(),
        field("account_tag")
    );

    for name in ["hostname", "name", "secret"] {
        answer.body["result"][name] = format!("[{name}]").into();
    }
    assert_json_snapshot!("quick_tunnel", answer.whole());
}

#[tokio::test]
async fn a_sixth_tunnel_in_a_minute_is_refused() {
    let api = Api::new().await;
    for _ in 0..5 {
        call(&api, Method::POST).await.result();
    }
    let refused = call(&api, Method::POST).await;
    assert_eq!(refused.failure(), (429, 1429));
    let wait: u16 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn quick_tunnels_can_be_turned_off() {
    let api = Api::new().await;
    let off = api.without_quick_tunnels();
    assert_json_snapshot!("quick_tunnel_off", call(&off, Method::POST).await.whole());
    assert_json_snapshot!("quick_tunnel_get", call(&api, Method::GET).await.whole());
}
