//! Two joined sites.

use std::net::IpAddr;

use adit_testing::{netns, skip};
use serde_json::json;

use crate::scene::{Scene, soon, tcp, udp};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn two_sites_exchange_ping_tcp_and_udp_both_ways_with_their_own_addresses() {
    if let Some(reason) = netns::absent() {
        return skip(
            "two_sites_exchange_ping_tcp_and_udp_both_ways_with_their_own_addresses",
            reason,
        );
    }
    let scene = Scene::start().await;
    let mut joined = scene.join().await;
    let (a, b) = (&scene.sites.host_a, &scene.sites.host_b);
    for (from, to, source, destination) in [
        (a, b, "10.10.0.10", "10.20.0.10"),
        (b, a, "10.20.0.10", "10.10.0.10"),
        (a, b, "fd00:10:10::10", "fd00:10:20::10"),
        (b, a, "fd00:10:20::10", "fd00:10:10::10"),
    ] {
        soon(&format!("pings to {destination}"), async || {
            from.reaches(destination)
        })
        .await;
        assert_eq!(tcp(from, to, destination), ip(source));
        assert_eq!(udp(from, to, destination, 1000), ip(source));
    }

    // The API shows one active replica with one connection.
    let connections = scene.api(
        "GET",
        &format!("/warp_connector/{}/connections", joined.a.id),
        &json!({}),
    );
    assert_eq!(connections[0]["ha_status"], "active", "{connections}");
    assert_eq!(
        connections[0]["conns"][0]["origin_ip"], "198.18.0.11",
        "{connections}"
    );

    // A node that stops leaves its host as it was.
    assert!(scene.sites.node_a.ip("rule show").contains("44311"));
    assert!(joined.node_a.terminate().await.success());
    let rules = scene.sites.node_a.ip("rule show");
    assert!(!rules.contains("44311"), "{rules}");
    let status = format!("/warp_connector/{}", joined.a.id);
    soon("the site to be down", async || {
        scene.api("GET", &status, &json!({}))["status"] == "down"
    })
    .await;
}
