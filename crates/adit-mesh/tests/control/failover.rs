//! Which of several replicas is active, and what moves that.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use adit_core::{
    ha::{Epoch, HaCause, HaSetting, HaSettings, PassiveOnramp, Profile},
    mesh::forwarding::Verdict,
    port::{ChangeNumber, FailoverError, FailoverRequest},
};
use adit_model::{ConnectorId, TunnelKey};
use adit_testing::wait_for;
use adit_wire::mesh::{Beat, ConfigAck, LanHealth, Role, RoleAck};
use tokio::task::JoinSet;

use crate::{
    peer::Peer,
    store::SECRET,
    world::{Host, Node, WITHIN, World},
};

/// Longer than a silent replica is waited for.
const PATIENT: Duration = Duration::from_secs(10);

fn request(world: &World, site: TunnelKey, target: ConnectorId) -> FailoverRequest {
    FailoverRequest {
        tunnel: site,
        target,
        seen: world.store.state_of(site).unwrap().epoch,
        force: false,
        after: ChangeNumber(0),
    }
}

async fn fail_over(world: &World, site: TunnelKey, target: ConnectorId) -> Result<Epoch, FailoverError> {
    world
        .control
        .fail_over(request(world, site, target), PATIENT)
        .await
}

/// Who is active, as the API is told.
async fn active(world: &World, site: TunnelKey) -> Vec<ConnectorId> {
    let live = world.control.live(site, ChangeNumber(0), WITHIN).await.unwrap();
    live.iter()
        .filter(|live| live.active)
        .map(|live| live.connector)
        .collect()
}

/// Replicas that became active or passive in this order.
async fn nodes<const N: usize>(world: &World, site: TunnelKey) -> [Node; N] {
    let mut nodes = Vec::new();
    for number in 0..N {
        let node = world.node(site);
        node.until_role(if number == 0 { Role::Active } else { Role::Passive })
            .await;
        nodes.push(node);
    }
    // A target has to have taken its configuration over.
    wait_for("all to be configured", async || {
        nodes.iter().all(|node| node.config().is_some())
    })
    .await;
    nodes.try_into().ok().unwrap()
}

/// Whether the hub takes packets of the site's prefix 10.20.0.0/24 from this replica.
fn is_accepted(world: &World, node: &Node) -> bool {
    let table = world.hub.newest();
    let Some(key) = world.hub.keys(node.replica).first().copied() else {
        return false;
    };
    let from = table.member_of(&key).unwrap();
    let verdict = table.verdict(from, "10.20.0.7".parse().unwrap(), "100.96.0.1".parse().unwrap());
    !matches!(
        verdict,
        Verdict::Denied(adit_core::mesh::forwarding::Denial::ForeignSource)
    )
}

#[tokio::test]
async fn a_failover_ends_when_the_target_has_its_role_and_the_hub_forwards_to_it() {
    let world = World::start().await;
    let site = world.store.ha_site();
    world.store.route(site, "10.20.0.0/24");
    let [first, second, third] = nodes(&world, site).await;
    let mut epochs = Vec::new();
    for round in 0..4 {
        let target = [&second, &third, &first][round % 3];
        let epoch = retried(&world, site, target.replica).await.unwrap();
        assert_eq!(active(&world, site).await, [target.replica]);
        assert!(is_accepted(&world, target));
        assert_eq!(target.role(), Some(Role::Active), "it acknowledged");
        epochs.push(epoch.0);
    }
    assert_eq!(epochs, [2, 3, 4, 5]);
    assert_eq!(
        fail_over(&world, site, second.replica).await,
        Ok(Epoch(5)),
        "it is so already"
    );
    assert!(
        is_accepted(&world, &first) && is_accepted(&world, &third),
        "what is in flight is taken"
    );
    first.until_role(Role::Passive).await;
    assert_eq!(world.store.causes()[1..], [HaCause::Manual; 4]);
}

/// A replica that joined a moment ago may not have said yet that it took its configuration over.
async fn retried(world: &World, site: TunnelKey, target: ConnectorId) -> Result<Epoch, FailoverError> {
    let mut result = fail_over(world, site, target).await;
    while result == Err(FailoverError::Outdated) {
        tokio::task::yield_now().await;
        result = fail_over(world, site, target).await;
    }
    result
}

