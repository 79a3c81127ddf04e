//! Who of a mesh may send what, and where it leads.
//!
//! A [`Table`] is made from what the store knows of the members ([`Members`]) and who of them carries a site's traffic
//! ([`Carriers`]). It never changes: whoever forwards packets swaps the whole of it, so that one packet never sees half
//! a change.
//!
//! - A member is in virtual networks: a device in its own one; a replica in those that its site has routes in, and in
//!   the account's default one. Its own addresses lead to it in each of them. Nothing leads from one to another.
//! - In a virtual network the longest prefix counts, for sources as for destinations. A member may send from the
//!   addresses that lead to itself, and from no others: of a site's replicas only the one that carries may send from the
//!   site's prefixes, and nobody from a prefix of which another site has a longer one.
//! - A packet belongs to the network in which its source has the longest prefix; of several with equal ones, as with a
//!   replica's own addresses, to the first that knows the destination, the default one being asked first.
//! - Prefixes that lead to a `cfd_tunnel` are reached by proxies, not by packets: such a packet is refused.

mod build;
mod members;
mod site;

use std::{collections::HashMap, net::IpAddr};

use adit_model::{AccountId, ConnectorId, DeviceId, PeerKey, TunnelKey};

use super::MeshAddresses;
use crate::networks::NetworkMap;

pub use build::build;
pub use members::{Carriers, Members};
pub use site::SiteReach;

/// A member of one [`Table`]; means nothing to another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberIndex(usize);

impl MemberIndex {
    /// Its place in [`Table::members`].
    #[must_use]
    pub const fn place(self) -> usize {
        self.0
    }
}

/// Whom a member of a mesh is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A replica of a site.
    Replica(TunnelKey, ConnectorId),
    /// A device.
    Device(AccountId, DeviceId),
}

/// A member of a mesh, as far as its packets are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whom it is.
    pub who: Who,
    /// What its packets are encrypted for: its key and then, for a while after it has changed, the former one.
    pub keys: Vec<PeerKey>,
    /// Its own addresses.
    pub addresses: MeshAddresses,
    /// What it may call the hub by, if its account has ranges.
    pub hub: Option<MeshAddresses>,
    /// How long packets to it may be, in bytes, if it has said so.
    pub mtu: Option<u16>,
    /// The virtual networks that it is in, in the order in which they are asked.
    networks: Vec<usize>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to this member.
    To(MemberIndex),
    /// It is for the hub itself.
    Hub,
    /// It goes nowhere.
    Denied(Denial),
}

/// Why a packet goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// Its source does not lead to its sender. Nobody is told: whoever has the source did not send it.
    ForeignSource,
    /// Nothing in its virtual network has the destination, or only what is in another one.
    NoRoute,
    /// A site without a replica that carries has the destination.
    NoCarrier,
    /// The destination leads back to the sender, which would send it again.
    Sender,
    /// A `cfd_tunnel` has the destination; no packets go there.
    NotPackets,
}

/// Where an address of a virtual network leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Member(MemberIndex),
    NoCarrier,
    NotPackets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lead {
    /// Bits of the prefix.
    length: u8,
    target: Target,
}

/// Who may send what, and where it leads.
#[derive(Debug, Clone, Default)]
pub struct Table {
    members: Vec<Member>,
    by_key: HashMap<PeerKey, MemberIndex>,
    networks: Vec<NetworkMap<Lead>>,
}

impl Table {
    /// Every member; [`MemberIndex::place`] tells which is which.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Every member with its index.
    pub fn indexed(&self) -> impl Iterator<Item = (MemberIndex, &Member)> {
        self.members
            .iter()
            .enumerate()
            .map(|(place, member)| (MemberIndex(place), member))
    }

    /// One member; `None` if it is of another table.
    #[must_use]
    pub fn member(&self, index: MemberIndex) -> Option<&Member> {
        self.members.get(index.0)
    }

    /// Whose key it is.
    #[must_use]
    pub fn member_of(&self, key: &PeerKey) -> Option<MemberIndex> {
        self.by_key.get(key).copied()
    }

    /// What becomes of a packet that a member sends.
    #[must_use]
    pub fn verdict(&self, from: MemberIndex, source: IpAddr, destination: IpAddr) -> Verdict {
        let Some(member) = self.members.get(from.0) else {
            return Verdict::Denied(Denial::ForeignSource);
        };
        let networks = || {
            member
                .networks
                .iter()
                .filter_map(|place| self.networks.get(*place))
        };
        let own_length = |network: &NetworkMap<Lead>| match network.lookup(source) {
            Some(lead) if lead.target == Target::Member(from) => Some(lead.length),
            Some(_) | None => None,
        };
        let Some(longest) = networks().filter_map(own_length).max() else {
            return Verdict::Denied(Denial::ForeignSource);
        };
        if member
            .hub
            .is_some_and(|hub| hub.beside(destination) == destination)
        {
            return Verdict::Hub;
        }
        let found = networks()
            .filter(|network| own_length(network) == Some(longest))
            .find_map(|network| network.lookup(destination));
        match found.map(|lead| lead.target) {
            Some(Target::Member(to)) if to == from => Verdict::Denied(Denial::Sender),
            Some(Target::Member(to)) => Verdict::To(to),
            Some(Target::NoCarrier) => Verdict::Denied(Denial::NoCarrier),
            Some(Target::NotPackets) => Verdict::Denied(Denial::NotPackets),
            None => Verdict::Denied(Denial::NoRoute),
        }
    }
}

#[cfg(test)]
mod tests;
