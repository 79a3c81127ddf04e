//! Management tokens.

use std::time::SystemTime;

use adit_model::Timestamp;
use adit_wire::management_token::{ManagementClaims, ManagementResource, ManagementTokenError};
use http::Method;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Api, EMAIL, KEY, NOBODY, request, tunnels};

fn path(tunnel: &str, resource: &str) -> String {
    tunnels(&format!("/{tunnel}/management{resource}"))
}

fn open(
    api: &Api,
    token: &Value,
    resource: ManagementResource,
) -> Result<ManagementClaims, ManagementTokenError> {
    let now = Timestamp::from(SystemTime::now());
    api.verifier().verify(token.as_str().unwrap(), resource, now)
}

#[tokio::test]
async fn a_token_is_for_the_resources_that_were_asked_for() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let body = json!({"resources": ["logs", "host_details", "logs"]});
    let answer = api.post(&path(&id, ""), body).await;
    let claims = open(&api, answer.result(), ManagementResource::Logs).unwrap();
    assert_eq!(claims.tunnel.tunnel.to_string(), id);
    assert_eq!(claims.tunnel.account.to_string(), ACCOUNT);
    assert_eq!(claims.actor.id, format!("user:{EMAIL}"));
    assert!(!claims.actor.support);
    assert_eq!(
        claims.resources,
        [ManagementResource::Logs, ManagementResource::HostDetails]
    );
    assert_eq!(
        open(&api, answer.result(), ManagementResource::Admin),
        Err(ManagementTokenError::WrongResource)
    );
    assert_json_snapshot!("management", answer.whole());
}

#[tokio::test]
async fn a_resource_may_stand_in_the_path() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    for resource in ManagementResource::ALL {
        let bare = request(Method::POST, &path(&id, &format!("/{resource}")));
        let answer = api.send(bare.body(axum::body::Body::empty()).unwrap()).await;
        let claims = open(&api, answer.result(), resource).unwrap();
        assert_eq!(claims.resources, [resource]);
    }
    let user = request(Method::POST, &path(&id, "/logs"))
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", KEY)
        .body(axum::body::Body::empty());
    let answer = api.send(user.unwrap()).await;
    let claims = open(&api, answer.result(), ManagementResource::Logs).unwrap();
    assert!(claims.actor.id.starts_with("user:"), "{claims:?}");
    assert_json_snapshot!(
        "management_unknown_resource",
        api.post(&path(&id, "/passwords"), json!({})).await.whole()
    );
}

#[tokio::test]
async fn what_is_asked_for_must_be_named() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!(
        "management_no_resource",
        api.post(&path(&id, ""), json!({"resources": []})).await.whole()
    );
    assert_json_snapshot!(
        "management_bad_resource",
        api.post(&path(&id, ""), json!({"resources": ["logs", "passwords"]}))
            .await
            .whole()
    );
    assert_json_snapshot!(
        "management_no_body",
        api.post(&path(&id, ""), json!({})).await.whole()
    );
}

#[tokio::test]
async fn only_a_live_tunnel_has_tokens() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.delete(&tunnels(&format!("/{id}"))).await.result();
    for tunnel in [id.as_str(), NOBODY] {
        for (resource, body) in [("", json!({"resources": ["logs"]})), ("/logs", json!({}))] {
            let answer = api.post(&path(tunnel, resource), body).await;
            assert_eq!(answer.failure(), (404, 1003), "{tunnel} {resource}");
        }
    }
}
