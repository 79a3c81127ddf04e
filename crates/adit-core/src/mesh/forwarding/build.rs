//! How a table is made.

use std::collections::{BTreeMap, BTreeSet};

use adit_model::{TunnelKey, TunnelKind, VirtualNetworkId};

use super::{Carriers, Lead, Member, MemberIndex, Members, Proxied, Space, Table, Target, Who};
use crate::{mesh::MeshRanges, networks::Network};

/// The table of the present.
#[must_use]
pub fn build(members: &Members, carriers: &Carriers) -> Table {
    let mut making = Making::default();
    let routed = networks_of_sites(members);
    let (mut carrying, mut accepted) = (BTreeMap::new(), Vec::new());
    for ((tunnel, connector), replica) in &members.replicas {
        if members.tunnels.get(tunnel) != Some(&TunnelKind::WarpConnector) {
            continue;
        }
        let former = carriers.former_keys.get(&(*tunnel, *connector)).copied();
        let former = former.filter(|former| *former != replica.key);
        let default = members.defaults.get(&tunnel.account).copied();
        let others = routed.get(tunnel).into_iter().flatten().copied().map(Some);
        let spaces = [default].into_iter().chain(others.filter(|id| *id != default));
        let spaces: Vec<Space> = spaces.map(|id| (tunnel.account, id)).collect();
        let index = making.member(
            Member {
                who: Who::Replica(*tunnel, *connector),
                keys: [replica.key].into_iter().chain(former).collect(),
                addresses: replica.addresses,
                hub: members.ranges(&tunnel.account).and_then(MeshRanges::hub),
                mtu: carriers.mtus.get(&(*tunnel, *connector)).copied(),
                stands_in: None,
                networks: Vec::new(),
            },
            &spaces,
        );
        if carriers.accepted.contains(&(*tunnel, *connector)) {
            accepted.push((*tunnel, index));
        }
        if carriers.active.get(tunnel) == Some(connector) {
            carrying.insert(*tunnel, index);
        }
    }
    for (tunnel, index) in accepted {
        making.stand_in(index, carrying.get(&tunnel).copied());
    }
    for ((account, id), device) in &members.devices {
        let member = Member {
            who: Who::Device(*account, *id),
            keys: vec![device.key],
            addresses: device.addresses,
            hub: members.ranges(account).and_then(MeshRanges::hub),
            mtu: None,
            stands_in: None,
            networks: Vec::new(),
        };
        making.member(member, &[(*account, Some(device.virtual_network))]);
    }
    for ((account, _), route) in &members.routes {
        let tunnel = TunnelKey {
            account: *account,
            tunnel: route.tunnel,
        };
        let target = match members.tunnels.get(&tunnel) {
            Some(TunnelKind::WarpConnector) => carrying
                .get(&tunnel)
                .map_or(Target::NoCarrier, |index| Target::Carrier(*index)),
            Some(TunnelKind::CfdTunnel) => Target::Proxied(Proxied {
                tunnel,
                network: route.virtual_network,
            }),
            None => continue,
        };
        making.lead((*account, Some(route.virtual_network)), route.network, target);
    }
    making.finish()
}

/// The virtual networks in which each tunnel has routes.
fn networks_of_sites(members: &Members) -> BTreeMap<TunnelKey, BTreeSet<VirtualNetworkId>> {
    let mut found: BTreeMap<TunnelKey, BTreeSet<VirtualNetworkId>> = BTreeMap::new();
    for ((account, _), route) in &members.routes {
        let tunnel = TunnelKey {
            account: *account,
            tunnel: route.tunnel,
        };
        found.entry(tunnel).or_default().insert(route.virtual_network);
    }
    found
}

#[derive(Default)]
struct Making {
    table: Table,
    places: BTreeMap<Space, usize>,
}

impl Making {
    fn place(&mut self, space: Space) -> usize {
        let next = self.table.networks.len();
        let place = *self.places.entry(space).or_insert(next);
        if place == next {
            self.table.networks.push(Default::default());
        }
        place
    }

    fn lead(&mut self, space: Space, network: Network, target: Target) {
        let place = self.place(space);
        if let Some(leads) = self.table.networks.get_mut(place) {
            let length = network.length();
            leads.insert(network, Lead { length, target });
        }
    }

    /// A member in these virtual networks.
    fn member(&mut self, mut member: Member, spaces: &[Space]) -> MemberIndex {
        member.networks = spaces.iter().map(|space| self.place(*space)).collect();
        let index = MemberIndex(self.table.members.len());
        self.table.members.push(member);
        index
    }

    fn stand_in(&mut self, index: MemberIndex, carrier: Option<MemberIndex>) {
        if let Some(member) = self.table.members.get_mut(index.place()) {
            member.stands_in = carrier.filter(|carrier| *carrier != index);
        }
    }

    /// Members' own addresses and keys come last: no route and no former key takes them away.
    fn finish(self) -> Table {
        let Table {
            members,
            mut by_key,
            mut networks,
            ..
        } = self.table;
        for (place, member) in members.iter().enumerate() {
            let index = MemberIndex(place);
            for own in member.addresses.all().map(Network::of_address) {
                let lead = Lead {
                    length: own.length(),
                    target: Target::Member(index),
                };
                for network in &member.networks {
                    if let Some(leads) = networks.get_mut(*network) {
                        leads.insert(own, lead);
                    }
                }
            }
            if let Some(key) = member.keys.first() {
                by_key.insert(*key, index);
            }
        }
        for (place, member) in members.iter().enumerate() {
            for former in member.keys.iter().skip(1) {
                by_key.entry(*former).or_insert(MemberIndex(place));
            }
        }
        Table {
            members,
            by_key,
            networks,
            places: self.places,
        }
    }
}
