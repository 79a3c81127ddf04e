//! Which routes the node installs: decided from what it was told and what the host has, without touching either.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// One route of the host's main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRoute {
    /// Its destination.
    pub to: IpNet,
    /// Whether its hosts are reached without a gateway.
    pub on_link: bool,
}

/// Where the node's own table sends a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into the tunnel.
    Mesh,
    /// On to the host's own routes, as if the table had no route for it.
    Host,
}

/// Why a prefix was not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host is in that network itself, or in a larger one around it.
    #[error("the host is in {0} itself")]
    OnLink(IpNet),
}

/// The content of the node's own table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutePlan {
    /// Every entry.
    pub entries: BTreeMap<IpNet, Way>,
    /// What was told and left out.
    pub refused: BTreeMap<IpNet, Refusal>,
}

impl RoutePlan {
    /// Decides for the prefixes that the node was `told` to carry.
    ///
    /// A prefix that the host is in itself is left out. Where a route of the host, or an address that must stay reachable
    /// as it is (`kept`: the edge, the administrator), lies within a prefix, it goes on as before: the longest prefix wins
    /// over both tables. What never leaves a link stays there, even when everything is carried.
    #[must_use]
    pub fn make(told: &BTreeSet<IpNet>, host: &[HostRoute], kept: &BTreeSet<IpAddr>) -> Self {
        let told: BTreeSet<IpNet> = told.iter().map(IpNet::trunc).collect();
        let mut plan = Self::default();
        for prefix in told {
            let around = host
                .iter()
                .find(|route| route.on_link && route.to.prefix_len() > 0 && route.to.contains(&prefix));
            if let Some(route) = around {
                plan.refused.insert(prefix, Refusal::OnLink(route.to));
            } else {
                plan.entries.insert(prefix, Way::Mesh);
            }
        }
        let carried: Vec<IpNet> = plan.entries.keys().copied().collect();
        let mut stay = |net: IpNet| {
            let net = net.trunc();
            if carried
                .iter()
                .any(|prefix| *prefix != net && prefix.contains(&net))
            {
                plan.entries.entry(net).or_insert(Way::Host);
            }
        };
        host.iter()
            .filter(|route| route.to.prefix_len() > 0)
            .for_each(|route| stay(route.to));
        kept.iter().for_each(|address| stay(IpNet::from(*address)));
        local_only().for_each(&mut stay);
        plan
    }

    /// The prefixes that lead into the tunnel.
    pub fn carried(&self) -> impl Iterator<Item = IpNet> {
        self.entries
            .iter()
            .filter(|(_, way)| **way == Way::Mesh)
            .map(|(net, _)| *net)
    }

    /// Where a packet to that address goes; `None` if the table has nothing for it.
    #[must_use]
    pub fn way(&self, to: IpAddr) -> Option<(IpNet, Way)> {
        self.entries
            .iter()
            .filter(|(net, _)| net.contains(&to))
            .max_by_key(|(net, _)| net.prefix_len())
            .map(|(net, way)| (*net, *way))
    }
}

