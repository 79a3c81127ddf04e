//! Two accounts: a token of one opens nothing of the other.

use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_testing::{cloudflared::Protocol, scripted::ScriptedConnector, wait_for};
use adit_wire::management_token::ManagementResource;

use crate::stage::{MANAGEMENT, Stage, token};

#[tokio::test]
async fn a_token_leads_to_its_own_tunnel_whatever_connector_it_names() {
    let mut stage = Stage::new(Protocol::Quic).await;
    let theirs = TunnelKey {
        account: AccountId::random(),
        tunnel: TunnelId::random(),
    };
    let secret = TunnelSecret::new(vec![7; 32]).unwrap();
    stage.scene.edge.set(theirs, &secret, false);
    let good = token(&stage.scene.edge.keys, theirs, ManagementResource::Admin);
    let ask = |more: String| {
        stage.begin(&format!(
            "GET /ping?access_token={good}{more} HTTP/1.1\r\nHost: {MANAGEMENT}\r\n"
        ))
    };
    wait_for("the tunnel", async || {
        ask(String::new()).said().await.status == 530
    })
    .await;

    let ours = stage.next_connector().await;
    let ask = |more: String| {
        stage.begin(&format!(
            "GET /ping?access_token={good}{more} HTTP/1.1\r\nHost: {MANAGEMENT}\r\n"
        ))
    };
    let said = ask(format!("&connector_id={ours}")).said().await;
    assert_eq!(said.refusal(), (530, Some(1033)));

    let (edge, anchors) = (stage.scene.connectors(), &stage.scene.anchors);
    let mut connector = ScriptedConnector::registered(edge, anchors, Protocol::Quic, &theirs, &secret).await;
    let asking = ask(String::new());
    connector.next().await.say(400, crate::stage::MISSING).await;
    connector.next().await.say(200, "theirs").await;
    assert_eq!(asking.said().await.status, 200);
}
