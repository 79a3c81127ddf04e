//! What tables are made from.

use std::collections::{BTreeMap, BTreeSet};

use adit_model::{
    AccountId, ConnectorId, DeviceId, PeerKey, RouteId, TunnelKey, TunnelKind, VirtualNetworkId,
};

use crate::{
    mesh::MeshRanges,
    port::{Change, LinkedReplica, MeshChange, MeshDevice, PrivateChange, PrivateRoute, Snapshot},
};

/// What the store knows of members and where addresses lead; follows the directory's changes.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// The live tunnels.
    pub(super) tunnels: BTreeMap<TunnelKey, TunnelKind>,
    pub(super) replicas: BTreeMap<(TunnelKey, ConnectorId), LinkedReplica>,
    pub(super) devices: BTreeMap<(AccountId, DeviceId), MeshDevice>,
    pub(super) routes: BTreeMap<(AccountId, RouteId), PrivateRoute>,
    pub(super) defaults: BTreeMap<AccountId, VirtualNetworkId>,
    pub(super) ranges: BTreeMap<AccountId, MeshRanges>,
}

/// What only those know who hold the sessions of replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carriers {
    /// The replica that carries a site's traffic. One that is not linked to the site carries nothing.
    pub active: BTreeMap<TunnelKey, ConnectorId>,
    /// Replicas that may send from their site's prefixes beside the one that carries.
    pub accepted: BTreeSet<(TunnelKey, ConnectorId)>,
    /// Keys of replicas that have another one since, and are good for a while longer.
    pub former_keys: BTreeMap<(TunnelKey, ConnectorId), PeerKey>,
    /// How long packets to a replica may be, in bytes, where it has said so.
    pub mtus: BTreeMap<(TunnelKey, ConnectorId), u16>,
}

impl Members {
    /// All that a snapshot tells.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut members = Self::default();
        for (tunnel, entry) in &snapshot.tunnels {
            members.apply(&Change::Tunnel(*tunnel, Some(entry.clone())));
        }
        for change in &snapshot.private {
            members.apply_private(change);
        }
        for change in &snapshot.mesh {
            members.apply_mesh(change);
        }
        members
    }

    /// Takes a change in. True if a table made before may differ from one made now.
    pub fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Tunnel(tunnel, entry) => {
                let kind = entry
                    .as_ref()
                    .filter(|entry| !entry.deleted)
                    .map(|entry| entry.kind);
                set(&mut self.tunnels, *tunnel, kind)
            }
            Change::Private(change) => self.apply_private(change),
            Change::Mesh(change) => self.apply_mesh(change),
            Change::Host(..) | Change::Limits(..) | Change::Site(..) => false,
        }
    }

    /// Where the members of an account have their addresses from.
    #[must_use]
    pub fn ranges(&self, account: &AccountId) -> Option<MeshRanges> {
        self.ranges.get(account).copied()
    }

    fn apply_private(&mut self, change: &PrivateChange) -> bool {
        match change {
            PrivateChange::Route(account, id, route) => set(&mut self.routes, (*account, *id), route.clone()),
            PrivateChange::VirtualNetwork(account, id, network) => {
                let is_default = network.as_ref().is_some_and(|network| network.is_default);
                if is_default {
                    self.defaults.insert(*account, *id) != Some(*id)
                } else if self.defaults.get(account) == Some(id) {
                    self.defaults.remove(account).is_some()
                } else {
                    false
                }
            }
            PrivateChange::Hostname(..) | PrivateChange::Token(..) => false,
        }
    }

    fn apply_mesh(&mut self, change: &MeshChange) -> bool {
        match change {
            MeshChange::Replica(tunnel, connector, replica) => {
                set(&mut self.replicas, (*tunnel, *connector), replica.clone())
            }
            MeshChange::Device(account, id, device) => {
                set(&mut self.devices, (*account, *id), device.clone())
            }
            MeshChange::Ranges(account, ranges) => set(&mut self.ranges, *account, *ranges),
        }
    }
}

/// Sets or takes away; true if that changes anything.
fn set<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> bool {
    if map.get(&key) == value.as_ref() {
        return false;
    }
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
    true
}
