//! Which address a new member of a mesh gets.
//!
//! Whoever gave up an address may still be sent packets, so it is the last to be given again: first come addresses
//! that nobody has had for as long as that is remembered, and of the others the one that is free the longest.

use std::net::IpAddr;

use super::ranges::{Usable, number, usable};
use crate::networks::Network;

/// A search for the next free address of a range. Asks for what it must know of the addresses that are *known*:
/// those that a member has, and those that one had. Mostly one question is enough, however many there are.
#[derive(Debug, Clone, Copy)]
pub struct AddressSearch {
    usable: Option<Usable>,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Highest,
    Gap { from: u128 },
    LongestFree,
    Done(Option<u128>),
}

/// What a search needs next, or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The highest known address from the first to the second one; answer with [`AddressSearch::highest`].
    Highest(IpAddr, IpAddr),
    /// The lowest known addresses from the first to the second one, in order, as many as are at hand; answer with
    /// [`AddressSearch::lowest`].
    Lowest(IpAddr, IpAddr),
    /// The address from the first to the second one that was given up before all others; answer with
    /// [`AddressSearch::longest_free`].
    LongestFree(IpAddr, IpAddr),
    /// This one is free.
    Found(IpAddr),
    /// Every address has its member.
    Full,
}

impl AddressSearch {
    /// A search in a range.
    #[must_use]
    pub fn new(range: Network) -> Self {
        let usable = usable(range).filter(|usable| usable.first_of_members() <= usable.last_of_members());
        let step = if usable.is_some() {
            Step::Highest
        } else {
            Step::Done(None)
        };
        Self { usable, step }
    }

    /// What it needs now, or what it found.
    #[must_use]
    pub fn next(&self) -> Next {
        let Some(usable) = self.usable else {
            return Next::Full;
        };
        let from = |first| (usable.address(first), usable.address(usable.last_of_members()));
        match self.step {
            Step::Highest => {
                let (first, last) = from(usable.first_of_members());
                Next::Highest(first, last)
            }
            Step::Gap { from: first } => {
                let (first, last) = from(first);
                Next::Lowest(first, last)
            }
            Step::LongestFree => {
                let (first, last) = from(usable.first_of_members());
                Next::LongestFree(first, last)
            }
            Step::Done(Some(found)) => Next::Found(usable.address(found)),
            Step::Done(None) => Next::Full,
        }
    }

    /// The highest known address; `None` if none is known.
    pub fn highest(&mut self, known: Option<IpAddr>) {
        let (Some(usable), Step::Highest) = (self.usable, self.step) else {
            return;
        };
        let next = match known {
            Some(known) => number(known).saturating_add(1),
            None => usable.first_of_members(),
        };
        self.step = if next <= usable.last_of_members() {
            Step::Done(Some(next.max(usable.first_of_members())))
        } else {
            Step::Gap {
                from: usable.first_of_members(),
            }
        };
    }

    /// The lowest known addresses, in order. `all` if there are no more than these.
    pub fn lowest(&mut self, known: &[IpAddr], all: bool) {
        let (Some(usable), Step::Gap { from }) = (self.usable, self.step) else {
            return;
        };
        let mut free = from;
        let mut found = all || known.is_empty();
        for known in known {
            if number(*known) > free {
                found = true;
                break;
            }
            free = number(*known).saturating_add(1).max(free);
        }
        self.step = if free > usable.last_of_members() {
            Step::LongestFree
        } else if found || free == from {
            Step::Done(Some(free))
        } else {
            Step::Gap { from: free }
        };
    }

