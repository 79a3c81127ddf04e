//! The ranges that members of a mesh have their addresses from.

use std::net::IpAddr;

use super::MeshAddresses;
use crate::networks::{Family, Network};

/// An account's ranges, one of each family: its default subnets for devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeshRanges {
    v4: Network,
    v6: Network,
}

impl MeshRanges {
    /// These ranges; `None` unless the first is of IPv4 and the second of IPv6.
    #[must_use]
    pub fn new(v4: Network, v6: Network) -> Option<Self> {
        let families = (v4.family(), v6.family());
        (families == (Family::V4, Family::V6)).then_some(Self { v4, v6 })
    }

    /// Both, IPv4 first.
    #[must_use]
    pub const fn networks(self) -> [Network; 2] {
        [self.v4, self.v6]
    }

    /// The one of a family.
    #[must_use]
    pub const fn of(self, family: Family) -> Network {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// The hub's own addresses: the first that is usable in each range. `None` if a range has none.
    #[must_use]
    pub fn hub(self) -> Option<MeshAddresses> {
        match (usable(self.v4)?.hub(), usable(self.v6)?.hub()) {
            (IpAddr::V4(v4), IpAddr::V6(v6)) => Some(MeshAddresses { v4, v6 }),
            _ => None,
        }
    }
}

/// The addresses of a range that can be given out, as numbers: without the first one, which names the network, and
/// the last one, which reaches all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usable {
    family: Family,
    /// The hub's; members have those after it.
    first: u128,
    last: u128,
}

/// `None` for a range of one or two addresses.
pub(super) fn usable(range: Network) -> Option<Usable> {
    let (first, last) = (number(range.first()), number(range.last()));
    let (first, last) = (first.checked_add(1)?, last.checked_sub(1)?);
    let family = range.family();
    (first <= last).then_some(Usable { family, first, last })
}

impl Usable {
    fn hub(self) -> IpAddr {
        self.address(self.first)
    }

    /// The first that a member may have.
    pub(super) const fn first_of_members(self) -> u128 {
        self.first.saturating_add(1)
    }

    /// The last that a member may have.
    pub(super) const fn last_of_members(self) -> u128 {
        self.last
    }

    /// The address with this number.
    pub(super) fn address(self, number: u128) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::from(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()),
            Family::V6 => IpAddr::from(number.to_be_bytes()),
        }
    }
}

/// An address as a number of its own family.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn hub(v4: &str, v6: &str) -> Option<(String, String)> {
        let hub = MeshRanges::new(network(v4), network(v6)).unwrap().hub()?;
        Some((hub.v4.to_string(), hub.v6.to_string()))
    }

    #[test]
    fn the_hub_has_the_first_usable_address_of_each_range() {
        let both = |v4: &str, v6: &str| Some((v4.to_owned(), v6.to_owned()));
        assert_eq!(hub("100.96.0.0/12", "fd00::/64"), both("100.96.0.1", "fd00::1"));
        assert_eq!(hub("10.0.0.4/30", "fd00::8/126"), both("10.0.0.5", "fd00::9"));
        for (v4, v6) in [
            ("10.0.0.4/31", "fd00::/64"),
            ("10.0.0.4/32", "fd00::/64"),
            ("10.0.0.0/24", "fd00::/127"),
            ("10.0.0.0/24", "fd00::/128"),
        ] {
            assert_eq!(hub(v4, v6), None, "{v4} {v6}");
        }
    }

    #[test]
    fn ranges_are_one_of_each_family() {
        let (v4, v6) = (network("10.0.0.0/8"), network("fd00::/8"));
        let ranges = MeshRanges::new(v4, v6).unwrap();
        assert_eq!(ranges.networks(), [ranges.of(Family::V4), ranges.of(Family::V6)]);
        for (first, second) in [(v6, v4), (v4, v4), (v6, v6)] {
            assert_eq!(MeshRanges::new(first, second), None);
        }
    }
}
