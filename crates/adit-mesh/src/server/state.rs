//! What a server knows: the members of meshes, and whose sessions there are.

mod elections;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use adit_core::{
    ha::election::{Election, Leave},
    mesh::{
        forwarding::{Carriers, Members},
        session::{KEY_OVERLAP, Refusal},
    },
    port::{Change, CloseReason, LiveReplica, MeshChange, PrivateChange, SiteEntry, Snapshot, TunnelEntry},
};
use adit_model::{AccountId, ConnectionId, ConnectorId, IdentityKey, PeerKey, TunnelKey};

use super::seat::{Ending, Seated};

pub(super) use elections::{Asked, Concluded, Failovers};

/// Every link takes packets of IPv6 that long.
const LEAST_MTU: u16 = 1280;

/// Reads no clock.
#[derive(Default)]
pub(super) struct State {
    pub(super) tunnels: BTreeMap<TunnelKey, TunnelEntry>,
    /// Shared with whoever makes a table of it meanwhile.
    pub(super) members: Arc<Members>,
    pub(super) sites: BTreeMap<TunnelKey, Site>,
    /// What the store says of each site.
    pub(super) entries: BTreeMap<TunnelKey, SiteEntry>,
    pub(super) elections: BTreeMap<TunnelKey, Election>,
    pub(super) failovers: Failovers,
    /// What the elections count time from.
    began: Option<Instant>,
    /// Keys that replicas had, and until when they are good.
    former: BTreeMap<(TunnelKey, ConnectorId), (PeerKey, Instant)>,
    pub(super) stale: Stale,
}

/// A site with sessions.
#[derive(Default)]
pub(super) struct Site {
    pub(super) seated: BTreeMap<ConnectorId, Seated>,
}

/// What was told before and may be no longer so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stale {
    /// The hub's table.
    pub(super) table: bool,
    /// What the replicas of all sites of these accounts were told.
    pub(super) accounts: BTreeSet<AccountId>,
    /// What those of these sites were told.
    pub(super) sites: BTreeSet<TunnelKey>,
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) site: TunnelKey,
    pub(super) replica: ConnectorId,
    pub(super) connection: ConnectionId,
    pub(super) reason: CloseReason,
}

impl State {
    /// How many sessions there are.
    pub(super) fn sessions(&self) -> usize {
        self.sites.values().map(|site| site.seated.len()).sum()
    }

