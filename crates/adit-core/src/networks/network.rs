//! IP networks in one form, and which of them hold which.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};

/// An IP network without host bits. A network of IPv4 addresses mapped into IPv6 is the IPv4 network itself, so that
/// the same addresses never have two names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A text that is neither a network in CIDR notation nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Could not parse input: expected an IPv4 or IPv6 network in CIDR notation, such as 10.0.0.0/8")]
pub struct NetworkParseError;

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }

    /// The version number of its protocol: 4 or 6.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// The family with that version number.
    #[must_use]
    pub fn of_version(version: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.version() == version)
    }
}

/// A text that names no [`Family`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected v4 or v6")]
pub struct FamilyError;

impl FromStr for Family {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, FamilyError> {
        let named = |family: &Self| family.as_str() == text;
        Self::ALL.into_iter().find(named).ok_or(FamilyError)
    }
}

impl Network {
    /// The network of one address.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }

    /// The network that starts at the first `length` bits of an address; `None` if it has fewer bits.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        IpNet::new(address, length).ok().map(Self::normal)
    }

    fn normal(network: IpNet) -> Self {
        let network = network.trunc();
        let mapped = match network {
            IpNet::V6(v6) => v6.prefix_len().checked_sub(96).and_then(|length| {
                let address = v6.network().to_ipv4_mapped()?;
                Ipv4Net::new(address, length).ok()
            }),
            IpNet::V4(_) => None,
        };
        Self(mapped.map_or(network, IpNet::V4))
    }

    /// Its family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self.0 {
            IpNet::V4(_) => Family::V4,
            IpNet::V6(_) => Family::V6,
        }
    }

    /// How many leading bits its addresses share: up to 32 or 128.
    #[must_use]
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Its first address.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.0.network()
    }

    /// Its last address.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.0.broadcast()
    }

    /// True if every address of `other` is one of its own.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// True if they have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The first address of every network that contains this one, each once. Whoever contains it starts at one of
    /// them and ends no earlier than it does, which an index can find.
    #[must_use]
    pub fn starts_of_containing(self) -> Vec<IpAddr> {
        let mut starts: Vec<IpAddr> = (0..=self.length())
            .filter_map(|length| IpNet::new(self.first(), length).ok())
            .map(|network| network.network())
            .collect();
        starts.dedup();
        starts
    }

    /// An address as 16 bytes that sort as addresses of its family do: one of IPv4 mapped into IPv6.
    #[must_use]
    pub const fn sortable(address: IpAddr) -> [u8; 16] {
        match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }

    /// What [`Network::sortable`] and the other parts of a network were made from.
    #[must_use]
    pub fn from_sortable(family: Family, first: [u8; 16], length: u8) -> Option<Self> {
        let first = Ipv6Addr::from(first);
        let address = match family {
            Family::V4 => IpAddr::V4(first.to_ipv4_mapped()?),
            Family::V6 => IpAddr::V6(first),
        };
        Self::new(address, length)
    }
}

impl FromStr for Network {
    type Err = NetworkParseError;

    /// Reads CIDR notation, or an address, which stands for itself alone. Host bits are cleared.
    fn from_str(text: &str) -> Result<Self, NetworkParseError> {
        let Some((address, length)) = text.split_once('/') else {
            let address: IpAddr = text.parse().map_err(|_| NetworkParseError)?;
            return Ok(Self::of_address(address));
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkParseError)?;
        let is_number = !length.is_empty() && length.len() <= 3 && length.bytes().all(|b| b.is_ascii_digit());
        let length = is_number.then(|| length.parse().ok()).flatten();
        length
            .and_then(|length| Self::new(address, length))
            .ok_or(NetworkParseError)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_one_form() {
        for (given, kept) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(given).to_string(), kept, "{given}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/8/8",
            "a/8",
            " 10.0.0.0/8",
            "10.0.0.0/0008",
            "fe80::1%eth0/64",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkParseError), "{text:?}");
        }
    }

    #[test]
    fn families_do_not_contain_each_other() {
        assert!(!network("::/0").contains(network("10.0.0.0/8")));
        assert!(!network("0.0.0.0/0").overlaps(network("2001:db8::/32")));
    }

    fn any_network() -> impl Strategy<Value = Network> {
        // Few distinct bits, so that networks meet often.
        let v4 = (0_u32..16, 0_u8..=32)
            .prop_map(|(bits, length)| (IpAddr::from((bits << 28).to_be_bytes()), length));
        let v6 = (0_u128..16, 0_u8..=128)
            .prop_map(|(bits, length)| (IpAddr::from((bits << 124).to_be_bytes()), length));
        prop_oneof![v4, v6].prop_map(|(address, length)| Network::new(address, length).unwrap())
    }

    /// What the store does, in memory.
    fn indexed_containing(all: &[Network], wanted: Network) -> Vec<Network> {
        let starts: Vec<_> = wanted
            .starts_of_containing()
            .into_iter()
            .map(Network::sortable)
            .collect();
        let last = Network::sortable(wanted.last());
        let found = |network: &&Network| {
            network.family() == wanted.family()
                && starts.contains(&Network::sortable(network.first()))
                && Network::sortable(network.last()) >= last
        };
        all.iter().filter(found).copied().collect()
    }

    proptest! {
        #[test]
        fn a_text_reads_back(network in any_network()) {
            prop_assert_eq!(network.to_string().parse(), Ok(network));
            let first = Network::sortable(network.first());
            prop_assert_eq!(Network::from_sortable(network.family(), first, network.length()), Some(network));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<Network>();
        }

        #[test]
        fn bits_decide_who_contains_whom(one in any_network(), other in any_network()) {
            let within = |address: IpAddr| {
                let (first, last, address) = (Network::sortable(one.first()), Network::sortable(one.last()), Network::sortable(address));
                first <= address && address <= last
            };
            let naive = one.family() == other.family() && within(other.first()) && within(other.last());
            prop_assert_eq!(one.contains(other), naive);
        }

        #[test]
        fn an_index_of_starts_finds_all_that_contain(all in prop::collection::vec(any_network(), 0..30), wanted in any_network()) {
            let naive: Vec<_> = all.iter().filter(|network| network.contains(wanted)).copied().collect();
            prop_assert_eq!(indexed_containing(&all, wanted), naive);
        }

        #[test]
        fn the_longest_that_contains_an_address_is_the_most_specific(all in prop::collection::vec(any_network(), 0..30), bits: u32) {
            let address = Network::of_address(std::net::Ipv4Addr::from(bits).into());
            let best = indexed_containing(&all, address).into_iter().max_by_key(|network| network.length());
            let inside = |network: &&Network| network.contains(address);
            let naive = all.iter().filter(inside).min_by(|a, b| {
                if a.contains(**b) && a != b { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less }
            });
            prop_assert_eq!(best.map(Network::length), naive.copied().map(Network::length));
        }
    }
}
