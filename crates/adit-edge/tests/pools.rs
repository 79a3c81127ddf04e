//! A host name that leads to several tunnels, each with a connector that does what the test says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use adit_core::port::{Change, HostTarget};
use adit_net::tls::TrustAnchors;
use adit_testing::{
    client::{self, get},
    cloudflared::Protocol,
    scripted::{ScriptedConnector, registration},
    wait_for,
};
use support::{TestEdge, TestTunnel};
use tokio::task::JoinSet;

const HOST: &str = "any.adit.localhost";

/// Two tunnels that the name leads to, and a connector of each.
struct Scene {
    edge: TestEdge,
    connectors: [ScriptedConnector; 2],
}

async fn connector(edge: &TestEdge, tunnel: &TestTunnel, protocol: Protocol) -> ScriptedConnector {
    let anchors = TrustAnchors::from_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
    let connector = ScriptedConnector::dial(edge.edge.addresses().connectors, &anchors, protocol).await;
    let request = registration(&tunnel.key, &tunnel.secret);
    connector.register(request).await.unwrap().unwrap();
    connector
}

async fn scene() -> Scene {
    let edge = TestEdge::start().await;
    let (one, two) = (edge.tunnel("one").await, edge.tunnel("two").await);
    let both = HostTarget::of(vec![one.key, two.key]);
    edge.change(Change::Host(HOST.parse().unwrap(), both));
    wait_for("the route", async || {
        get(edge.http(), HOST, "/").await.unwrap().status == 530
    })
    .await;
    let connectors = [
        connector(&edge, &one, Protocol::Quic).await,
        connector(&edge, &two, Protocol::Http2).await,
    ];
    Scene { edge, connectors }
}

impl Scene {
    fn ask(&self) -> JoinSet<client::Answer> {
        let (listener, mut asking) = (self.edge.http(), JoinSet::new());
        asking.spawn(async move { get(listener, HOST, "/").await.unwrap() });
        asking
    }
}

async fn text(mut asking: JoinSet<client::Answer>) -> String {
    asking.join_next().await.unwrap().unwrap().text().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tunnel_with_less_to_do_gets_the_next_request() {
    for _ in 0..8 {
        // A new one each time: the edge gives a place back a moment after its client has the answer.
        let mut scene = scene().await;
        let first = scene.ask();
        let [one, two] = &mut scene.connectors;
        let (asked, other) = tokio::select! {
            asked = one.next() => (asked, two),
            asked = two.next() => (asked, one),
        };
        let (answer, ()) = tokio::join!(get(scene.edge.http(), HOST, "/"), async {
            other.next().await.say(200, "second").await;
        });
        assert_eq!(answer.unwrap().text(), "second");
        asked.say(200, "first").await;
        assert_eq!(text(first).await, "first");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_whose_connectors_are_gone_leaves_everything_to_the_others() {
    let mut scene = scene().await;
    scene.connectors[0].unregister().await.unwrap();
    for _ in 0..8 {
        let asking = scene.ask();
        scene.connectors[1].next().await.say(200, "two").await;
        assert_eq!(text(asking).await, "two");
    }
    scene.connectors[1].unregister().await.unwrap();
    assert_eq!(get(scene.edge.http(), HOST, "/").await.unwrap().status, 530);
}
