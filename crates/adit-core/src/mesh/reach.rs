//! Networks that are told to a member.

use crate::networks::Network;

/// The networks that are part of no other one of them, in order, each once. Whoever routes these routes all.
#[must_use]
pub fn without_contained(mut networks: Vec<Network>) -> Vec<Network> {
    // The one that holds others comes before them: it starts at or before them, and is shorter.
    networks.sort_unstable_by_key(|network| (network.first(), network.length()));
    let mut kept: Vec<Network> = Vec::new();
    for network in networks {
        if kept.last().is_none_or(|last| !last.contains(network)) {
            kept.push(network);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_lies_in_another_is_left_out() {
        let all = networks(&[
            "10.1.0.0/16",
            "fd00::/64",
            "10.0.0.0/8",
            "10.0.0.0/8",
            "192.168.1.0/24",
            "fd00::1",
        ]);
        let kept = networks(&["10.0.0.0/8", "192.168.1.0/24", "fd00::/64"]);
        assert_eq!(without_contained(all), kept);
        assert_eq!(without_contained(Vec::new()), []);
    }

    proptest! {
        #[test]
        fn what_is_kept_covers_all_and_nothing_twice(
            parts in prop::collection::vec((0_u32..16, 0_u8..=32, any::<bool>()), 0..30),
        ) {
            let all: Vec<_> = parts.into_iter().filter_map(|(bits, length, is_v4)| {
                if is_v4 {
                    Network::new(IpAddr::from((bits << 28).to_be_bytes()), length)
                } else {
                    Network::new(IpAddr::from((u128::from(bits) << 124).to_be_bytes()), length)
                }
            }).collect();
            let kept = without_contained(all.clone());
            for network in &all {
                prop_assert_eq!(kept.iter().filter(|one| one.contains(*network)).count(), 1);
            }
            prop_assert!(kept.iter().all(|one| all.contains(one)));
        }
    }
}
