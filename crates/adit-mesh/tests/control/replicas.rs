//! Several replicas of a site, and how sessions end.

use adit_core::{
    mesh::MeshAddresses,
    port::{AskError, Change, ChangeNumber, CloseReason, Eviction, MeshChange, MeshDevice},
};
use adit_mesh::control::client::ClientPhase;
use adit_model::{ConnectorId, DeviceId, PeerKey, Timestamp, TunnelKind};
use adit_testing::wait_for;
use adit_wire::mesh::{Beat, Closing, ClosingReason, RefusalCode, Role, ToNode};

use crate::{
    peer::Peer,
    store::{SECRET, default_network},
    world::{Host, WITHIN, World},
};

#[tokio::test]
async fn the_second_replica_is_passive_and_takes_over_when_the_first_stops() {
    let world = World::start().await;
    let site = world.store.site();
    let first = world.node(site);
    first.until_role(Role::Active).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;

    let stopping = first.replica;
    first.client.stop("upgrade").await;
    second.until_role(Role::Active).await;
    wait_for("the first to be gone", async || {
        world.store.open() == [second.replica]
    })
    .await;
    assert_eq!(world.store.close_reasons(), [CloseReason::Unregistered]);
    let live = world.control.live(site, ChangeNumber(0), WITHIN).await.unwrap();
    let live: Vec<(ConnectorId, bool)> = live.iter().map(|live| (live.connector, live.active)).collect();
    assert_eq!(live, [(second.replica, true)]);
    assert_ne!(stopping, second.replica);
}

#[tokio::test]
async fn the_second_replica_takes_over_when_the_first_ones_process_dies() {
    let world = World::start().await;
    let site = world.store.site();
    let host = Host::new(site);
    let first = Peer::active(&world, &host).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;
    first.end().await;
    second.until_role(Role::Active).await;
    assert_eq!(world.store.close_reasons(), [CloseReason::Lost]);
}

#[tokio::test]
async fn the_second_replica_takes_over_when_the_first_falls_silent() {
    let world = World::start().await;
    let site = world.store.site();
    // Its link is open, and it does not beat.
    let mut silent = Peer::active(&world, &Host::new(site)).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;
    second.until_role(Role::Active).await;
    assert_eq!(silent.hear_out().await, []);
    assert_eq!(world.store.close_reasons(), [CloseReason::Lost]);
}

#[tokio::test]
async fn the_newer_session_of_a_replica_wins_and_stays_active() {
    let world = World::start().await;
    let site = world.store.site();
    let host = Host::new(site);
    let mut older = Peer::active(&world, &host).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;
    let newer = world.node_like(&host, None, true);
    newer.until_role(Role::Active).await;
    let heard = older.hear_out().await;
    let Some(ToNode::Closing(Closing { reason, back_in_ms })) = heard.last() else {
        panic!("a goodbye: {heard:?}");
    };
    assert_eq!(*reason, ClosingReason::Replaced);
    assert!(
        *back_in_ms >= 10_000,
        "two processes with one identity do not chase each other"
    );
    assert_eq!(world.store.close_reasons(), [CloseReason::Replaced]);
    assert_eq!(second.role(), Some(Role::Passive));
}

#[tokio::test]
async fn whoever_claims_anothers_identity_is_refused_and_does_it_no_harm() {
    let world = World::start().await;
    let site = world.store.site();
    let (victim, thief) = (Host::new(site), Host::new(site));
    let node = world.node_like(&victim, Some(SECRET), false);
    node.until_linked().await;

    let mut peer = Peer::dial(&world).await;
    peer.say(&peer.hello(&thief, victim.replica, victim.key).into())
        .await;
    assert_eq!(refusal(peer.hear().await), RefusalCode::BadSignature);

    // Even one with the token, under the replica's id, or with its public identity key.
    let mut peer = Peer::dial(&world).await;
    let mut enrol = peer.enrol(&thief, SECRET);
    enrol.connector = victim.replica;
    peer.say(&enrol.into()).await;
    assert_eq!(refusal(peer.hear().await), RefusalCode::TakenId);
    let mut peer = Peer::dial(&world).await;
    let mut enrol = peer.enrol(&victim, SECRET);
    enrol.signature = peer.enrol(&thief, SECRET).signature;
    peer.say(&enrol.into()).await;
    assert_eq!(refusal(peer.hear().await), RefusalCode::BadSignature);

    // What proved it on one connection proves nothing on another.
    let overheard = Peer::dial(&world).await;
    let copied = overheard.enrol(&victim, SECRET);
    let mut peer = Peer::dial(&world).await;
    peer.say(&copied.into()).await;
    assert_eq!(refusal(peer.hear().await), RefusalCode::BadSecret);

    assert!(node.is_linked());
    assert_eq!(world.store.close_reasons(), []);
    assert_eq!(world.hub.keys(victim.replica), [victim.key]);
}

