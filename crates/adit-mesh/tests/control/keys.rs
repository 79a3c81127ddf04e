//! WireGuard keys that change.

use std::sync::atomic::Ordering;

use adit_core::{mesh::session::NodeKeys, port::CloseReason};
use adit_mesh::control::client::ClientPhase;
use adit_model::PeerKey;
use adit_testing::wait_for;

use crate::{
    store::SECRET,
    world::{Host, Node, World},
};

const NEXT: PeerKey = PeerKey::from_bytes([8; 32]);

/// The node makes another key.
fn make(node: &Node) {
    node.keys.send_modify(|keys| keys.next = Some(NEXT));
}

async fn until_named(node: &Node, key: PeerKey) {
    wait_for("the edge to name a key", async || {
        node.is_linked() && node.config().is_some_and(|config| config.key == key)
    })
    .await;
}

#[tokio::test]
async fn a_key_changes_within_a_session_and_the_old_one_is_good_for_a_while() {
    let world = World::start().await;
    let node = world.node(world.store.site());
    let old = node.until_linked().await.key;
    make(&node);
    until_named(&node, NEXT).await;
    assert_eq!(world.hub.keys(node.replica), [NEXT, old]);
    assert!(node.is_linked());
    assert_eq!(world.store.close_reasons(), []);
}

#[tokio::test]
async fn a_node_that_was_killed_before_it_was_told_of_its_next_key_comes_back_with_it() {
    let world = World::start().await;
    let host = Host::new(world.store.site());
    let node = world.node_like(&host, Some(SECRET), false);
    node.until_linked().await;
    drop(node);
    let changing = NodeKeys {
        settled: host.key,
        next: Some(NEXT),
    };
    for _ in 0..2 {
        // At first the edge knows the old key, then the new one already.
        let node = world.node_with_keys(&host, changing);
        until_named(&node, NEXT).await;
        assert_eq!(world.hub.keys(node.replica), [NEXT, host.key]);
    }
}

#[tokio::test]
async fn a_key_of_another_member_is_not_taken_and_the_node_goes_on_with_its_own() {
    let world = World::start().await;
    let site = world.store.site();
    let other = world.node(site);
    other.until_linked().await;
    let host = Host::new(site);
    let node = world.node_like(&host, Some(SECRET), false);
    node.until_linked().await;

    let taken = NodeKeys {
        settled: host.key,
        next: Some(other.host.key),
    };
    node.keys.send_replace(taken);
    wait_for("the refusal to be told", async || {
        node.state.borrow().refused_key == taken.next
    })
    .await;
    until_named(&node, host.key).await;
    drop(node);

    let node = world.node_with_keys(&host, taken);
    until_named(&node, host.key).await;
    assert!(!matches!(node.phase(), ClientPhase::Refused(_)));
    assert_eq!(world.hub.keys(other.replica), [other.host.key]);
}

#[tokio::test]
async fn without_a_store_a_node_keeps_its_session_and_its_key() {
    let world = World::start().await;
    let host = Host::new(world.store.site());
    let node = world.node_like(&host, Some(SECRET), false);
    node.until_linked().await;

    world.store.keeps_nothing.store(true, Ordering::SeqCst);
    make(&node);
    wait_for("the store to be asked", async || {
        world.store.keys_not_kept.load(Ordering::SeqCst) > 0
    })
    .await;
    assert!(node.is_linked());
    assert_eq!(world.store.close_reasons(), [CloseReason::Lost; 0]);

    // It comes back with either key, whichever the edge knows.
    drop(node);
    let changing = NodeKeys {
        settled: host.key,
        next: Some(NEXT),
    };
    let node = world.node_with_keys(&host, changing);
    until_named(&node, host.key).await;
    drop(node);
    world.store.keeps_nothing.store(false, Ordering::SeqCst);
    until_named(&world.node_with_keys(&host, NEXT.into()), NEXT).await;
    world.store.keeps_nothing.store(true, Ordering::SeqCst);
    until_named(&world.node_with_keys(&host, changing), NEXT).await;
}
