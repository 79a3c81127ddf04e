//! Networks that let no UDP through.

use std::time::{Duration, Instant};

use adit_testing::{netns, skip, wait_within};

use crate::scene::{Scene, soon, tcp, udp};

/// How long a node may take to find another way.
const SOON_ENOUGH: Duration = Duration::from_secs(5);

#[tokio::test]
async fn packets_go_by_tls_or_quic_while_udp_is_blocked_and_by_udp_again_when_it_is_not() {
    const NAME: &str = "packets_go_by_tls_or_quic_while_udp_is_blocked_and_by_udp_again_when_it_is_not";
    if let Some(reason) = netns::absent()
        .map(str::to_owned)
        .or_else(|| netns::absent_program("nft"))
    {
        return skip(NAME, reason);
    }
    let listens = [
        "--mesh-listen",
        "198.18.0.1:51820",
        "--https-listen",
        "198.18.0.1:8443",
    ];
    let scene = Scene::start_with(&listens).await;
    let a = scene.site("berlin", &["10.10.0.0/24", "fd00:10:10::/64"]);
    let b = scene.site("lisbon", &["10.20.0.0/24", "fd00:10:20::/64"]);
    let _node_a = scene.node(&scene.sites.node_a, "node-a", &a, &["--udp-probe", "4s"]);
    let _node_b = scene.node(&scene.sites.node_b, "node-b", &b, &[]);
    let reaches = || scene.sites.host_a.reaches("10.20.0.10");
    soon("pings from site A to site B", async || reaches()).await;
    assert_eq!(way(&scene), ("udp".to_owned(), false));

    // Nothing but TCP.
    block(&scene, "meta l4proto udp");
    let blocked = Instant::now();
    wait_within(Duration::from_secs(20), "TLS", async || {
        way(&scene).0 == "tls" && reaches()
    })
    .await;
    let took = blocked.elapsed();
    assert!(took < SOON_ENOUGH, "on TLS after {took:?}");
    assert_eq!(way(&scene), ("tls".to_owned(), true));
    passes(&scene);

    // UDP to the HTTPS port, too.
    unblock(&scene);
    block(&scene, "udp sport 51820");
    block_more(&scene, "udp dport 51820");
    soon("QUIC", async || way(&scene) == ("quic".to_owned(), true)).await;
    passes(&scene);

    // From one way to another without UDP in between.
    block_more(&scene, "meta l4proto udp");
    soon("TLS again", async || way(&scene).0 == "tls" && reaches()).await;
    passes(&scene);

    unblock(&scene);
    soon("UDP", async || way(&scene) == ("udp".to_owned(), false)).await;
    passes(&scene);
    let shown = scene.ask(&scene.sites.node_a, "node-a", &["status"]).unwrap();
    assert!(shown.contains("198.18.0.1:51820 (udp)"), "{shown}");
}

/// The way of site A's packets, and whether it is a degraded one.
fn way(scene: &Scene) -> (String, bool) {
    let status = scene.status(&scene.sites.node_a, "node-a").unwrap();
    let hub = &status["hub"];
    let way = hub["way"].as_str().unwrap_or("none").to_owned();
    (way, hub["degraded"].as_bool().unwrap_or(false))
}

/// Traffic of all kinds, both ways.
fn passes(scene: &Scene) {
    let (a, b) = (&scene.sites.host_a, &scene.sites.host_b);
    tcp(a, b, "10.20.0.10");
    tcp(b, a, "fd00:10:10::10");
    udp(a, b, "10.20.0.10", 1_200);
    udp(b, a, "10.10.0.10", 1_200);
}

/// Drops silently what arrives from the provider's network, at site A's node.
fn block(scene: &Scene, what: &str) {
    let node = &scene.sites.node_a;
    node.run(&["nft", "add table inet blocked"]);
    node.run(&[
        "nft",
        "add chain inet blocked in { type filter hook prerouting priority -300; }",
    ]);
    node.run(&[
        "nft",
        "add chain inet blocked out { type route hook output priority -300; }",
    ]);
    block_more(scene, what);
}

fn block_more(scene: &Scene, what: &str) {
    let node = &scene.sites.node_a;
    node.run(&[
        "nft",
        &format!("add rule inet blocked in iifname wan {what} drop"),
    ]);
    node.run(&[
        "nft",
        &format!("add rule inet blocked out oifname wan {what} drop"),
    ]);
}

fn unblock(scene: &Scene) {
    scene.sites.node_a.run(&["nft", "delete table inet blocked"]);
}
