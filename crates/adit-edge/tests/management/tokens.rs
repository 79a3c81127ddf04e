//! Which tokens open what.

use std::time::SystemTime;

use adit_core::port::Change;
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey};
use adit_testing::cloudflared::Protocol;
use adit_wire::management_token::{
    ManagementActor, ManagementClaims, ManagementKey, ManagementKeys, ManagementResource,
};

use crate::{
    stage::{MANAGEMENT, MISSING, Stage, token},
    support::scripted::Scene,
};

async fn refusal(stage: &Stage, target: &str) -> (u16, Option<u32>) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {MANAGEMENT}\r\n");
    stage.begin(&head).said().await.refusal()
}

#[tokio::test]
async fn what_is_no_good_token_is_refused_and_reaches_no_connector() {
    let mut stage = Stage::new(Protocol::Quic).await;
    let bare = stage
        .begin(&format!("GET /logs HTTP/1.1\r\nHost: {MANAGEMENT}\r\n"))
        .said()
        .await;
    assert_eq!((bare.status, bare.body.as_str()), (400, MISSING));

    let key = stage.scene.tunnel.key;
    let stranger = ManagementKeys::new(ManagementKey::generate(1).unwrap().0, None);
    let forged = token(&stranger, key, ManagementResource::Logs);
    let good = stage.token(ManagementResource::Logs);
    let elsewhere = TunnelKey {
        account: AccountId::random(),
        ..key
    };
    let keys = &stage.scene.edge.keys;
    let other_account = token(keys, elsewhere, ManagementResource::Logs);
    let unknown = TunnelKey {
        tunnel: TunnelId::random(),
        ..key
    };
    let no_tunnel = token(keys, unknown, ManagementResource::Logs);
    let past = Timestamp::from(SystemTime::now() - 2 * adit_wire::management_token::LIFETIME);
    let actor = ManagementActor {
        id: "ada".to_owned(),
        support: false,
    };
    let old = ManagementClaims::new(key, actor, vec![ManagementResource::Logs], past);
    let expired = keys.sign(&old).unwrap();
    for (what, query, wanted) in [
        ("garbage", "access_token=x".to_owned(), (400, Some(1001))),
        (
            "a key that is not trusted",
            format!("access_token={forged}"),
            (400, Some(1001)),
        ),
        (
            "one byte more",
            format!("access_token={good}A"),
            (400, Some(1001)),
        ),
        (
            "an escape in the name",
            format!("access%5Ftoken={good}"),
            (400, Some(1002)),
        ),
        (
            "two tokens",
            format!("access_token={good}&access_token={good}"),
            (400, Some(1002)),
        ),
        ("an end", format!("access_token={expired}"), (401, Some(1003))),
        (
            "another account",
            format!("access_token={other_account}"),
            (404, Some(1005)),
        ),
        (
            "no tunnel",
            format!("access_token={no_tunnel}"),
            (404, Some(1005)),
        ),
        (
            "no connector id",
            format!("access_token={good}&connector_id=x"),
            (400, Some(1009)),
        ),
    ] {
        assert_eq!(refusal(&stage, &format!("/logs?{query}")).await, wanted, "{what}");
    }

    // The connector has heard nothing of any: the first thing it hears is the question, then this request.
    let asking = stage.get("/ping", ManagementResource::Logs);
    stage.is_recognised().await;
    let asked = stage.connector.next().await;
    assert!(
        asked.head.dest.contains("/ping?access_token="),
        "{}",
        asked.head.dest
    );
    asked.say(200, "").await;
    assert_eq!(asking.said().await.status, 200);
}

#[tokio::test]
async fn a_resource_opens_its_path_and_admin_opens_all() {
    let mut stage = Stage::new(Protocol::Quic).await;
    let paths = ["/ping", "/logs", "/host_details", "/metrics", "/debug/pprof/heap"];
    for (resource, opened) in [
        (ManagementResource::Logs, &["/ping", "/logs"][..]),
        (ManagementResource::HostDetails, &["/ping", "/host_details"]),
        (ManagementResource::Admin, &paths),
    ] {
        for path in paths {
            let asking = stage.get(path, resource);
            if !opened.contains(&path) {
                assert_eq!(
                    asking.said().await.refusal(),
                    (403, Some(1004)),
                    "{resource} {path}"
                );
                continue;
            }
            if resource == ManagementResource::Logs && path == "/ping" {
                stage.is_recognised().await;
            }
            stage.connector.next().await.say(200, "opened").await;
            let said = asking.said().await;
            assert!(said.body.contains("opened"), "{resource} {path} {said:?}");
        }
    }
    let token = stage.token(ManagementResource::Admin);
    for path in [
        "/",
        "/Logs",
        "/logs/",
        "/%6cogs",
        "//logs",
        "/debug/pprof/..%2flogs",
        "/other",
    ] {
        let refused = refusal(&stage, &format!("{path}?access_token={token}")).await;
        assert_eq!(refused, (404, Some(1007)), "{path}");
    }
}

#[tokio::test]
async fn a_tunnel_that_is_deleted_takes_its_tokens_along() {
    let scene = Scene::new(Protocol::Quic).await;
    let connector = scene.connector().await;
    let stage = Stage { scene, connector };
    let edge = &stage.scene.edge;
    edge.set(stage.scene.tunnel.key, &stage.scene.tunnel.secret, true);
    // Once this is routed, the deletion has been applied.
    edge.change(Change::Host(
        "later.adit.localhost".parse().unwrap(),
        Some(stage.scene.tunnel.key.into()),
    ));
    adit_testing::wait_for("the deletion", async || {
        let answer = adit_testing::client::get(edge.http(), "later.adit.localhost", "/").await;
        answer.unwrap().status == 530
    })
    .await;
    let asking = stage.get("/logs", ManagementResource::Logs);
    assert_eq!(asking.said().await.refusal(), (404, Some(1005)));
}

#[tokio::test]
async fn an_address_that_shows_bad_tokens_again_and_again_has_to_wait() {
    let stage = Stage::new(Protocol::Quic).await;
    for _ in 0..20 {
        assert_eq!(refusal(&stage, "/logs?access_token=x").await, (400, Some(1001)));
    }
    let said = stage.get("/logs", ManagementResource::Logs).said().await;
    assert_eq!(said.refusal(), (429, Some(1006)));
    assert!(said.head.contains("retry-after: "), "{}", said.head);
}
