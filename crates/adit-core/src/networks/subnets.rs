//! Subnets: the ranges that an account's own addresses come from.

use std::{net::IpAddr, str::FromStr};

use adit_model::AccountId;

use super::{Family, Network};

/// What addresses of a subnet are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubnetKind {
    /// Devices and mesh nodes. An account may have many.
    Warp,
    /// Sources of traffic that the service itself sends. One for each family.
    CloudflareSource,
    /// Stand-ins that private host names resolve to at first. One for each family.
    InitialResolvedIp,
}

impl SubnetKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Warp, Self::CloudflareSource, Self::InitialResolvedIp];

    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warp => "warp",
            Self::CloudflareSource => "cloudflare_source",
            Self::InitialResolvedIp => "initial_resolved_ip",
        }
    }
}

/// A text that names no [`SubnetKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected warp, cloudflare_source or initial_resolved_ip")]
pub struct SubnetKindError;

impl FromStr for SubnetKind {
    type Err = SubnetKindError;

    fn from_str(text: &str) -> Result<Self, SubnetKindError> {
        let named = |kind: &Self| kind.as_str() == text;
        Self::ALL.into_iter().find(named).ok_or(SubnetKindError)
    }
}

/// Why a network may not be a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// Not inside a range for private use.
    #[error("must lie in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7")]
    NotPrivate,
    /// The subnet has another address family.
    #[error("must be of the subnet's own address family")]
    OtherFamily,
    /// It shares addresses with another subnet of the account.
    #[error("overlaps the subnet {0}")]
    Overlaps(Network),
}

/// A subnet that an account starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialSubnet {
    /// What it is for.
    pub kind: SubnetKind,
    /// Its name.
    pub name: &'static str,
    /// Its addresses.
    pub network: Network,
    /// Whether new devices take their addresses from it.
    pub is_default: bool,
}

/// Ranges for private use: RFC 1918, RFC 6598 (shared addresses) and RFC 4193 (unique local addresses).
const PRIVATE: [(IpAddr, u8); 5] = [
    (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(std::net::Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 0, 0)), 10),
    (
        IpAddr::V6(std::net::Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)),
        7,
    ),
];

/// The largest number that every client reads exactly from JSON.
const MOST_COUNTED: u64 = (1 << 53) - 1;

