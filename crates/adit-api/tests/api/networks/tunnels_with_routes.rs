//! Deleting a tunnel to which routes lead.

use insta::assert_json_snapshot;
use serde_json::json;

use super::{hostname_routes, routes};
use crate::support::{Api, tunnels};

#[tokio::test]
async fn a_tunnel_with_routes_goes_only_with_them() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let one = tunnels(&format!("/{blog}"));
    let route = routes(&format!("/{}", api.add_route(&blog, "10.0.0.0/8").await.id()));
    let body = json!({"hostname": "a.local", "tunnel_id": blog});
    let hostname = hostname_routes(&format!("/{}", api.post(&hostname_routes(""), body).await.id()));
    assert_json_snapshot!("tunnel_delete_routed", api.delete(&one).await.whole());
    assert!(api.get(&one).await.result()["deleted_at"].is_null());
    assert!(api.get(&route).await.result()["deleted_at"].is_null());

    api.delete(&format!("{one}?cascade=true")).await.result();
    assert!(api.get(&route).await.result()["deleted_at"].is_string());
    assert!(api.get(&hostname).await.result()["deleted_at"].is_string());
    assert_eq!(api.delete(&route).await.failure(), (404, 1015));
    assert_eq!(api.networks("?is_deleted=false").await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_hostname_route_alone_keeps_its_tunnel() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let body = json!({"hostname": "a.local", "tunnel_id": blog});
    let made = api.post(&hostname_routes(""), body).await.id();
    let one = tunnels(&format!("/{blog}"));
    assert_eq!(api.delete(&one).await.failure(), (400, 1023));
    api.delete(&hostname_routes(&format!("/{made}"))).await.result();
    api.delete(&one).await.result();
}
