//! Networks behind stock connectors, from a site and from a device.

use std::net::IpAddr;

use adit_testing::{
    cloudflared::{self, Protocol},
    process::Process,
    skip,
};
use serde_json::json;

use crate::{
    devices::{Client, add, left_out},
    scene::{Scene, soon, tcp, udp},
};

/// The far host, and its connector's machine, in both families.
const FAR: [&str; 2] = ["10.20.0.10", "fd00:10:20::10"];
const CONNECTOR: [&str; 2] = ["10.20.0.1", "fd00:10:20::1"];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Scene {
    /// A stock connector on what is node B otherwise, for the networks of site B.
    async fn office(&self, protocol: Protocol) -> Process {
        let tunnel = self.api("POST", "/cfd_tunnel", &json!({"name": "office"}));
        let id = tunnel["id"].as_str().unwrap();
        let token = self.api("GET", &format!("/cfd_tunnel/{id}/token"), &json!({}));
        for network in ["10.20.0.0/24", "fd00:10:20::/64"] {
            self.route(id, network);
        }
        let host = &self.sites.node_b;
        // Without it a connector may not ping.
        host.run(&["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"]);
        let mut command = host.command(cloudflared::binary().unwrap());
        command.args(["tunnel", "--no-autoupdate", "--no-prechecks"]);
        for _ in 0..4 {
            command.args(["--edge", "198.18.0.1:7844"]);
        }
        command
            .arg("--cacert")
            .arg(self.data().join("ca.pem"))
            .args(["--metrics", "127.0.0.1:0", "--grace-period", "1s"])
            .args(["--protocol", &protocol.to_string(), "run"])
            // It would take the loopback's otherwise, having no other route.
            .args(["--icmpv6-src", CONNECTOR[1]])
            .env("TUNNEL_TOKEN", token.as_str().unwrap())
            .env("HOME", self.data());
        let connector = Process::spawn("cloudflared", command);
        soon("the connector's connections", async || {
            let connections = self.api("GET", &format!("/cfd_tunnel/{id}/connections"), &json!({}));
            connections[0]["conns"]
                .as_array()
                .is_some_and(|all| all.len() == 4)
        })
        .await;
        connector
    }

    /// Site A with its node.
    async fn site_a(&self) -> Process {
        let site = self.site("berlin", &["10.10.0.0/24", "fd00:10:10::/64"]);
        let node = self.node(&self.sites.node_a, "node-a", &site, &[]);
        soon("site A's session", async || {
            self.status(&self.sites.node_a, "node-a")
                .is_some_and(|status| status["role"] == "active")
        })
        .await;
        node
    }
}

/// Why a test is left out, if it is.
fn skipped(test: &str, programs: &[&'static str]) -> bool {
    if cloudflared::binary().is_none() {
        skip(test, cloudflared::ABSENT);
        return true;
    }
    left_out(test, programs)
}

#[tokio::test]
async fn a_site_and_a_device_reach_tcp_udp_and_ping_behind_a_stock_connector() {
    if skipped(
        "a_site_and_a_device_reach_tcp_udp_and_ping_behind_a_stock_connector",
        &["wireguard-go", "wg"],
    ) {
        return;
    }
    let scene = Scene::start().await;
    let _connector = scene.office(Protocol::Quic).await;
    let _node = scene.site_a().await;
    let file = add(&scene, "laptop");
    let device = &scene.sites.device;
    let _client = Client::up("wireguard-go", device, &file).await;
    for from in [&scene.sites.host_a, device] {
        for (far, seen) in FAR.into_iter().zip(CONNECTOR) {
            soon(&format!("pings from {from} to {far}"), async || from.reaches(far)).await;
            assert_eq!(tcp(from, &scene.sites.host_b, far), ip(seen));
            assert_eq!(udp(from, &scene.sites.host_b, far, 1000), ip(seen));
            let refused = from.inside(|| std::net::TcpStream::connect((far, 9)).map(drop));
            assert!(
                refused
                    .as_ref()
                    .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
                "{refused:?}"
            );
        }
        // They end at the hub, or at the connector behind it.
        let ping = from.try_run(&["ping", "-n", "-c", "1", "-W", "2", "-t", "2", FAR[0]]);
        assert!(
            ping.as_ref()
                .is_err_and(|text| text.contains("Time to live exceeded")),
            "{from}: {ping:?}"
        );
    }
}

#[tokio::test]
async fn over_http2_a_site_reaches_tcp_and_is_told_that_pings_go_nowhere() {
    if skipped(
        "over_http2_a_site_reaches_tcp_and_is_told_that_pings_go_nowhere",
        &[],
    ) {
        return;
    }
    let scene = Scene::start().await;
    let _connector = scene.office(Protocol::Http2).await;
    let _node = scene.site_a().await;
    let (from, to) = (&scene.sites.host_a, &scene.sites.host_b);
    soon("TCP", async || {
        let opened = from.inside(|| {
            let at = std::net::SocketAddr::new(ip(FAR[0]), 9);
            std::net::TcpStream::connect_timeout(&at, std::time::Duration::from_secs(2)).map(drop)
        });
        opened.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
    .await;
    assert_eq!(tcp(from, to, FAR[0]), ip(CONNECTOR[0]));
    let told = from.try_run(&["ping", "-n", "-c", "1", "-W", "2", FAR[0]]);
    assert!(
        told.as_ref()
            .is_err_and(|text| text.contains("Destination Host Unreachable")),
        "{told:?}"
    );
}

#[tokio::test]
async fn bulk_to_a_network_behind_a_stock_connector_beside_bulk_to_a_site() {
    const TEST: &str = "bulk_to_a_network_behind_a_stock_connector_beside_bulk_to_a_site";
    if skipped(TEST, &["iperf3"]) || !adit_testing::long_only(TEST) {
        return;
    }
    for behind in ["a stock connector", "a node"] {
        let scene = Scene::start().await;
        let _node = scene.site_a().await;
        let _far = if behind == "a node" {
            let site = scene.site("lisbon", &["10.20.0.0/24"]);
            scene.node(&scene.sites.node_b, "node-b", &site, &[])
        } else {
            scene.office(Protocol::Quic).await
        };
        soon("pings", async || scene.sites.host_a.reaches(FAR[0])).await;
        let mut command = scene.sites.host_b.command("iperf3");
        command.args(["-s", "--forceflush"]);
        let server = Process::spawn("iperf3", command);
        server.line("Server listening").await;
        for direction in [&[][..], &["-R"], &["-P", "8"]] {
            let words = [&["iperf3", "-c", FAR[0], "-t", "5", "-f", "m"][..], direction].concat();
            let text = scene.sites.host_a.run(&words);
            let line = text
                .lines()
                .rfind(|line| line.contains("receiver"))
                .unwrap_or_default();
            println!("behind {behind} {direction:?}: {line}");
            assert!(!line.contains(" 0.00 Mbits"), "{text}");
        }
    }
}
