//! Point 30 of the checklist: quick tunnels through `adit up`, each a process of its own.

mod support;

use std::time::Duration;

use adit_model::{TunnelKey, TunnelSecret};
use adit_net::tls::TrustAnchors;
use adit_testing::{
    cloudflared::{ABSENT, Cloudflared, Options, Protocol, binary},
    origin::Origin,
    scripted::ScriptedConnector,
    skip,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use support::Server;

#[tokio::test]
async fn a_quick_tunnel_serves_until_its_connector_is_gone_for_a_while() {
    let Some(binary) = binary() else {
        return skip(
            "a_quick_tunnel_serves_until_its_connector_is_gone_for_a_while",
            ABSENT,
        );
    };
    let idle = "--quick-tunnels-idle-timeout=2s";
    let server = Server::start_with(&["--no-demo", idle]).await;
    let service = format!("http://{}", server.listener("api"));
    let origin = Origin::start().await;
    for protocol in Protocol::ALL {
        let options = Options::new(&binary, server.listener("edge"), &server.ca(), "");
        let options = options.over(protocol).serving(&origin.url());
        let (mut connector, host) = Cloudflared::start_quick(&options, &service).await;
        assert_eq!(server.status(&host).await, 200, "{protocol} {host}");

        connector.process.terminate().await;
        server.answers(&host, 530, Duration::from_secs(10)).await;
        let gone = server.answers(&host, 404, Duration::from_secs(20)).await;
        assert!(
            gone >= Duration::from_millis(500),
            "it waits for a connector: {gone:?}"
        );
    }
}

#[tokio::test]
async fn a_quick_tunnel_that_nobody_connects_is_forgotten() {
    let unused = "--quick-tunnels-unused-timeout=5s";
    let server = Server::start_with(&["--no-demo", unused]).await;
    let made = server.quick_tunnel().await;
    let host = made["hostname"].as_str().unwrap();
    // The edge learns of it after its maker does.
    server.answers(host, 530, Duration::from_secs(4)).await;
    server.answers(host, 404, Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credentials_of_a_quick_tunnel_serve_its_host_name() {
    let server = Server::start().await;
    let anchors = TrustAnchors::from_pem(&std::fs::read(server.ca()).unwrap()).unwrap();
    for protocol in Protocol::ALL {
        let made = server.quick_tunnel().await;
        let text = |key: &str| made[key].as_str().unwrap();
        let key = TunnelKey {
            account: text("account_tag").parse().unwrap(),
            tunnel: text("id").parse().unwrap(),
        };
        let secret = TunnelSecret::new(STANDARD.decode(text("secret")).unwrap()).unwrap();
        let host = text("hostname");
        server.answers(host, 530, Duration::from_secs(4)).await;
        let edge = server.listener("edge");
        let mut connector = ScriptedConnector::registered(edge, &anchors, protocol, &key, &secret).await;
        let (answer, ()) = tokio::join!(server.get(host, "/"), async {
            connector.next().await.say(200, "quick").await;
        });
        assert_eq!(answer.text(), "quick", "{protocol}");
    }
}
