use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use adit_core::{ha::Profile, mesh::MeshAddresses, port::LinkedReplica};
use adit_model::{ConfigSource, ConfigVersion, SecretDigest, Timestamp, TunnelId, TunnelKind};
use tokio::sync::watch;

use super::*;
use crate::server::seat::Orders;

const IDENTITY: IdentityKey = IdentityKey::from_bytes([1; 32]);
const LOST: (CloseReason, Leave) = (CloseReason::Lost, Leave::Ended);
const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

fn site(number: u8) -> TunnelKey {
    TunnelKey {
        account: ACCOUNT,
        tunnel: TunnelId::from_slice(&[number; 16]).unwrap(),
    }
}

fn replica(number: u8) -> ConnectorId {
    ConnectorId::from_slice(&[number; 16]).unwrap()
}

fn key(number: u8) -> PeerKey {
    PeerKey::from_bytes([number; 32])
}

fn tunnel(site: TunnelKey, deleted: bool) -> Change {
    let entry = TunnelEntry {
        kind: TunnelKind::WarpConnector,
        deleted,
        config_source: ConfigSource::Cloudflare,
        config_version: ConfigVersion::default(),
        secret: SecretDigest::of(b""),
    };
    Change::Tunnel(site, Some(entry))
}

fn link(site: TunnelKey, number: u8, with: Option<PeerKey>) -> Change {
    let linked = with.map(|key| LinkedReplica {
        identity: IDENTITY,
        key,
        addresses: MeshAddresses {
            v4: Ipv4Addr::new(100, 96, 0, number),
            v6: Ipv6Addr::LOCALHOST,
        },
        linked_at: Timestamp::from_unix_micros(0).unwrap(),
    });
    Change::Mesh(MeshChange::Replica(site, replica(number), linked))
}

/// A site with two linked replicas.
fn state() -> State {
    let mut state = State::default();
    let linked = [
        tunnel(site(1), false),
        link(site(1), 1, Some(key(1))),
        link(site(1), 2, Some(key(2))),
    ];
    assert_eq!(state.apply(&linked, Instant::now()), []);
    state
}

fn seated() -> (Seated, watch::Receiver<Orders>) {
    let (orders, told) = watch::channel(Orders::default());
    let seated = Seated {
        connection: ConnectionId::random(),
        orders,
        mtu: None,
        priority: 100,
    };
    (seated, told)
}

fn join(state: &mut State, number: u8) -> (ConnectionId, watch::Receiver<Orders>) {
    let (seated, told) = seated();
    let connection = seated.connection;
    let now = Instant::now();
    state
        .join(site(1), replica(number), &IDENTITY, seated, now)
        .unwrap();
    state.elect(site(1), now, |election, at| {
        election.handle_told(at, replica(number), 1, Profile::Normal);
        election.handle_took(at, replica(number), 1);
    });
    settle(state);
    (connection, told)
}

/// The store keeps what is decided.
fn settle(state: &mut State) {
    let now = Instant::now();
    for (site, decision) in state.conclude(now).due {
        let before = state.elections[&site].state();
        let after = before.follow(decision.seen, decision.active).unwrap();
        state.decided(site, Ok(after), now);
    }
}

fn active(state: &mut State) -> Option<ConnectorId> {
    settle(state);
    state.carriers(Instant::now()).active.get(&site(1)).copied()
}

#[test]
fn the_second_replica_carries_when_the_first_is_gone() {
    let mut state = state();
    let (first, _first) = join(&mut state, 1);
    let _second = join(&mut state, 2);
    assert_eq!(active(&mut state), Some(replica(1)));
    assert_eq!(
        state
            .live(site(1))
            .iter()
            .map(|live| live.active)
            .collect::<Vec<_>>(),
        [true, false]
    );
    let gone = state.leave(site(1), replica(1), first, LOST, Instant::now());
    assert_eq!(gone.map(|gone| gone.replica), Some(replica(1)));
    assert_eq!(active(&mut state), Some(replica(2)));
    assert_eq!(
        state.leave(site(1), replica(1), first, LOST, Instant::now()),
        None,
        "once"
    );
}