fn refusal(heard: Option<ToNode>) -> RefusalCode {
    let Some(ToNode::Refused(refused)) = heard else {
        panic!("a refusal: {heard:?}");
    };
    refused.code
}

#[tokio::test]
async fn an_evicted_replica_comes_back_and_a_deleted_site_has_none() {
    let world = World::start().await;
    let site = world.store.site();
    let node = world.node(site);
    node.until_linked().await;
    let eviction = Eviction {
        tunnel: site,
        connector: None,
        after: ChangeNumber(0),
    };
    assert_eq!(world.control.evict(eviction, WITHIN).await, Ok(1));
    assert_eq!(world.store.close_reasons(), [CloseReason::Evicted]);
    wait_for("it to be back", async || world.store.open() == [node.replica]).await;
    node.until_linked().await;

    let deleted = world
        .store
        .set_tunnel(site, TunnelKind::WarpConnector, SECRET, true);
    let eviction = Eviction {
        after: deleted,
        ..eviction
    };
    assert_eq!(
        world.control.evict(eviction, WITHIN).await,
        Ok(0),
        "its deletion ended them"
    );
    assert_eq!(world.control.live(site, deleted, WITHIN).await, Ok(Vec::new()));
    let refused = ClientPhase::Refused(RefusalCode::TunnelNotFound);
    wait_for("the node to give up", async || node.phase() == refused).await;
}

#[tokio::test]
async fn who_waits_for_a_change_finds_the_hub_forwarding_by_it() {
    let world = World::start().await;
    let (account, id) = (world.store.site().account, DeviceId::random());
    let device = MeshDevice {
        name: "phone".parse().unwrap(),
        key: PeerKey::from_bytes([5; 32]),
        addresses: MeshAddresses {
            v4: "100.96.0.2".parse().unwrap(),
            v6: "fd00::2".parse().unwrap(),
        },
        virtual_network: default_network(),
        created_at: Timestamp::from(std::time::SystemTime::UNIX_EPOCH),
    };
    for round in 0..20 {
        for now in [Some(device.clone()), None] {
            let is_there = now.is_some();
            let change = world
                .store
                .change(Change::Mesh(MeshChange::Device(account, id, now)));
            world.control.applied(change, WITHIN).await.unwrap();
            let table = world.hub.newest();
            let found = table.members().iter().any(|member| member.keys == [device.key]);
            assert_eq!(found, is_there, "round {round}");
        }
    }
}

#[tokio::test]
async fn what_is_not_applied_in_time_is_said() {
    let world = World::start().await;
    let never = ChangeNumber(1_000);
    let short = std::time::Duration::from_millis(20);
    assert_eq!(world.control.applied(never, short).await, Err(AskError::Silent));
}

#[tokio::test]
async fn an_edge_that_stops_says_when_to_come_back_and_nodes_keep_what_they_were_told() {
    let mut world = World::start().await;
    let host = Host::new(world.store.site());
    let mut peer = Peer::admitted(&world, &host, SECRET).await;
    let beat = Beat {
        seq: 1,
        ..Beat::default()
    };
    peer.say(&beat.into()).await;
    let node = world.node(host.site);
    node.until_linked().await;
    world.stop_server().await;

    let heard = peer.hear_out().await;
    let goodbye = ToNode::from(Closing {
        reason: ClosingReason::Stopping,
        back_in_ms: 500,
    });
    assert_eq!(heard.last(), Some(&goodbye));
    wait_for("the node to look again", async || {
        node.phase() == ClientPhase::Dialling
    })
    .await;
    assert!(node.config().is_some());
    assert_eq!(world.store.close_reasons(), [CloseReason::EdgeStopped; 2]);
    let stopped = world.control.live(host.site, ChangeNumber(0), WITHIN).await;
    assert_eq!(stopped, Err(AskError::Stopped));
}