/// Addresses that mean something on one link only, metadata services of clouds among them.
fn local_only() -> impl Iterator<Item = IpNet> {
    let v4 = |address: Ipv4Addr, len| Ipv4Net::new(address, len).map(IpNet::V4);
    let v6 = |address: Ipv6Addr, len| Ipv6Net::new(address, len).map(IpNet::V6);
    [
        v4(Ipv4Addr::new(169, 254, 0, 0), 16),
        v4(Ipv4Addr::new(224, 0, 0, 0), 4),
        v4(Ipv4Addr::BROADCAST, 32),
        v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn nets(texts: &[&str]) -> BTreeSet<IpNet> {
        texts.iter().map(|text| net(text)).collect()
    }

    fn route(text: &str, on_link: bool) -> HostRoute {
        HostRoute {
            to: net(text),
            on_link,
        }
    }

    fn addresses(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_network_that_the_host_is_in_is_never_routed_away() {
        let host = [route("10.20.0.0/24", true), route("0.0.0.0/0", false)];
        let plan = RoutePlan::make(
            &nets(&["10.20.0.0/24", "10.20.0.128/25", "10.10.0.0/24"]),
            &host,
            &BTreeSet::new(),
        );
        assert_eq!(plan.carried().collect::<Vec<_>>(), [net("10.10.0.0/24")]);
        assert_eq!(
            plan.refused[&net("10.20.0.128/25")],
            Refusal::OnLink(net("10.20.0.0/24"))
        );
    }

    #[test]
    fn the_hosts_own_networks_within_a_carried_prefix_stay_as_they_are() {
        let host = [
            route("10.20.0.0/24", true),
            route("10.30.0.0/16", false),
            route("0.0.0.0/0", false),
        ];
        let plan = RoutePlan::make(&nets(&["10.0.0.0/8", "10.30.7.0/24"]), &host, &BTreeSet::new());
        let way = |to: &str| plan.way(to.parse().unwrap()).map(|(_, way)| way);
        assert_eq!(way("10.20.0.9"), Some(Way::Host));
        assert_eq!(way("10.30.8.1"), Some(Way::Host));
        assert_eq!(way("10.30.7.1"), Some(Way::Mesh));
        assert_eq!(way("10.99.0.1"), Some(Way::Mesh));
        assert_eq!(way("192.0.2.1"), None);
    }

    #[test]
    fn everything_is_carried_only_when_told_and_never_the_edge_or_the_administrator() {
        let host = [route("192.168.1.0/24", true), route("0.0.0.0/0", false)];
        let kept = addresses(&["198.51.100.1", "203.0.113.9"]);
        let some = RoutePlan::make(&nets(&["10.10.0.0/24"]), &host, &kept);
        assert_eq!(some.entries.len(), 1);

        let all = RoutePlan::make(&nets(&["0.0.0.0/0"]), &host, &kept);
        let way = |to: &str| all.way(to.parse().unwrap()).map(|(_, way)| way);
        assert_eq!(way("1.1.1.1"), Some(Way::Mesh));
        for stays in [
            "198.51.100.1",
            "203.0.113.9",
            "192.168.1.1",
            "169.254.169.254",
            "224.0.0.5",
        ] {
            assert_eq!(way(stays), Some(Way::Host), "{stays}");
        }
        assert_eq!(all.way("2001:db8::1".parse().unwrap()), None);
    }

    #[test]
    fn a_default_route_without_gateway_is_no_network_that_the_host_is_in() {
        let host = [route("0.0.0.0/0", true)];
        let plan = RoutePlan::make(&nets(&["10.10.0.0/24"]), &host, &BTreeSet::new());
        assert!(plan.refused.is_empty());
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        (0_u32..4, 0_u32..=255, 0_u8..=12).prop_map(|(high, low, len)| {
            let address = Ipv4Addr::from((10 << 24) | (high << 22) | (low << 14));
            IpNet::V4(Ipv4Net::new(address, len + 6).unwrap().trunc())
        })
    }

    proptest! {
        #[test]
        fn no_host_on_a_link_and_no_kept_address_ever_leaves_by_the_mesh(
            told in proptest::collection::btree_set(any_net(), 0..8),
            host in proptest::collection::vec((any_net(), any::<bool>()), 0..8),
            kept in proptest::collection::btree_set((0_u32..1 << 26).prop_map(|low| IpAddr::V4(Ipv4Addr::from((10 << 24) | low))), 0..4),
            to in 0_u32..1 << 26,
        ) {
            let host: Vec<HostRoute> = host.into_iter().map(|(to, on_link)| HostRoute { to, on_link }).collect();
            let plan = RoutePlan::make(&told, &host, &kept);
            let to = IpAddr::V4(Ipv4Addr::from((10 << 24) | to));
            let longest = |nets: &mut dyn Iterator<Item = IpNet>| {
                nets.filter(|net| net.contains(&to)).map(|net| net.prefix_len()).max()
            };
            let by_host = longest(&mut host.iter().map(|route| route.to));
            let by_mesh = longest(&mut plan.carried());
            let goes = plan.way(to).map(|(_, way)| way);
            if kept.contains(&to) && by_mesh.is_none_or(|len| len < 32) {
                prop_assert_ne!(goes, Some(Way::Mesh));
            } else if goes == Some(Way::Mesh) {
                prop_assert!(by_mesh >= by_host);
            } else {
                prop_assert!(by_mesh.is_none() || by_host > by_mesh);
            }
            for net in plan.carried() {
                prop_assert!(told.contains(&net));
                prop_assert!(!host.iter().any(|route| route.on_link && route.to.contains(&net)));
            }
        }
    }
}