#[test]
fn the_newer_session_of_a_replica_wins_and_keeps_its_part() {
    let mut state = state();
    let (old, old_orders) = join(&mut state, 1);
    let _second = join(&mut state, 2);
    let (seat, _told) = seated();
    let replaced = state
        .join(site(1), replica(1), &IDENTITY, seat, Instant::now())
        .unwrap();
    assert_eq!(
        replaced.map(|gone| (gone.connection, gone.reason)),
        Some((old, CloseReason::Replaced))
    );
    assert_eq!(old_orders.borrow().end, Some(Ending::Replaced));
    assert_eq!(
        state.leave(site(1), replica(1), old, LOST, Instant::now()),
        None,
        "the newer one stays"
    );
    assert_eq!(active(&mut state), Some(replica(1)));
    assert_eq!(state.sessions(), 2);
}

#[test]
fn nobody_joins_who_is_not_linked_with_that_identity() {
    let mut state = state();
    let other = IdentityKey::from_bytes([9; 32]);
    for (site, number, identity) in [
        (site(1), 3, IDENTITY),
        (site(2), 1, IDENTITY),
        (site(1), 1, other),
    ] {
        let joined = state.join(site, replica(number), &identity, seated().0, Instant::now());
        assert_eq!(joined, Err(Refusal::NotLinked));
    }
    state.apply(&[tunnel(site(1), true)], Instant::now());
    assert!(
        state
            .join(site(1), replica(1), &IDENTITY, seated().0, Instant::now())
            .is_err()
    );
    assert_eq!(state.sessions(), 0);
}

#[test]
fn sessions_end_with_their_link_and_with_their_site() {
    let changes = [
        link(site(1), 1, None),
        tunnel(site(1), true),
        Change::Tunnel(site(1), None),
    ];
    for change in changes {
        let mut state = state();
        let (connection, orders) = join(&mut state, 1);
        let gone = state.apply(&[change], Instant::now());
        let ended: Vec<_> = gone.iter().map(|gone| (gone.connection, gone.reason)).collect();
        assert_eq!(ended, [(connection, CloseReason::Evicted)]);
        assert_eq!(orders.borrow().end, Some(Ending::Revoked));
        assert_eq!(active(&mut state), None);
    }
}

#[test]
fn a_new_snapshot_ends_the_sessions_of_those_it_lacks() {
    let mut state = state();
    let _first = join(&mut state, 1);
    let _second = join(&mut state, 2);
    let Change::Tunnel(tunnel, Some(entry)) = tunnel(site(1), false) else {
        panic!("a tunnel");
    };
    let Change::Mesh(first) = link(site(1), 1, Some(key(7))) else {
        panic!("a replica");
    };
    let snapshot = Snapshot {
        tunnels: vec![(tunnel, entry)],
        mesh: vec![first],
        ..Snapshot::default()
    };
    let gone = state.restore(&snapshot, Instant::now());
    assert_eq!(
        gone.iter().map(|gone| gone.replica).collect::<Vec<_>>(),
        [replica(2)]
    );
    let former = state.carriers(Instant::now()).former_keys;
    assert_eq!(
        former.into_iter().collect::<Vec<_>>(),
        [((site(1), replica(1)), key(1))]
    );
}

#[test]
fn a_former_key_is_good_for_five_minutes_unless_its_replica_is_revoked() {
    let (mut state, now) = (state(), Instant::now());
    state.apply(
        &[link(site(1), 1, Some(key(7))), link(site(1), 2, Some(key(8)))],
        now,
    );
    assert_eq!(state.carriers(now).former_keys.len(), 2);
    state.apply(&[link(site(1), 2, None)], now);
    let former = state.carriers(now + Duration::from_secs(299)).former_keys;
    assert_eq!(
        former.into_iter().collect::<Vec<_>>(),
        [((site(1), replica(1)), key(1))]
    );
    assert_eq!(state.next_expiry(), Some(now + Duration::from_secs(300)));
    state.stale = Stale::default();
    assert_eq!(
        state.carriers(now + Duration::from_secs(300)).former_keys.len(),
        0
    );
    assert!(state.stale.table, "the hub is told");
}

#[test]
fn what_a_replica_says_of_its_way_reaches_the_table_once() {
    let mut state = state();
    let _session = join(&mut state, 1);
    assert!(state.note_mtu(site(1), replica(1), Some(1340)));
    assert!(!state.note_mtu(site(1), replica(1), Some(1340)));
    assert!(state.note_mtu(site(1), replica(1), Some(100)));
    let mtus = state.carriers(Instant::now()).mtus;
    assert_eq!(
        mtus.into_iter().collect::<Vec<_>>(),
        [((site(1), replica(1)), 1280)]
    );
}