    /// Everything anew.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, now: Instant) -> Vec<Gone> {
        let before: Vec<_> = self
            .members
            .replicas()
            .map(|(site, replica, linked)| (site, replica, linked.key))
            .collect();
        self.tunnels = snapshot.tunnels.iter().cloned().collect();
        self.members = Arc::new(Members::of(snapshot));
        for (site, replica, key) in before {
            self.note_key(site, replica, key, now);
        }
        self.stale.table = true;
        self.stale
            .accounts
            .extend(self.sites.keys().map(|site| site.account));
        self.take_sites(snapshot.sites.iter().cloned().collect(), now);
        self.end_unlinked(self.sites.keys().copied().collect(), now)
    }

    /// What happened since.
    pub(super) fn apply(&mut self, changes: &[Change], now: Instant) -> Vec<Gone> {
        let mut touched = Vec::new();
        for change in changes {
            let key_before = match change {
                Change::Mesh(MeshChange::Replica(site, replica, _)) => {
                    touched.push(*site);
                    let linked = self.members.replica(*site, *replica);
                    linked.map(|linked| (*site, *replica, linked.key))
                }
                Change::Tunnel(tunnel, entry) => {
                    touched.push(*tunnel);
                    match entry {
                        Some(entry) => self.tunnels.insert(*tunnel, entry.clone()),
                        None => self.tunnels.remove(tunnel),
                    };
                    None
                }
                Change::Mesh(MeshChange::Device(..) | MeshChange::Ranges(..))
                | Change::Private(_)
                | Change::Host(..)
                | Change::Limits(..) => None,
                Change::Site(site, entry) => {
                    self.take_site(*site, entry.clone(), now);
                    None
                }
            };
            self.stale.table |= Arc::make_mut(&mut self.members).apply(change);
            self.mark_told(change);
            if let Some((site, replica, key)) = key_before {
                self.note_key(site, replica, key, now);
            }
        }
        self.end_unlinked(touched, now)
    }

    /// A replica had this key: if it has another one now, this one is good for a while longer.
    fn note_key(&mut self, site: TunnelKey, replica: ConnectorId, had: PeerKey, now: Instant) {
        match self.members.replica(site, replica) {
            Some(linked) if linked.key != had => {
                self.former.insert((site, replica), (had, now + KEY_OVERLAP));
            }
            Some(_) => {}
            None => {
                self.former.remove(&(site, replica));
            }
        }
    }

    fn is_linked(&self, site: TunnelKey, replica: ConnectorId, identity: Option<&IdentityKey>) -> bool {
        let is_live = self.tunnels.get(&site).is_some_and(|entry| !entry.deleted);
        let linked = self.members.replica(site, replica).filter(|_| is_live);
        linked.is_some_and(|linked| identity.is_none_or(|identity| linked.identity == *identity))
    }

    /// Ends the sessions of replicas of these sites that are linked no more.
    fn end_unlinked(&mut self, sites: Vec<TunnelKey>, now: Instant) -> Vec<Gone> {
        let mut gone = Vec::new();
        for site in sites {
            let seated = self.sites.get(&site);
            let replicas: Vec<_> = seated
                .into_iter()
                .flat_map(|site| site.seated.keys().copied())
                .collect();
            for replica in replicas {
                if !self.is_linked(site, replica, None) {
                    gone.extend(self.end(site, Some(replica), Ending::Revoked, now));
                }
            }
        }
        gone
    }

    /// A replica has a session. Its older one, if there is one, ends. Returns that.
    pub(super) fn join(
        &mut self,
        site: TunnelKey,
        replica: ConnectorId,
        identity: &IdentityKey,
        seated: Seated,
        now: Instant,
    ) -> Result<Option<Gone>, Refusal> {
        if !self.is_linked(site, replica, Some(identity)) {
            return Err(Refusal::NotLinked);
        }
        let priority = seated.priority;
        let entry = self.sites.entry(site).or_default();
        let replaced = entry.seated.insert(replica, seated);
        self.mark(site);
        self.begin_election(site, now);
        self.elect(site, now, |election, at| {
            election.handle_joined(at, replica, priority);
        });
        Ok(replaced.map(|old| {
            old.orders
                .send_modify(|orders| orders.end = Some(Ending::Replaced));
            Gone {
                site,
                replica,
                connection: old.connection,
                reason: CloseReason::Replaced,
            }
        }))
    }

    /// The session of a connection is over; `None` if it was before.
    pub(super) fn leave(
        &mut self,
        site: TunnelKey,
        replica: ConnectorId,
        connection: ConnectionId,
        (reason, how): (CloseReason, Leave),
        now: Instant,
    ) -> Option<Gone> {
        let entry = self.sites.get_mut(&site)?;
        if entry.seated.get(&replica)?.connection != connection {
            return None;
        }
        entry.seated.remove(&replica);
        if entry.seated.is_empty() {
            self.sites.remove(&site);
        }
        self.mark(site);
        self.elect(site, now, |election, at| election.handle_left(at, replica, how));
        Some(Gone {
            site,
            replica,
            connection,
            reason,
        })
    }

    /// Ends sessions of a site, all or one replica's.
    pub(super) fn end(
        &mut self,
        site: TunnelKey,
        only: Option<ConnectorId>,
        why: Ending,
        now: Instant,
    ) -> Vec<Gone> {
        let Some(entry) = self.sites.get(&site) else {
            return Vec::new();
        };
        let meant = entry
            .seated
            .iter()
            .filter(|(replica, _)| only.is_none_or(|only| only == **replica));
        let meant: Vec<_> = meant
            .map(|(replica, seated)| {
                seated.orders.send_modify(|orders| orders.end = Some(why));
                (*replica, seated.connection)
            })
            .collect();
        let gone = meant
            .into_iter()
            .filter_map(|(replica, connection)| self.leave(site, replica, connection, why.reason(), now));
        gone.collect()
    }

    /// Ends every session.
    pub(super) fn end_all(&mut self, why: Ending, now: Instant) -> Vec<Gone> {
        let sites: Vec<_> = self.sites.keys().copied().collect();
        sites
            .into_iter()
            .flat_map(|site| self.end(site, None, why, now))
            .collect()
    }

    /// The replicas of a site that have a session, in the order of their ids.
    pub(super) fn live(&self, key: TunnelKey) -> Vec<LiveReplica> {
        let Some(site) = self.sites.get(&key) else {
            return Vec::new();
        };
        let carrying = self.carrying(key);
        let seated = site.seated.iter().map(|(replica, seated)| LiveReplica {
            connector: *replica,
            connection: seated.connection,
            active: carrying == Some(*replica),
        });
        seated.collect()
    }

    /// Who carries what. Forgets keys whose time is over.
    pub(super) fn carriers(&mut self, now: Instant) -> Carriers {
        let before = self.former.len();
        self.former.retain(|_, (_, until)| now < *until);
        self.stale.table |= before != self.former.len();
        let accepted = self.accepted(now);
        let active = self.sites.keys();
        let active = active.filter_map(|site| Some((*site, self.carrying(*site)?)));
        Carriers {
            active: active.collect(),
            accepted,
            mtus: self.mtus(),
            former_keys: self.former.iter().map(|(of, (key, _))| (*of, *key)).collect(),
        }
    }

    fn mtus(&self) -> BTreeMap<(TunnelKey, ConnectorId), u16> {
        let seated = self.sites.iter().flat_map(|(site, entry)| {
            let seated = entry.seated.iter();
            seated.map(move |(replica, seated)| ((*site, *replica), seated.mtu))
        });
        seated.filter_map(|(of, mtu)| Some((of, mtu?))).collect()
    }

    /// A replica says how long packets to it may be. True if that is news.
    pub(super) fn note_mtu(&mut self, site: TunnelKey, replica: ConnectorId, mtu: Option<u16>) -> bool {
        let mtu = mtu.map(|mtu| mtu.max(LEAST_MTU));
        let seated = self
            .sites
            .get_mut(&site)
            .and_then(|entry| entry.seated.get_mut(&replica));
        let Some(seated) = seated.filter(|seated| seated.mtu != mtu) else {
            return false;
        };
        seated.mtu = mtu;
        self.stale.table = true;
        true
    }

    /// The keys that a replica's packets are taken under.
    pub(super) fn keys_of(&self, site: TunnelKey, replica: ConnectorId) -> Vec<PeerKey> {
        let linked = self.members.replica(site, replica).map(|linked| linked.key);
        let former = self.former.get(&(site, replica)).map(|(key, _)| *key);
        linked.into_iter().chain(former).collect()
    }

    /// When the next former key's time is over.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.former.values().map(|(_, until)| *until).min()
    }

    pub(super) fn mark(&mut self, site: TunnelKey) {
        self.stale.table = true;
        self.stale.sites.insert(site);
    }

    /// Notes whose replicas are told something else after a change.
    fn mark_told(&mut self, change: &Change) {
        match change {
            Change::Mesh(MeshChange::Replica(site, ..)) => {
                self.stale.sites.insert(*site);
            }
            Change::Tunnel(TunnelKey { account, .. }, _)
            | Change::Private(
                PrivateChange::Route(account, ..) | PrivateChange::VirtualNetwork(account, ..),
            )
            | Change::Mesh(MeshChange::Ranges(account, _)) => {
                self.stale.accounts.insert(*account);
            }
            // The hub alone knows of devices.
            Change::Mesh(MeshChange::Device(..))
            | Change::Private(PrivateChange::Hostname(..) | PrivateChange::Token(..))
            | Change::Host(..)
            | Change::Limits(..)
            | Change::Site(..) => {}
        }
    }
}

#[cfg(test)]
mod tests;
