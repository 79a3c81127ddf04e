//! Private networks through `adit server` and a connector, stock or ours: with curl, by addresses and by names.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::process::Output;

use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    process::clean,
    resolver::Resolver,
    skip, wait_for,
};
use serde_json::json;
use support::{ADIT, Server, TOKEN};
use tempfile::TempDir;

/// Whose connector.
#[derive(Clone, Copy)]
enum Client {
    /// cloudflared, where it is present.
    Stock,
    /// This binary, called by that name.
    Ours,
}

struct Scene {
    server: Server,
    origin: Origin,
    tunnel: String,
    _connector: Cloudflared,
    _resolver: Resolver,
    _link: TempDir,
}

/// A virtual network whose loopback is that of the connector; `None` without the one that is asked for.
async fn scene(test: &str, client: Client, protocol: Protocol) -> Option<Scene> {
    let link = TempDir::new().unwrap();
    let binary = match client {
        Client::Ours => {
            let binary = link.path().join("cloudflared");
            std::os::unix::fs::symlink(ADIT, &binary).unwrap();
            binary
        }
        Client::Stock => match cloudflared::binary() {
            Some(binary) => binary,
            None => {
                skip(test, cloudflared::ABSENT);
                return None;
            }
        },
    };
    let server = Server::start_with(&[
        "--no-demo",
        "--private-proxy-listen",
        "127.0.0.1:0",
        "--private-allow",
        "127.0.0.0/8",
    ])
    .await;
    let tunnel = server.tunnel("home").await;
    let origin = Origin::saying("private").await;
    let resolver = Resolver::start().await;
    let options = Options::new(&binary, server.listener("edge"), &server.ca(), &tunnel.token);
    let options = options
        .over(protocol)
        .serving(&origin.url())
        .run_with(&["--dns-resolver-addrs", &resolver.addr().to_string()]);
    let connector = Cloudflared::start_ready(&options, 4).await;
    let route = json!({"network": "127.0.0.0/8", "tunnel_id": tunnel.id});
    server.api("POST", "/teamnet/routes", route).await;
    Some(Scene {
        server,
        origin,
        tunnel: tunnel.id,
        _connector: connector,
        _resolver: resolver,
        _link: link,
    })
}

impl Scene {
    async fn curl(&self, proxy: &str, url: &str) -> Output {
        let proxy = format!("{proxy}://{}", self.server.listener("private_proxy"));
        let mut curl = clean("curl");
        let user = format!("default:{TOKEN}");
        curl.args([
            "-sS",
            "-m",
            "10",
            "-p",
            "--proxy",
            &proxy,
            "--proxy-user",
            &user,
            url,
        ]);
        curl.output().await.unwrap()
    }

    async fn reaches(&self, proxy: &str, url: &str) {
        wait_for("the route", async || {
            self.curl(proxy, url).await.stdout == b"private"
        })
        .await;
    }
}

async fn curl_reaches_what_the_connector_sees(test: &str, client: Client, protocol: Protocol) {
    let Some(scene) = scene(test, client, protocol).await else {
        return;
    };
    let port = scene.origin.addr().port();
    for proxy in ["socks5h", "http"] {
        scene.reaches(proxy, &format!("http://127.0.0.1:{port}/")).await;
    }
    let host = json!({"hostname": "*.corp.internal", "tunnel_id": scene.tunnel});
    scene.server.api("POST", "/zerotrust/routes/hostname", host).await;
    for proxy in ["socks5h", "http"] {
        scene
            .reaches(proxy, &format!("http://db.corp.internal:{port}/"))
            .await;
    }
    // What no route leads to, and what may not be reached though one does.
    let nowhere = scene.curl("socks5h", "http://10.0.0.1/").await;
    assert!(!nowhere.status.success(), "{nowhere:?}");
    let metadata = json!({"network": "169.254.0.0/16", "tunnel_id": scene.tunnel});
    scene.server.api("POST", "/teamnet/routes", metadata).await;
    wait_for("the refusal", async || {
        let refused = scene.curl("http", "http://169.254.169.254/").await;
        String::from_utf8_lossy(&refused.stderr).contains("403")
    })
    .await;
}

#[tokio::test]
async fn curl_reaches_what_the_connector_sees_over_quic() {
    let test = "curl_reaches_what_the_connector_sees_over_quic";
    curl_reaches_what_the_connector_sees(test, Client::Stock, Protocol::Quic).await;
}

#[tokio::test]
async fn curl_reaches_what_the_connector_sees_over_http2() {
    let test = "curl_reaches_what_the_connector_sees_over_http2";
    curl_reaches_what_the_connector_sees(test, Client::Stock, Protocol::Http2).await;
}

#[tokio::test]
async fn curl_reaches_what_our_connector_sees_over_quic() {
    curl_reaches_what_the_connector_sees("", Client::Ours, Protocol::Quic).await;
}

#[tokio::test]
async fn curl_reaches_what_our_connector_sees_over_http2() {
    curl_reaches_what_the_connector_sees("", Client::Ours, Protocol::Http2).await;
}
