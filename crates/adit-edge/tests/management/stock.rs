//! Unmodified cloudflared: its management service, and its `tail`.

use adit_testing::{
    client,
    cloudflared::{self, ConnectProxy, Protocol},
    wait_for,
};
use adit_wire::management_token::ManagementResource;
use serde_json::Value;

use crate::{
    stage::{MANAGEMENT, MISSING, https, token},
    support::{HOST, stock::StockScene},
    viewer::{get, scene},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_path_answers_as_the_token_allows() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("each_path_answers_as_the_token_allows", protocol).await else {
            return;
        };
        assert_eq!(
            get(&scene, "/ping", ManagementResource::Logs).await,
            (200, String::new())
        );
        let (status, details) = get(&scene, "/host_details", ManagementResource::HostDetails).await;
        let details: Value = serde_json::from_str(&details).unwrap();
        assert_eq!(status, 200);
        assert!(
            details["connector_id"].is_string() && details["hostname"].is_string(),
            "{details}"
        );
        let (status, metrics) = get(&scene, "/metrics", ManagementResource::Admin).await;
        assert_eq!(status, 200);
        assert!(metrics.contains("cloudflared_tunnel_ha_connections"), "{metrics}");
        assert_eq!(get(&scene, "/metrics", ManagementResource::Logs).await.0, 403);
        assert_eq!(
            get(&scene, "/debug/pprof/heap", ManagementResource::Admin)
                .await
                .0,
            200
        );
        assert_eq!(
            get(&scene, "/debug/pprof/cmdline", ManagementResource::Admin)
                .await
                .0,
            404
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_was_told_no_name_gets_no_token() {
    for protocol in Protocol::ALL {
        let Some(scene) = StockScene::new("a_connector_that_was_told_no_name_gets_no_token", protocol).await
        else {
            return;
        };
        let (status, body) = get(&scene, "/logs", ManagementResource::Logs).await;
        assert_eq!(
            (status, adit_wire::management::refusal_code(body.as_bytes())),
            (530, Some(1034))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reaches_the_service_by_a_public_name() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("nobody_reaches_the_service_by_a_public_name", protocol).await else {
            return;
        };
        for pattern in ["*.adit.localhost", MANAGEMENT, "*.management.adit.localhost"] {
            let key = scene.tunnel.key;
            let change = adit_core::port::Change::Host(pattern.parse().unwrap(), Some(key.into()));
            scene.edge.change(change);
        }
        let below = format!("x.{MANAGEMENT}");
        wait_for("the routes", async || {
            client::get(scene.edge.http(), &below, "/").await.unwrap().status != 404
        })
        .await;
        for host in [
            MANAGEMENT,
            "management.adit.localhost.",
            "MANAGEMENT.adit.localhost:80",
            "management.adit.localhost:7844",
            &below,
            HOST,
        ] {
            for path in ["/ping", "/logs", "/host_details", "/metrics"] {
                let answer = client::get(scene.edge.http(), host, path).await.unwrap();
                assert!(
                    !answer.text().contains("access_token"),
                    "{host} {path}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_prints_the_lines_of_a_connector() {
    for protocol in Protocol::ALL {
        let Some(scene) = scene("tail_prints_the_lines_of_a_connector", protocol).await else {
            return;
        };
        let proxy = ConnectProxy::to(https(&scene.edge)).await;
        let binary = cloudflared::binary().unwrap();
        let token = token(&scene.edge.keys, scene.tunnel.key, ManagementResource::Logs);
        let (id, host) = (scene.tunnel.key.tunnel.to_string(), format!("{MANAGEMENT}:8443"));
        let tail = |flags: &[&str]| {
            let flags = [flags, &[&id]].concat();
            cloudflared::tail(&binary, &host, &token, &flags, proxy.addr(), &scene.edge.ca)
        };
        let running = tail(&["--event", "http"]);
        wait_for("a line", async || {
            client::get(scene.edge.http(), HOST, "/tailed").await.unwrap();
            running
                .process
                .lines()
                .iter()
                .any(|line| line.contains("debug http"))
        })
        .await;
        drop(running);
        let json = tail(&["--output", "json", "--event", "http"]);
        wait_for("a line of JSON", async || {
            client::get(scene.edge.http(), HOST, "/tailed").await.unwrap();
            let lines = json.process.lines();
            lines
                .iter()
                .any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["message"].is_string()))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_says_that_there_is_no_connector() {
    let Some(mut scene) = scene("tail_says_that_there_is_no_connector", Protocol::Quic).await else {
        return;
    };
    scene.connector.process.kill().await;
    wait_for("no connector", async || {
        get(&scene, "/ping", ManagementResource::Logs).await.0 == 530
    })
    .await;
    let proxy = ConnectProxy::to(https(&scene.edge)).await;
    let binary = cloudflared::binary().unwrap();
    let token = token(&scene.edge.keys, scene.tunnel.key, ManagementResource::Logs);
    let id = scene.tunnel.key.tunnel.to_string();
    let tail = cloudflared::tail(&binary, MANAGEMENT, &token, &[&id], proxy.addr(), &scene.edge.ca);
    tail.process.line("no cloudflared connector available").await;
}

#[test]
fn a_missing_token_is_refused_in_the_same_words_by_edge_and_connector() {
    assert_eq!(adit_wire::management::ManagementRefusal::NoToken.body(), MISSING);
}