#[tokio::test]
async fn a_target_that_cannot_take_over_is_refused_with_its_reason() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let [first] = nodes(&world, site).await;
    assert_eq!(
        fail_over(&world, site, ConnectorId::random()).await,
        Err(FailoverError::Offline)
    );
    let mut peer = Peer::admitted(&world, &Host::new(site), SECRET).await;
    let target = peer.replica;
    assert_eq!(
        fail_over(&world, site, target).await,
        Err(FailoverError::Outdated)
    );
    let ack = ConfigAck {
        version: 1,
        applied: true,
        errors: Vec::new(),
    };
    peer.say(&ack.into()).await;
    let lan = LanHealth {
        well: false,
        problems: vec!["no carrier".to_owned()],
    };
    let beat = Beat {
        seq: 1,
        lan,
        ..Beat::default()
    };
    peer.say(&beat.into()).await;
    wait_for("it to be unwell", async || {
        fail_over(&world, site, target).await == Err(FailoverError::Unwell)
    })
    .await;
    let stale = FailoverRequest {
        seen: Epoch(0),
        force: true,
        ..request(&world, site, target)
    };
    assert_eq!(
        world.control.fail_over(stale, PATIENT).await,
        Err(FailoverError::Busy)
    );
    world.store.keeps_nothing.store(true, Ordering::Relaxed);
    let forced = FailoverRequest {
        force: true,
        ..request(&world, site, target)
    };
    assert_eq!(
        world.control.fail_over(forced, PATIENT).await,
        Err(FailoverError::NotStored)
    );
    assert_eq!(active(&world, site).await, [first.replica]);
}

#[tokio::test]
async fn a_target_that_does_not_acknowledge_is_given_up_and_the_old_one_goes_on() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let [first] = nodes(&world, site).await;
    // It beats, and never says that it is active.
    let mut mute = Peer::admitted(&world, &Host::new(site), SECRET).await;
    let target = mute.replica;
    let ack = ConfigAck {
        version: 1,
        applied: true,
        errors: Vec::new(),
    };
    mute.say(&ack.into()).await;
    let mut beating = JoinSet::new();
    beating.spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for seq in 1.. {
            tick.tick().await;
            let beat = Beat {
                seq,
                ..Beat::default()
            };
            mute.say(&beat.into()).await;
        }
    });
    wait_for("it to be configured", async || {
        let refused = fail_over(&world, site, target);
        let asked = tokio::time::timeout(Duration::from_millis(100), refused).await;
        asked != Ok(Err(FailoverError::Outdated))
    })
    .await;
    assert_eq!(
        active(&world, site).await,
        [first.replica],
        "until the target says so"
    );
    assert_eq!(fail_over(&world, site, target).await, Err(FailoverError::Busy));
    wait_for("the old one to be chosen again", async || {
        world.store.causes().last() == Some(&HaCause::NotAcknowledged)
    })
    .await;
    assert_eq!(world.store.state_of(site).unwrap().active, Some(first.replica));
    wait_for("its new lease", async || {
        first.lease.borrow().is_some_and(|lease| lease.epoch == 3)
    })
    .await;
    assert_eq!(active(&world, site).await, [first.replica]);
    assert_eq!(first.role(), Some(Role::Active));
}

#[tokio::test]
async fn a_replica_that_drains_hands_over_at_once_and_stays_passive_until_it_resumes() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let [first, second] = nodes(&world, site).await;
    first.client.drain("maintenance");
    second.until_role(Role::Active).await;
    first.until_role(Role::Passive).await;
    assert!(first.is_linked());
    assert_eq!(world.store.causes(), [HaCause::First, HaCause::Drain]);
    assert_eq!(
        fail_over(&world, site, first.replica).await,
        Err(FailoverError::Draining)
    );
    first.client.resume();
    wait_for("it to be a target again", async || {
        fail_over(&world, site, first.replica).await.is_ok()
    })
    .await;
    assert_eq!(active(&world, site).await, [first.replica]);
}

#[tokio::test]
async fn a_silent_active_is_followed_after_its_last_lease_and_not_before() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let host = Host::new(site);
    let mut silent = Peer::active(&world, &host).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;
    let beat = Beat {
        seq: 1,
        epoch: 1,
        role: Role::Active,
        ..Beat::default()
    };
    silent.say(&beat.into()).await;
    let lease = silent.hear_lease().await;
    let given = Instant::now();
    assert_eq!((lease.epoch, lease.role, lease.ttl_ms), (1, Role::Active, 1_500));
    second.until_role(Role::Active).await;
    let waited = given.elapsed();
    assert!(waited >= Duration::from_millis(1_400), "{waited:?}");
    assert_eq!(world.store.causes(), [HaCause::First, HaCause::Silent]);
}

