//! Who is let in, and how a node comes back.

use adit_core::port::{CloseReason, PresenceEvent};
use adit_mesh::control::client::ClientPhase;
use adit_model::{PeerKey, TransportProtocol, TunnelKind};
use adit_testing::wait_for;
use adit_wire::mesh::RefusalCode;

use crate::{
    store::{MemoryStore, SECRET},
    world::{Host, World},
};

#[tokio::test]
async fn a_host_with_the_token_is_linked_configured_and_reported() {
    let world = World::start().await;
    let site = world.store.site();
    let node = world.node(site);
    let config = node.until_linked().await;

    let linked = world.store.linked(site, node.replica).unwrap();
    assert_eq!((config.v4, config.v6), (linked.addresses.v4, linked.addresses.v6));
    assert_eq!((config.ha, config.mtu, config.key), (false, 1420, linked.key));
    assert_eq!(config.hub.key, PeerKey::from_bytes([99; 32]));
    assert!(node.state.borrow().enrolled);
    assert_eq!(
        world.hub.keys(node.replica),
        [linked.key],
        "the hub knew it first"
    );
    let events = world.store.events.lock();
    let [PresenceEvent::Opened(opened)] = events.as_slice() else {
        panic!("one connection was opened: {events:?}");
    };
    assert_eq!((opened.tunnel, opened.connector.id), (site, node.replica));
    assert_eq!(opened.protocol, TransportProtocol::Mesh);
}

#[tokio::test]
async fn a_node_comes_back_by_its_identity_without_the_token() {
    let world = World::start().await;
    let host = Host::new(world.store.site());
    let node = world.node_like(&host, Some(SECRET), false);
    let before = node.until_linked().await;
    node.client.stop("restart").await;
    wait_for("its connection to be closed", async || {
        world.store.open().is_empty()
    })
    .await;
    assert_eq!(world.store.close_reasons(), [CloseReason::Unregistered]);

    let node = world.node_like(&host, None, true);
    let after = node.until_linked().await;
    assert_eq!((after.v4, after.v6), (before.v4, before.v6));
}

#[tokio::test]
async fn a_new_key_is_told_when_a_node_comes_back_and_the_old_one_is_good_for_a_while() {
    let world = World::start().await;
    let mut host = Host::new(world.store.site());
    let node = world.node_like(&host, Some(SECRET), false);
    node.until_linked().await;
    node.client.stop("restart").await;
    let old = std::mem::replace(&mut host.key, PeerKey::from_bytes([7; 32]));
    let node = world.node_like(&host, None, true);
    assert_eq!(node.until_linked().await.key, host.key);
    assert_eq!(world.hub.keys(host.replica), [host.key, old]);
}

#[tokio::test]
async fn hosts_without_the_right_token_are_told_why_and_stop() {
    let world = World::start().await;
    let site = world.store.site();
    let mut nowhere = site;
    nowhere.tunnel = adit_model::TunnelId::random();
    let tunnel = world.store.tunnel(TunnelKind::CfdTunnel);
    let cases = [
        (
            site,
            &b"another secret, as long as one must be"[..],
            RefusalCode::BadSecret,
        ),
        (nowhere, SECRET, RefusalCode::TunnelNotFound),
        (tunnel, SECRET, RefusalCode::NotSite),
    ];
    for (site, secret, code) in cases {
        let node = world.node_like(&Host::new(site), Some(secret), false);
        wait_for("a refusal", async || node.phase() == ClientPhase::Refused(code)).await;
        assert!(node.state.borrow().trouble.is_some());
    }
    assert_eq!(world.store.open(), []);
}

#[tokio::test]
async fn an_edge_that_starts_says_not_now_and_lets_the_node_in_later() {
    let store = std::sync::Arc::new(MemoryStore::new());
    store.there.send_replace(false);
    let world = World::over(store).await;
    let site = world.store.site();
    let node = world.node(site);
    wait_for("the refusal", async || node.state.borrow().trouble.is_some()).await;
    assert_eq!(node.phase(), ClientPhase::Dialling);
    world.store.there.send_replace(true);
    node.until_linked().await;
}

#[tokio::test]
async fn a_node_that_the_edge_no_longer_knows_enrols_anew_with_its_token() {
    let world = World::start().await;
    let host = Host::new(world.store.site());
    let node = world.node_like(&host, Some(SECRET), true);
    node.until_linked().await;
    assert!(world.store.linked(host.site, host.replica).is_some());

    let stranger = world.node_like(&Host::new(host.site), None, true);
    let refused = ClientPhase::Refused(RefusalCode::NotLinked);
    wait_for("a refusal", async || stranger.phase() == refused).await;
}

#[tokio::test]
async fn after_a_rotation_a_linked_node_stays_and_a_revoked_one_needs_the_new_token() {
    let world = World::start().await;
    let site = world.store.site();
    let node = world.node(site);
    node.until_linked().await;
    world.store.set_tunnel(
        site,
        TunnelKind::WarpConnector,
        b"the new secret, which is long enough",
        false,
    );
    let newcomer = world.node(site);
    let refused = ClientPhase::Refused(RefusalCode::BadSecret);
    wait_for("the old token to be refused", async || {
        newcomer.phase() == refused
    })
    .await;
    assert!(node.is_linked());

    world.store.unlink(site, node.replica);
    wait_for("the revoked node to stop", async || node.phase() == refused).await;
    assert!(node.config().is_none(), "nothing of it is good any more");
    assert_eq!(world.hub.keys(node.replica), []);
}

#[tokio::test]
async fn a_node_goes_to_the_next_edge_when_one_is_not_there() {
    let mut world = World::start().await;
    let site = world.store.site();
    // Nobody listens on the first, and the name of the second does not exist.
    let edges = ["127.0.0.1:1", "nobody.invalid:7844"];
    world.edges_before = edges.map(str::to_owned).to_vec();
    let node = world.node(site);
    node.until_linked().await;
    assert_eq!(node.state.borrow().edge, Some(world.addr));
    assert!(node.state.borrow().trouble.is_none());
}