/// The subnets that an account starts with, in the order in which they are listed. The IPv4 ranges are those that the
/// hosted service documents as its own. The IPv6 ranges are unique local addresses whose global id is the start of the
/// account's id, so that accounts that are joined one day do not collide.
#[must_use]
pub fn initial_subnets(account: AccountId) -> Vec<InitialSubnet> {
    let v4 = |third: u8, length| Network::new(IpAddr::from([100, third, 0, 0]), length);
    let v6 = |subnet: u8| Network::new(IpAddr::from(unique_local(account, subnet)), 64);
    let subnet = |kind, name, network: Option<Network>| {
        network.map(|network| InitialSubnet {
            kind,
            name,
            network,
            is_default: kind == SubnetKind::Warp,
        })
    };
    [
        subnet(SubnetKind::Warp, "IPv4 device addresses", v4(96, 12)),
        subnet(SubnetKind::Warp, "IPv6 device addresses", v6(1)),
        subnet(SubnetKind::CloudflareSource, "IPv4 source addresses", v4(64, 12)),
        subnet(SubnetKind::CloudflareSource, "IPv6 source addresses", v6(2)),
        subnet(
            SubnetKind::InitialResolvedIp,
            "IPv4 initial resolved addresses",
            v4(80, 16),
        ),
        subnet(
            SubnetKind::InitialResolvedIp,
            "IPv6 initial resolved addresses",
            v6(3),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn unique_local(account: AccountId, subnet: u8) -> [u8; 16] {
    let mut address = [0; 16];
    let id = account.as_bytes().iter().take(5);
    for (to, from) in address.iter_mut().zip(std::iter::once(&0xfd).chain(id)) {
        *to = *from;
    }
    address[7] = subnet;
    address
}

/// Whether `network` may be a subnet beside the `others` of the account. A subnet keeps its `family`, once it has one.
///
/// # Errors
/// [`SubnetError`] says what is in the way.
pub fn check_subnet(
    network: Network,
    family: Option<Family>,
    others: impl IntoIterator<Item = Network>,
) -> Result<(), SubnetError> {
    if family.is_some_and(|family| family != network.family()) {
        return Err(SubnetError::OtherFamily);
    }
    let private = PRIVATE
        .iter()
        .filter_map(|(first, length)| Network::new(*first, *length));
    if !private.into_iter().any(|range| range.contains(network)) {
        return Err(SubnetError::NotPrivate);
    }
    match others.into_iter().find(|other| other.overlaps(network)) {
        Some(other) => Err(SubnetError::Overlaps(other)),
        None => Ok(()),
    }
}

/// How many addresses of a subnet can be given out: of IPv4 without the first and the last, if there are more. No
/// number is above 2^53 - 1.
#[must_use]
pub fn capacity(network: Network) -> u64 {
    let bits = match network.family() {
        Family::V4 => 32_u32,
        Family::V6 => 128,
    };
    let free = bits.saturating_sub(u32::from(network.length()));
    let all = 1_u64.checked_shl(free).unwrap_or(MOST_COUNTED).min(MOST_COUNTED);
    match network.family() {
        Family::V4 if all > 2 => all - 2,
        Family::V4 | Family::V6 => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_starts_with_subnets_that_may_be() {
        let account: AccountId = "699d98642c564d2e855e9661899b7252".parse().unwrap();
        let initial = initial_subnets(account);
        let networks: Vec<_> = initial.iter().map(|subnet| subnet.network).collect();
        let texts: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "100.96.0.0/12",
                "fd69:9d98:642c:1::/64",
                "100.64.0.0/12",
                "fd69:9d98:642c:2::/64",
                "100.80.0.0/16",
                "fd69:9d98:642c:3::/64",
            ]
        );
        for (index, network) in networks.iter().enumerate() {
            let others = networks.iter().enumerate().filter(|(other, _)| *other != index);
            check_subnet(*network, None, others.map(|(_, other)| *other)).unwrap();
        }
    }

    #[test]
    fn a_subnet_is_private_keeps_its_family_and_overlaps_none() {
        let others = [network("10.0.0.0/24"), network("fd00::/64")];
        let check = |text: &str, family| check_subnet(network(text), family, others);
        assert_eq!(check("10.0.1.0/24", None), Ok(()));
        assert_eq!(check("10.0.1.0/24", Some(Family::V4)), Ok(()));
        assert_eq!(
            check("10.0.1.0/24", Some(Family::V6)),
            Err(SubnetError::OtherFamily)
        );
        for public in [
            "8.8.8.0/24",
            "0.0.0.0/0",
            "100.0.0.0/8",
            "2001:db8::/64",
            "::/0",
            "127.0.0.0/8",
        ] {
            assert_eq!(check(public, None), Err(SubnetError::NotPrivate), "{public}");
        }
        for (taken, by) in [
            ("10.0.0.128/25", others[0]),
            ("10.0.0.0/8", others[0]),
            ("fd00::1", others[1]),
        ] {
            assert_eq!(check(taken, None), Err(SubnetError::Overlaps(by)), "{taken}");
        }
    }

    #[test]
    fn capacity_counts_what_can_be_given_out() {
        for (text, count) in [
            ("10.0.0.0/8", 16_777_214),
            ("10.0.0.0/30", 2),
            ("10.0.0.0/31", 2),
            ("10.0.0.0/32", 1),
            ("fd00::/128", 1),
            ("fd00::/120", 256),
            ("fd00::/64", MOST_COUNTED),
            ("fc00::/7", MOST_COUNTED),
        ] {
            assert_eq!(capacity(network(text)), count, "{text}");
        }
    }
}