#[tokio::test]
async fn priority_counts_among_those_that_stand_by() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let [first] = nodes(&world, site).await;
    let low = world.node_with_priority(&Host::new(site), 10);
    low.until_role(Role::Passive).await;
    let high = world.node_with_priority(&Host::new(site), 200);
    high.until_role(Role::Passive).await;
    retried(&world, site, low.replica).await.unwrap();
    retried(&world, site, first.replica).await.unwrap();
    retried(&world, site, high.replica).await.unwrap();
    retried(&world, site, first.replica).await.unwrap();
    first.client.stop("upgrade").await;
    high.until_role(Role::Active).await;
}

#[tokio::test]
async fn nobody_becomes_active_by_a_decision_that_the_store_does_not_keep() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let first = Peer::active(&world, &Host::new(site)).await;
    let second = world.node(site);
    second.until_role(Role::Passive).await;
    let other = world.store.ha_site();
    world.store.keeps_nothing.store(true, Ordering::Relaxed);
    first.end().await;
    wait_for("the first to be gone", async || {
        world.store.open() == [second.replica]
    })
    .await;
    assert_eq!(active(&world, site).await, []);
    let alone = world.node(other);
    alone.until_role(Role::Passive).await;
    assert_eq!(second.role(), Some(Role::Passive));
    world.store.keeps_nothing.store(false, Ordering::Relaxed);
    second.until_role(Role::Active).await;
    alone.until_role(Role::Active).await;
}

#[tokio::test]
async fn an_edge_that_restarts_keeps_who_was_active() {
    let mut world = World::start().await;
    let site = world.store.ha_site();
    let [first, second] = nodes(&world, site).await;
    retried(&world, site, second.replica).await.unwrap();
    world.stop_server().await;
    let again = World::over(Arc::clone(&world.store)).await;
    // The one that was passive is there first.
    let (one, two) = (first.host.clone(), second.host.clone());
    let first = again.node_like(&one, None, true);
    first.until_role(Role::Passive).await;
    let second = again.node_like(&two, None, true);
    second.until_role(Role::Active).await;
    assert_eq!(first.role(), Some(Role::Passive));
    assert_eq!(
        world.store.causes(),
        [HaCause::First, HaCause::Manual],
        "nothing was decided anew"
    );
}

#[tokio::test]
async fn configurations_tell_virtual_addresses_and_the_profile() {
    let world = World::start().await;
    let vips = |text: &str| vec![text.parse().unwrap()];
    let setting = HaSetting::Local {
        vips: vips("10.20.0.1"),
        vips_previous: Some(vips("10.20.0.2")),
    };
    let fast = HaSettings {
        profile: Profile::Fast,
        passive_onramp: PassiveOnramp::Drop,
        ..HaSettings::default()
    };
    let site = world.store.site_with(setting, HaSettings::default());
    world.store.route(site, "10.20.0.0/24");
    let [first, second] = nodes(&world, site).await;
    let config = first.until_linked().await;
    assert!(config.ha);
    assert_eq!(
        (&config.vips, &config.vips_previous),
        (&vips("10.20.0.1"), &vips("10.20.0.2"))
    );
    assert_eq!(config.beat_ms, 500);
    let interface = HaSetting::Aws {
        interface: "eni-1".to_owned(),
    };
    world.store.configure(site, interface, fast);
    wait_for("quick beats", async || {
        first.config().is_some_and(|config| config.beat_ms == 100)
    })
    .await;
    assert_eq!(first.config().unwrap().fnr_id.as_deref(), Some("eni-1"));
    let quick = |node: &Node| {
        let lease = *node.lease.borrow();
        lease.is_some_and(|lease| lease.until < lease.received + Duration::from_millis(1_000))
    };
    wait_for("short leases", async || quick(&first) && quick(&second)).await;
    assert_eq!(first.role(), Some(Role::Active));
    retried(&world, site, second.replica).await.unwrap();
    assert!(
        is_accepted(&world, &second) && !is_accepted(&world, &first),
        "as the site wants it"
    );
}

#[tokio::test]
async fn a_role_that_nobody_gave_is_a_broken_rule() {
    let world = World::start().await;
    let site = world.store.ha_site();
    let mut liar = Peer::active(&world, &Host::new(site)).await;
    let ack = RoleAck {
        epoch: 9,
        role: Role::Active,
        errors: Vec::new(),
    };
    liar.say(&ack.into()).await;
    let heard = liar.hear_out().await;
    assert!(
        matches!(heard.last(), Some(adit_wire::mesh::ToNode::Refused(_))),
        "{heard:?}"
    );
}
