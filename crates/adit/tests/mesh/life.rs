//! How nodes come, go and are asked.

use adit_testing::{netns, process::Signal, skip};
use serde_json::json;

use crate::scene::{ADIT, Scene, soon};

#[tokio::test]
async fn a_killed_node_comes_back_without_its_token_and_on_a_tidy_host() {
    if let Some(reason) = netns::absent() {
        return skip(
            "a_killed_node_comes_back_without_its_token_and_on_a_tidy_host",
            reason,
        );
    }
    let scene = Scene::start().await;
    let mut joined = scene.join().await;
    let host = &scene.sites.node_a;
    let before = scene.status(host, "node-a").unwrap();

    let second = scene
        .ask(host, "node-a", &["up", "--edge", "198.18.0.1:7844"])
        .unwrap_err();
    assert!(
        second.contains(&format!("pid {}", joined.node_a.id())) || second.contains("is in use"),
        "{second}"
    );

    joined.node_a.kill().await;
    assert!(
        scene
            .ask(host, "node-a", &["status"])
            .unwrap_err()
            .contains("no node runs")
    );
    let site = crate::scene::Site {
        id: joined.a.id.clone(),
        token: String::new(),
    };
    let node = scene.node(host, "node-a", &site, &[]);
    soon("pings after the return", async || {
        scene.sites.host_a.reaches("10.20.0.10")
    })
    .await;
    let after = scene.status(host, "node-a").unwrap();
    for same in ["connector_id", "tunnel_id", "role"] {
        assert_eq!(after[same], before[same]);
    }
    assert_eq!(after["host"]["addresses"], before["host"]["addresses"]);
    let rules = host.ip("rule show");
    assert_eq!(rules.matches("lookup 44311").count(), 1, "{rules}");

    scene.ask(host, "node-a", &["down"]).unwrap();
    assert!(!host.ip("rule show").contains("44311"));
    assert!(!host.run(&["nft", "list", "tables"]).contains("adit"));
    drop(node);
}

#[tokio::test]
async fn a_second_host_of_a_site_stands_by_and_takes_over() {
    if let Some(reason) = netns::absent() {
        return skip("a_second_host_of_a_site_stands_by_and_takes_over", reason);
    }
    let scene = Scene::start().await;
    let joined = scene.join().await;
    let second_host = &scene.sites.device;
    let _second = scene.node(second_host, "second", &joined.a, &[]);
    let role = async |role: &str| {
        let status = scene.status(second_host, "second");
        status.is_some_and(|status| status["role"] == role && status["hub"]["handshake_age_ms"].is_u64())
    };
    soon("the second host to stand by", async || role("passive").await).await;
    assert!(scene.sites.host_a.reaches("10.20.0.10"));

    joined.node_a.signal(Signal::KILL);
    soon("the second host to take over", async || role("active").await).await;
    let replicas = scene.api(
        "GET",
        &format!("/warp_connector/{}/connections", joined.a.id),
        &json!({}),
    );
    assert!(replicas.to_string().contains("\"active\""), "{replicas}");
}

#[tokio::test]
async fn a_drained_replica_stays_so_over_restarts_until_it_is_told_otherwise_or_is_alone() {
    let name = "a_drained_replica_stays_so_over_restarts_until_it_is_told_otherwise_or_is_alone";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    let scene = Scene::start().await;
    let tunnel = scene.api("POST", "/warp_connector", &json!({"name": "berlin", "ha": true}));
    let id = tunnel["id"].as_str().unwrap().to_owned();
    let token = scene.api("GET", &format!("/warp_connector/{id}/token"), &json!({}));
    let site = crate::scene::Site {
        id,
        token: token.as_str().unwrap().to_owned(),
    };
    let (first_host, second_host) = (&scene.sites.node_a, &scene.sites.device);
    let stands = |host, name, role: &str, draining: bool| {
        let status = scene.status(host, name).unwrap_or_default();
        status["role"] == role && status["ha"]["draining"] == draining
    };
    let mut first = scene.node(first_host, "first", &site, &[]);
    soon("the first to be active", async || {
        stands(first_host, "first", "active", false)
    })
    .await;
    let mut second = scene.node(second_host, "second", &site, &[]);
    soon("the second to stand by", async || {
        stands(second_host, "second", "passive", false)
    })
    .await;
    let drained = scene.ask(first_host, "first", &["drain"]).unwrap();
    assert!(drained.contains("also after a restart"), "{drained}");
    soon("the second to take over", async || {
        stands(second_host, "second", "active", false)
    })
    .await;

    first.kill().await;
    first = scene.node(first_host, "first", &site, &[]);
    soon("the first to be back", async || {
        stands(first_host, "first", "passive", true)
    })
    .await;
    second.terminate().await;
    soon("the first to carry on alone", async || {
        stands(first_host, "first", "active", true)
    })
    .await;
    second = scene.node(second_host, "second", &site, &[]);
    soon("the second to take over again", async || {
        stands(second_host, "second", "active", false)
    })
    .await;

    scene.ask(first_host, "first", &["drain", "--undo"]).unwrap();
    first.kill().await;
    first = scene.node(first_host, "first", &site, &[]);
    soon("the first to be a candidate", async || {
        stands(first_host, "first", "passive", false)
    })
    .await;
    second.terminate().await;
    soon("the first to be active again", async || {
        stands(first_host, "first", "active", false)
    })
    .await;
    drop(first);
}

