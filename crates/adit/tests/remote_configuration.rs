//! A configuration on its way from the API to a running connector, through processes of their own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use adit_testing::{
    client::get,
    cloudflared::{self, Protocol},
    origin::Origin,
    skip, wait_for, within,
};
use serde_json::json;
use support::{Connector, Server, Tunnel};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_serves_by_what_was_put_while_it_runs_over_quic() {
    let name = "a_stock_connector_serves_by_what_was_put_while_it_runs_over_quic";
    put_while_it_runs(name, Protocol::Quic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_connector_serves_by_what_was_put_while_it_runs_over_http2() {
    let name = "a_stock_connector_serves_by_what_was_put_while_it_runs_over_http2";
    put_while_it_runs(name, Protocol::Http2).await;
}

async fn put_while_it_runs(test: &str, protocol: Protocol) {
    let Some(binary) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let (server, before, after) = (
        Server::start().await,
        Origin::start().await,
        Origin::saying("after").await,
    );
    let tunnel = server.tunnel("shop").await;
    let _connector = server
        .connect_stock(&binary, protocol, &tunnel, &before.url())
        .await;
    put(&server, &tunnel, &before, &after).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_connector_serves_by_what_was_put_while_it_runs_over_quic() {
    put_while_ours_runs("quic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_connector_serves_by_what_was_put_while_it_runs_over_http2() {
    put_while_ours_runs("http2").await;
}

async fn put_while_ours_runs(protocol: &str) {
    let (server, before, after) = (
        Server::start().await,
        Origin::start().await,
        Origin::saying("after").await,
    );
    let tunnel = server.tunnel("shop").await;
    let _connector = Connector::start_over(&server, &tunnel.token, &before.url(), protocol).await;
    server.connected(&tunnel, 4).await;
    put(&server, &tunnel, &before, &after).await;
}

/// What is put is served by the next request, and a request that runs ends at the origin that it began with.
async fn put(server: &Server, tunnel: &Tunnel, before: &Origin, after: &Origin) {
    let configurations = format!("/cfd_tunnel/{}/configurations", tunnel.id);
    wait_for("what the connector tells of itself", async || {
        !server.api("GET", &configurations, json!({})).await["config"].is_null()
    })
    .await;
    assert_eq!(server.status(&tunnel.host).await, 200);
    let (http, host, mut held) = (server.listener("http"), tunnel.host.clone(), JoinSet::new());
    held.spawn(async move { get(http, &host, "/held").await });
    wait_for("the request at the origin", async || before.live_requests() == 1).await;

    let config = json!({"config": {"ingress": [{"service": after.url()}]}});
    server.api("PUT", &configurations, config).await;
    wait_for("the new rule", async || {
        server.get(&tunnel.host, "/").await.text() == "after"
    })
    .await;
    before.release();
    let answer = within("the answer", held.join_next()).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().status, 200);

    let connections = format!("/cfd_tunnel/{}/connections", tunnel.id);
    wait_for("the version at the connector", async || {
        server.api("GET", &connections, json!({})).await[0]["config_version"] == 1
    })
    .await;
    let status = format!("/adit/tunnels/{}/configuration_status", tunnel.id);
    let status = server.api("GET", &status, json!({})).await;
    assert_eq!(status["connectors"][0]["running"]["version"], 1);
    assert_eq!(status["connectors"][0]["refused"], json!(null));
}
