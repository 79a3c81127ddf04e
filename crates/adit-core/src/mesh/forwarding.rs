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
//!   site's prefixes, with those that [`Carriers::accepted`] names, and nobody from a prefix of which another site has a
//!   longer one.
//! - A packet belongs to the network in which its source has the longest prefix; of several with equal ones, as with a
//!   replica's own addresses, to the first that knows the destination, the default one being asked first.
//! - What leads to a `cfd_tunnel` is no member's: flows of such packets end in the hub, and go on over the tunnel's
//!   connectors ([`Verdict::Proxied`]). Answers find their way by [`Table::leads_to`].

mod build;
mod members;
mod site;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use adit_model::{AccountId, ConnectorId, DeviceId, PeerKey, TunnelKey, VirtualNetworkId};

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
    /// The one that carries its site's traffic, while it may send from the site's prefixes beside that one.
    stands_in: Option<MemberIndex>,
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
    /// It is for what a `cfd_tunnel`'s connectors reach.
    Proxied(Proxied),
    /// It goes nowhere.
    Denied(Denial),
}

/// Where a packet leads that connectors carry on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proxied {
    /// The `cfd_tunnel` that its destination is routed to.
    pub tunnel: TunnelKey,
    /// The virtual network, of the tunnel's account, that the packet is in.
    pub network: VirtualNetworkId,
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
}

/// Where an address of a virtual network leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Its own address.
    Member(MemberIndex),
    /// A prefix of its site.
    Carrier(MemberIndex),
    NoCarrier,
    Proxied(Proxied),
}

/// A virtual network; without an id the default one of an account that has none yet.
type Space = (AccountId, Option<VirtualNetworkId>);

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
    /// Where each virtual network is in `networks`.
    places: BTreeMap<Space, usize>,
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
            Some(Lead {
                target: Target::Member(own),
                length,
            }) if *own == from => Some(*length),
            Some(Lead {
                target: Target::Carrier(carrier),
                length,
            }) if *carrier == from || member.stands_in == Some(*carrier) => Some(*length),
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
            Some(Target::Member(to) | Target::Carrier(to)) if to == from => Verdict::Denied(Denial::Sender),
            Some(Target::Carrier(to)) if member.stands_in == Some(to) => Verdict::Denied(Denial::Sender),
            Some(Target::Member(to) | Target::Carrier(to)) => Verdict::To(to),
            Some(Target::NoCarrier) => Verdict::Denied(Denial::NoCarrier),
            Some(Target::Proxied(proxied)) => Verdict::Proxied(proxied),
            None => Verdict::Denied(Denial::NoRoute),
        }
    }

    /// The member that an address of a virtual network leads to: who is to get an answer of what connectors reach.
    #[must_use]
    pub fn leads_to(
        &self,
        account: AccountId,
        network: VirtualNetworkId,
        address: IpAddr,
    ) -> Option<MemberIndex> {
        let place = self.places.get(&(account, Some(network)))?;
        match self.networks.get(*place)?.lookup(address)?.target {
            Target::Member(member) | Target::Carrier(member) => Some(member),
            Target::NoCarrier | Target::Proxied(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