#[tokio::test]
async fn routes_reach_every_node_while_it_runs_and_a_check_names_the_hop_that_fails() {
    if let Some(reason) = netns::absent() {
        return skip(
            "routes_reach_every_node_while_it_runs_and_a_check_names_the_hop_that_fails",
            reason,
        );
    }
    let scene = Scene::start().await;
    let mut joined = scene.join().await;
    let host = &scene.sites.node_a;
    let check = |address: &str| scene.ask(host, "node-a", &["check", address]);
    assert!(check("10.20.0.10").unwrap().contains("ok    return path"));

    let failed = check("10.21.0.10").unwrap_err();
    assert!(
        failed.contains("FAILS route: no route of this mesh covers 10.21.0.10"),
        "{failed}"
    );
    scene.sites.node_b.ip("addr add 10.21.0.1/24 dev lo");
    let route = scene.route(&joined.b.id, "10.21.0.0/24");
    soon("the new route", async || check("10.21.0.1").is_ok()).await;
    scene.api("DELETE", &format!("/teamnet/routes/{route}"), &json!({}));
    soon("the route to go", async || {
        check("10.21.0.1").is_err_and(|text| text.contains("no route of this mesh covers"))
    })
    .await;

    // A node that is still about to settle its routes would turn it on again.
    soon("the check to see that the host no longer forwards", async || {
        host.run(&["sysctl", "-w", "net.ipv4.ip_forward=0"]);
        check("10.20.0.10").is_err_and(|text| {
            text.contains("FAILS forwarding") && text.contains("sysctl -w net.ipv4.ip_forward=1")
        })
    })
    .await;
    host.run(&["sysctl", "-w", "net.ipv4.ip_forward=1"]);

    // The far host has no way back to the site, only to the node.
    scene.sites.host_b.ip("route del 10.10.0.0/24");
    let failed = check("10.20.0.10").unwrap_err();
    assert!(
        failed.contains("FAILS return path: 10.20.0.10 answers the node itself"),
        "{failed}"
    );
    scene.sites.host_b.ip("route add 10.10.0.0/24 via 10.20.0.1");

    joined.node_b.terminate().await;
    soon("the hub to say that the site is gone", async || {
        check("10.20.0.10").is_err_and(|text| text.contains("FAILS hub: the hub answers: unreachable"))
    })
    .await;
}

#[tokio::test]
async fn a_node_that_cannot_run_says_why_in_a_line() {
    if let Some(reason) = netns::absent() {
        return skip("a_node_that_cannot_run_says_why_in_a_line", reason);
    }
    let scene = Scene::start().await;
    let host = &scene.sites.node_a;
    let site = scene.site("berlin", &["10.10.0.0/24"]);

    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let words = [
        ADIT,
        "mesh",
        "up",
        "--edge",
        "198.18.0.1:7844",
        "--state-dir",
        "/nowhere",
        "--token",
        &site.token,
    ];
    let said = host.try_run(&[&nobody[..], &words[..]].concat()).unwrap_err();
    assert!(
        said.contains("takes root or CAP_NET_ADMIN\n  try: sudo"),
        "{said}"
    );

    let mut wrong = site.token.clone();
    // The same site with another secret.
    let token = adit_wire::TunnelToken::parse(&wrong).unwrap();
    wrong = adit_wire::TunnelToken {
        tunnel: token.tunnel,
        secret: adit_model::TunnelSecret::new(vec![7; 32]).unwrap(),
    }
    .encode();
    let mut node = scene.node(
        host,
        "wrong",
        &crate::scene::Site {
            id: site.id,
            token: wrong,
        },
        &[],
    );
    node.line("the edge refuses this node").await;
    assert_eq!(node.ended().await.code(), Some(1));
    assert!(!host.ip("rule show").contains("44311"));

    let said = scene
        .ask(host, "new", &["up", "--edge", "198.18.0.1:7844"])
        .unwrap_err();
    assert!(said.contains("which site?"), "{said}");
}
