//! With unmodified cloudflared.

use adit_core::port::{Ask, Question};
use adit_testing::{
    client::get,
    cloudflared::{self, Cloudflared, Options, Protocol},
    skip, wait_for, within,
};
use tokio::task::JoinSet;

use super::{refused, runs, status, told};
use crate::support::{
    GRACE, HOST, TestEdge,
    stock::{StockScene, with_stock_on_both_transports},
};

with_stock_on_both_transports!(
    a_stock_connector_serves_by_a_new_rule_while_an_open_request_goes_on,
    a_stock_connector_refuses_what_it_cannot_run_and_takes_the_next_version,
    a_locally_managed_stock_connector_tells_its_configuration_with_its_first_connection_also_after_a_reconnect,
);

async fn status_of(scene: &StockScene) -> u16 {
    get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16()
}

async fn a_stock_connector_serves_by_a_new_rule_while_an_open_request_goes_on(scene: StockScene) {
    let (http, mut held) = (scene.edge.http(), JoinSet::new());
    held.spawn(async move { get(http, HOST, "/held").await });
    wait_for("the request at the origin", async || {
        scene.origin.live_requests() == 1
    })
    .await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    runs(&scene.edge.store, None, 1).await;
    assert_eq!(status_of(&scene).await, 418);
    scene.connector.process.line("Updated to new configuration").await;
    scene.origin.release();
    let answer = within("the answer", held.join_next()).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().status, 200);
}

async fn a_stock_connector_refuses_what_it_cannot_run_and_takes_the_next_version(scene: StockScene) {
    let wrong = r#"{"ingress":[{"hostname":"a.example","service":"http_status:418"}]}"#;
    scene.edge.configure(&scene.tunnel, 1, wrong);
    let sentence = refused(&scene.edge.store, None, 1).await;
    match scene.protocol {
        Protocol::Quic => assert!(
            sentence.contains("last ingress rule must match all URLs"),
            "{sentence}"
        ),
        Protocol::Http2 => assert!(sentence.contains("gave no reason"), "{sentence}"),
    }
    assert_eq!(status_of(&scene).await, 200, "what ran goes on");
    scene.edge.configure(&scene.tunnel, 2, r#"{"ingress":[]}"#);
    assert_eq!(runs(&scene.edge.store, None, 2).await.refused, None);
    assert_eq!(status_of(&scene).await, 503, "no rule at all");
    scene.edge.configure(&scene.tunnel, 3, &status(418));
    runs(&scene.edge.store, None, 3).await;
    assert_eq!(status_of(&scene).await, 418);
}

async fn a_locally_managed_stock_connector_tells_its_configuration_with_its_first_connection_also_after_a_reconnect(
    scene: StockScene,
) {
    let number = async || told(&scene.edge.store).len();
    wait_for("its configuration", async || number().await == 1).await;
    let first = told(&scene.edge.store).remove(0);
    let config: serde_json::Value = serde_json::from_str(&first.config).unwrap();
    assert!(config["__configuration_flags"].is_object(), "{config}");
    assert_eq!(first.tunnel, scene.tunnel.key);
    if scene.protocol == Protocol::Http2 {
        // There it takes its time to come back.
        return;
    }
    let ask = Ask {
        after: scene.edge.change_number(),
        question: Question::CloseConnections {
            tunnel: scene.tunnel.key,
            connector: None,
        },
    };
    scene.edge.edge.control().ask(ask, GRACE).await;
    wait_for("it once more", async || number().await == 2).await;
}

/// A remotely managed tunnel from the start: its connector has no rule of its own.
async fn configured_from_the_start(test: &str, protocol: Protocol) {
    let Some(binary) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    edge.configure(&tunnel, 5, &status(418));
    let options = Options::new(&binary, edge.edge.addresses().connectors, &edge.ca, &tunnel.token);
    let _connector = Cloudflared::start_ready(&options.over(protocol), 4).await;
    runs(&edge.store, None, 5).await;
    assert_eq!(get(edge.http(), HOST, "/").await.unwrap().status, 418);
    assert_eq!(told(&edge.store), [], "it tells nothing of itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_connector_is_configured_as_it_registers_over_quic() {
    let name = "a_stock_connector_is_configured_as_it_registers_over_quic";
    configured_from_the_start(name, Protocol::Quic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_connector_is_configured_as_it_registers_over_http2() {
    let name = "a_stock_connector_is_configured_as_it_registers_over_http2";
    configured_from_the_start(name, Protocol::Http2).await;
}