    /// The address that was given up before all others; `None` if every known one has its member.
    pub fn longest_free(&mut self, known: Option<IpAddr>) {
        if self.step == Step::LongestFree {
            self.step = Step::Done(known.map(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    use proptest::prelude::*;

    use super::*;

    /// What a store knows, and how often it was asked.
    #[derive(Default)]
    struct Known {
        taken: BTreeSet<IpAddr>,
        freed: VecDeque<IpAddr>,
        asked: usize,
    }

    impl Known {
        /// How many addresses one answer holds.
        const AT_HAND: usize = 7;

        fn give(&mut self, range: Network) -> Option<IpAddr> {
            let mut search = AddressSearch::new(range);
            loop {
                self.asked += 1;
                let mut known: Vec<_> = self.taken.iter().chain(&self.freed).copied().collect();
                known.sort_unstable();
                match search.next() {
                    Next::Highest(first, last) => {
                        search.highest(
                            known
                                .iter()
                                .rev()
                                .find(|one| (first..=last).contains(*one))
                                .copied(),
                        );
                    }
                    Next::Lowest(first, last) => {
                        known.retain(|one| (first..=last).contains(one));
                        let all = known.len() < Self::AT_HAND;
                        known.truncate(Self::AT_HAND);
                        search.lowest(&known, all);
                    }
                    Next::LongestFree(first, last) => {
                        let free = self.freed.iter().find(|one| (first..=last).contains(*one));
                        search.longest_free(free.copied());
                    }
                    Next::Found(address) => {
                        self.freed.retain(|freed| *freed != address);
                        assert!(self.taken.insert(address), "{address} has its member");
                        return Some(address);
                    }
                    Next::Full => return None,
                }
            }
        }

        fn free(&mut self, address: IpAddr) {
            assert!(self.taken.remove(&address));
            self.freed.push_back(address);
        }
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn the_network_its_broadcast_address_and_the_hub_are_never_given() {
        for (range, given) in [
            (
                "10.0.0.0/29",
                &["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"][..],
            ),
            ("fd00::/126", &["fd00::2"]),
            ("10.0.0.0/30", &["10.0.0.2"]),
            ("10.0.0.0/31", &[]),
            ("10.0.0.0/32", &[]),
            ("fd00::/127", &[]),
        ] {
            let mut known = Known::default();
            let all: Vec<_> = std::iter::from_fn(|| known.give(network(range)))
                .map(|address| address.to_string())
                .collect();
            assert_eq!(all, given, "{range}");
        }
    }

    #[test]
    fn ten_thousand_members_cost_no_more_than_one() {
        let (range, mut known) = (network("100.96.0.0/12"), Known::default());
        for member in 0_u32..10_000 {
            known
                .taken
                .insert(IpAddr::from((0x6460_0002 + member).to_be_bytes()));
        }
        assert_eq!(known.give(range), Some("100.96.39.18".parse().unwrap()));
        assert_eq!(known.asked, 2, "one question and its answer");
    }

    proptest! {
        #[test]
        fn addresses_are_unique_in_the_range_and_given_again_only_when_no_other_is_left(
            length in 24_u8..=30,
            acts in prop::collection::vec(prop::option::weighted(0.4, any::<prop::sample::Index>()), 0..400),
        ) {
            let range = Network::new("10.0.0.0".parse().unwrap(), length).unwrap();
            let room = (1_usize << (32 - length)) - 3;
            let mut known = Known::default();
            let mut had = BTreeMap::<IpAddr, usize>::new();
            for act in acts {
                match act {
                    Some(index) if !known.taken.is_empty() => {
                        let address = *index.get(&known.taken.iter().copied().collect::<Vec<_>>());
                        known.free(address);
                    }
                    _ => {
                        let (members, longest) = (known.taken.len(), known.freed.front().copied());
                        let Some(address) = known.give(range) else {
                            prop_assert_eq!(members, room);
                            continue;
                        };
                        prop_assert!(range.contains(Network::of_address(address)));
                        let number = number(address) - number(range.first());
                        prop_assert!(number >= 2 && number <= room as u128 + 1);
                        if had.contains_key(&address) {
                            prop_assert_eq!(had.len(), room, "others were never given");
                            prop_assert_eq!(Some(address), longest);
                        }
                        *had.entry(address).or_default() += 1;
                    }
                }
            }
        }

        #[test]
        fn what_was_forgotten_is_found_again(
            length in 24_u8..=29,
            forgotten in prop::collection::btree_set(2_u32..254, 0..20),
        ) {
            let range = Network::new("10.0.0.0".parse().unwrap(), length).unwrap();
            let mut known = Known::default();
            while known.give(range).is_some() {}
            let forgotten: BTreeSet<IpAddr> = forgotten
                .into_iter()
                .map(|last| IpAddr::from((0x0a00_0000 + last).to_be_bytes()))
                .filter(|address| known.taken.remove(address))
                .collect();
            let again: BTreeSet<_> = std::iter::from_fn(|| known.give(range)).collect();
            prop_assert_eq!(again, forgotten);
        }
    }
}
