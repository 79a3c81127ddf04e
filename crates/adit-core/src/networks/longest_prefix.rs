//! What belongs to IP networks.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::{Family, Network};

/// What belongs to IP networks: of those that hold an address, the one with the longest prefix counts.
#[derive(Debug, Clone)]
pub struct NetworkMap<T> {
    values: HashMap<Network, T>,
    /// How many networks there are of each length, longest last: a look-up tries no other length.
    lengths: BTreeMap<(Family, u8), usize>,
}

impl<T> Default for NetworkMap<T> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            lengths: BTreeMap::new(),
        }
    }
}

impl<T> NetworkMap<T> {
    /// Sets what belongs to a network.
    pub fn insert(&mut self, network: Network, value: T) {
        if self.values.insert(network, value).is_none() {
            *self.lengths.entry(length(network)).or_default() += 1;
        }
    }

    /// Takes away what belongs to just that network.
    pub fn remove(&mut self, network: Network) -> Option<T> {
        let value = self.values.remove(&network)?;
        if let Some(count) = self.lengths.get_mut(&length(network)) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length(network));
            }
        }
        Some(value)
    }

    /// What belongs to just that network.
    #[must_use]
    pub fn get(&self, network: Network) -> Option<&T> {
        self.values.get(&network)
    }

    /// What belongs to an address. IPv4 in IPv6 form is IPv4.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> Option<&T> {
        let whole = Network::of_address(address);
        let lengths = self.lengths.range((whole.family(), 0)..=length(whole));
        lengths
            .rev()
            .filter_map(|((_, length), _)| Network::new(whole.first(), *length))
            .find_map(|network| self.values.get(&network))
    }

    /// True without a single network.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

fn length(network: Network) -> (Family, u8) {
    (network.family(), network.length())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_network() -> impl Strategy<Value = Network> {
        // Few distinct addresses, so that networks meet often.
        let v4 = (0_u32..16, 0_u8..=32)
            .prop_map(|(bits, length)| (IpAddr::from((bits << 28).to_be_bytes()), length));
        let v6 = (0_u128..16, 0_u8..=128)
            .prop_map(|(bits, length)| (IpAddr::from((bits << 124).to_be_bytes()), length));
        prop_oneof![v4, v6].prop_map(|(address, length)| Network::new(address, length).unwrap())
    }

    proptest! {
        #[test]
        fn an_address_finds_what_a_naive_search_finds(
            networks in proptest::collection::vec((any_network(), any::<bool>()), 0..40),
            wanted in any_network(),
        ) {
            let mut map = NetworkMap::default();
            let mut naive: Vec<(Network, usize)> = Vec::new();
            for (value, (network, stays)) in networks.into_iter().enumerate() {
                naive.retain(|(other, _)| *other != network);
                map.insert(network, value);
                if stays {
                    naive.push((network, value));
                } else {
                    prop_assert_eq!(map.remove(network), Some(value));
                }
            }
            let address = Network::of_address(wanted.first());
            let expected = naive
                .iter()
                .filter(|(network, _)| network.contains(address))
                .max_by_key(|(network, _)| network.length())
                .map(|(_, value)| value);
            prop_assert_eq!(map.lookup(wanted.first()), expected);
            prop_assert_eq!(map.is_empty(), naive.is_empty());
        }
    }

    #[test]
    fn families_are_apart_and_a_mapped_address_is_the_address() {
        let mut map = NetworkMap::default();
        map.insert("::/0".parse().unwrap(), 6);
        map.insert("10.0.0.0/8".parse().unwrap(), 4);
        assert_eq!(map.lookup("10.1.2.3".parse().unwrap()), Some(&4));
        assert_eq!(map.lookup("::ffff:10.1.2.3".parse().unwrap()), Some(&4));
        assert_eq!(map.lookup("192.0.2.1".parse().unwrap()), None);
        assert_eq!(map.lookup("2001:db8::1".parse().unwrap()), Some(&6));
    }
}
