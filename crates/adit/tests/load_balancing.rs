//! A host name that leads to a pool of tunnels, through processes of their own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{collections::BTreeSet, time::Duration};

use adit_testing::{origin::Origin, wait_within};
use serde_json::{Value, json};
use support::{Connector, Server, Tunnel};

const HOST: &str = "any.adit.localhost";

struct Scene {
    server: Server,
    tunnels: [Tunnel; 2],
    connectors: [Connector; 2],
    _origins: [Origin; 2],
}

/// Two tunnels in one pool, each with a connector whose origin says the tunnel's name.
async fn scene() -> Scene {
    let server = Server::start().await;
    let tunnels = [server.tunnel("one").await, server.tunnel("two").await];
    let origins = [Origin::saying("one").await, Origin::saying("two").await];
    let zones = server.api("GET", "/zones", json!({})).await;
    let zone = zones[0]["id"].as_str().unwrap();
    for tunnel in &tunnels {
        let path = format!("/zones/{zone}/tunnels/{}/routes", tunnel.id);
        let route = json!({"type": "lb", "lb_name": "any", "lb_pool": "all"});
        server.api("PUT", &path, route).await;
    }
    let connectors = [
        server.connect(&tunnels[0], &origins[0].url()).await,
        server.connect(&tunnels[1], &origins[1].url()).await,
    ];
    Scene {
        server,
        tunnels,
        connectors,
        _origins: origins,
    }
}

impl Scene {
    /// What so many requests at once are answered with.
    async fn ask(&self, requests: usize) -> Vec<String> {
        let requests = (0..requests).map(|_| self.server.get(HOST, "/"));
        let answers = futures_util::future::join_all(requests).await;
        answers.iter().map(|answer| answer.text().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_every_tunnel_of_a_pool_and_all_of_them_the_one_that_is_left() {
    let mut scene = scene().await;
    let answers: BTreeSet<String> = scene.ask(64).await.into_iter().collect();
    assert_eq!(answers, ["one", "two"].map(str::to_owned).into());

    scene.connectors[0].process.kill().await;
    // Until the edge notices, half of these go to the dead one first.
    let answers = scene.ask(32).await;
    assert!(answers.iter().all(|answer| answer == "two"), "{answers:?}");

    scene.connectors[1].process.kill().await;
    let limit = Duration::from_secs(6);
    scene.server.answers(HOST, 530, limit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_is_deleted_leaves_the_pool_to_the_others() {
    let scene = scene().await;
    let path = format!("/cfd_tunnel/{}?cascade=true", scene.tunnels[0].id);
    scene.server.api("DELETE", &path, json!({})).await;
    let answers = scene.ask(32).await;
    assert!(answers.iter().all(|answer| answer == "two"), "{answers:?}");

    let pools = scene.server.api("GET", "/load_balancers/pools", json!({})).await;
    let enabled = |origin: &Value| origin["enabled"] == true;
    let origins = pools[0]["origins"].as_array().unwrap();
    assert_eq!(origins.iter().filter(|origin| enabled(origin)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_load_balancer_gives_its_name_back() {
    let scene = scene().await;
    let zones = scene.server.api("GET", "/zones", json!({})).await;
    let zone = zones[0]["id"].as_str().unwrap();
    let list = format!("/zones/{zone}/load_balancers");
    let found = scene.server.api("GET", &list, json!({})).await;
    let id = found[0]["id"].as_str().unwrap();
    scene
        .server
        .api("DELETE", &format!("{list}/{id}"), json!({}))
        .await;
    wait_within(Duration::from_secs(5), "the name to lead nowhere", async || {
        scene.server.status(HOST).await == 404
    })
    .await;
    let path = format!("/zones/{zone}/tunnels/{}/routes", scene.tunnels[0].id);
    let route = json!({"type": "dns", "user_hostname": HOST});
    scene.server.api("PUT", &path, route).await;
    scene.server.answers(HOST, 200, Duration::from_secs(5)).await;
}
