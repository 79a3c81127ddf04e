//! The site's virtual addresses: on the tunnel's device of whoever carries the site's traffic, and made known on the LAN.
//!
//! They go with the device, so with the process. For an IPv4 address the kernel answers ARP on the LAN, although another
//! interface has it. For an IPv6 address it does not; there the node answers itself, so that nobody does once it is gone.

mod announce;
mod card;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use announce::Announcements;
use card::Card;

use super::host::{Interface, Netlink, NetlinkError, RouterSettings};
use crate::link::Gate;

/// What a replica does with the virtual addresses of its site.
#[derive(Debug)]
pub(super) struct VirtualIps {
    /// The tunnel's device.
    device: String,
    /// The site's interface, if its user named it.
    lan: Option<String>,
    gate: Arc<Gate>,
    held: BTreeSet<IpAddr>,
    cards: Vec<Card>,
    announcements: Announcements,
    problems: Vec<String>,
    settings: RouterSettings,
}

impl VirtualIps {
    pub(super) fn new(device: String, lan: Option<String>, gate: Arc<Gate>) -> Self {
        Self {
            device,
            lan,
            gate,
            held: BTreeSet::new(),
            cards: Vec::new(),
            announcements: Announcements::default(),
            problems: Vec::new(),
            settings: RouterSettings::default(),
        }
    }

    /// Takes these addresses, and no others, and tells the LAN. What it has already it keeps.
    pub(super) async fn hold(&mut self, netlink: &Netlink, wanted: &BTreeSet<IpAddr>) {
        self.problems.clear();
        if let Err(error) = self.try_hold(netlink, wanted).await {
            self.problem(&error);
        }
    }

    async fn try_hold(&mut self, netlink: &Netlink, wanted: &BTreeSet<IpAddr>) -> Result<(), NetlinkError> {
        let gone: Vec<IpAddr> = self.held.difference(wanted).copied().collect();
        self.remove(netlink, &gone).await?;
        if wanted.is_empty() {
            self.cards.clear();
            self.announcements.end();
            return Ok(());
        }
        let interfaces = netlink.interfaces().await?;
        let Some(device) = interfaces.iter().find(|found| found.name == self.device) else {
            self.problems
                .push(format!("the interface {} is not there", self.device));
            return Ok(());
        };
        // Somebody may have taken it down meanwhile: the watchdog of a stopped process does.
        if !device.has_carrier {
            netlink.put_up(device.index).await?;
        }
        let mut places: BTreeMap<u32, Vec<IpAddr>> = BTreeMap::new();
        let mut news = false;
        for address in wanted {
            match place(&interfaces, &self.device, self.lan.as_deref(), *address) {
                Ok(lan) => places.entry(lan.index).or_default().push(*address),
                Err(problem) => {
                    self.problems.push(problem);
                    continue;
                }
            }
            let is_there = device.addresses.iter().any(|net| net.addr() == *address);
            if !is_there {
                netlink.add_virtual_address(device.index, *address).await?;
            }
            news |= self.held.insert(*address) || !is_there;
        }
        if news || places.len() != self.cards.len() {
            self.cards = self.open(&interfaces, &places);
            self.announcements.begin(Instant::now());
            self.announce();
        }
        Ok(())
    }

    fn open(&mut self, interfaces: &[Interface], places: &BTreeMap<u32, Vec<IpAddr>>) -> Vec<Card> {
        let mut cards = Vec::new();
        for (index, addresses) in places {
            let Some(lan) = interfaces.iter().find(|found| found.index == *index) else {
                continue;
            };
            if addresses.iter().any(IpAddr::is_ipv4) {
                self.settings.let_arp_answer(&lan.name);
            }
            match Card::open(lan, addresses, &self.gate) {
                Ok(card) => cards.push(card),
                Err(error) => self
                    .problems
                    .push(format!("cannot speak on {}: {error}", lan.name)),
            }
        }
        cards
    }

    /// Gives up everything it has, and `previous`, wherever they are left on the device.
    pub(super) async fn withdraw(&mut self, netlink: &Netlink, previous: &BTreeSet<IpAddr>) {
        self.problems.clear();
        self.cards.clear();
        self.announcements.end();
        let all: Vec<IpAddr> = self.held.union(previous).copied().collect();
        if let Err(error) = self.remove(netlink, &all).await {
            self.problem(&error);
        }
    }

    async fn remove(&mut self, netlink: &Netlink, addresses: &[IpAddr]) -> Result<(), NetlinkError> {
        if addresses.is_empty() {
            return Ok(());
        }
        if let Some(device) = netlink.link(&self.device).await? {
            for address in addresses {
                netlink.remove_address(device, *address).await?;
                self.held.remove(address);
            }
        }
        for address in addresses {
            self.held.remove(address);
        }
        Ok(())
    }

    /// When [`Self::announce`] is to be called next.
    pub(super) fn next_announcement(&self) -> Option<Instant> {
        self.announcements.next()
    }

    /// Tells the LAN where the addresses are.
    pub(super) fn announce(&mut self) {
        self.announcements.said();
        if !self.gate.is_open() {
            return;
        }
        for card in &self.cards {
            if let Err(error) = card.announce() {
                tracing::debug!(%error, interface = card.name(), "cannot announce the virtual addresses");
            }
        }
    }

    /// What it has now.
    pub(super) fn held(&self) -> &BTreeSet<IpAddr> {
        &self.held
    }

    /// What did not work the last time, for people.
    pub(super) fn problems(&self) -> Vec<String> {
        let missed = self.settings.missed.iter().map(ToString::to_string);
        self.problems.iter().cloned().chain(missed).collect()
    }

    /// Kernel settings that were changed, which stay.
    pub(super) fn settings(&self) -> &RouterSettings {
        &self.settings
    }

    fn problem(&mut self, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        if let Some(cause) = error.source() {
            text.push_str(&format!(": {cause}"));
        }
        tracing::warn!(problem = text, "the virtual addresses are not as they are to be");
        self.problems.push(text);
    }
}

/// The interface on whose LAN an address is to be known: the one whose network holds it; the one that the user named
/// where several do, or none.
fn place<'a>(
    interfaces: &'a [Interface],
    device: &str,
    named: Option<&str>,
    address: IpAddr,
) -> Result<&'a Interface, String> {
    let others = || interfaces.iter().filter(|found| found.name != device);
    if let Some(owner) = others().find(|found| found.addresses.iter().any(|net| net.addr() == address)) {
        return Err(format!("the virtual address {address} is {}'s own", owner.name));
    }
    let holds = |found: &Interface| {
        let around = found.addresses.iter().filter(|net| net.contains(&address));
        around.map(|net| net.prefix_len()).max()
    };
    let is_named = |found: &Interface| Some(found.name.as_str()) == named;
    others()
        .filter(|found| found.mac.is_some() && (holds(found).is_some() || is_named(found)))
        .max_by_key(|found| (holds(found), is_named(found)))
        .ok_or_else(|| {
            format!("no interface of this host is in the network of the virtual address {address}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::ethernet::Mac;

    fn interface(index: u32, name: &str, nets: &[&str]) -> Interface {
        Interface {
            index,
            name: name.to_owned(),
            mac: (name != "tunnel" && name != "ppp").then_some(Mac([2, 0, 0, 0, 0, 1])),
            has_carrier: true,
            addresses: nets.iter().map(|net| net.parse().unwrap()).collect(),
        }
    }

    fn name(found: Result<&Interface, String>) -> String {
        found.map_or_else(|problem| problem, |found| found.name.clone())
    }

    #[test]
    fn an_address_belongs_where_its_network_is() {
        let all = [
            interface(1, "wan", &["198.18.0.11/24"]),
            interface(2, "wide", &["10.0.0.2/8"]),
            interface(3, "lan", &["10.10.0.2/24", "fd00:10:10::2/64"]),
            interface(4, "tunnel", &["10.10.0.1/32"]),
        ];
        let place = |named, address: &str| name(place(&all, "tunnel", named, address.parse().unwrap()));
        assert_eq!(place(None, "10.10.0.1"), "lan");
        assert_eq!(place(Some("wide"), "10.10.0.1"), "lan");
        assert_eq!(place(None, "10.99.0.1"), "wide");
        assert_eq!(place(None, "fd00:10:10::1"), "lan");
        assert_eq!(place(Some("wan"), "192.0.2.1"), "wan");
        assert!(place(None, "192.0.2.1").starts_with("no interface"));
        assert!(place(None, "10.10.0.2").ends_with("lan's own"));
    }

    #[test]
    fn of_two_interfaces_in_one_network_the_named_one_counts() {
        let all = [
            interface(2, "lan0", &["10.10.0.2/24"]),
            interface(3, "lan1", &["10.10.0.3/24"]),
        ];
        for named in ["lan0", "lan1"] {
            let found = place(&all, "tunnel", Some(named), "10.10.0.1".parse().unwrap());
            assert_eq!(name(found), named);
        }
    }
}
