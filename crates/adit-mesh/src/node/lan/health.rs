//! What the checks add up to. Holds no clock and no socket: how often they are made is the shell's.

use std::collections::BTreeMap;

use adit_wire::mesh::LanHealth;

use super::Check;

/// So many failures in a row make a check fail; a carrier that is gone is gone at once.
pub(super) const MISSES: u32 = 2;
/// So many in a row that pass make it well again: a network that comes and goes is not well.
pub(super) const PASSES: u32 = 3;
/// The most problems that are told, and the most bytes of each.
const MAX_PROBLEMS: usize = 8;
const MAX_PROBLEM: usize = 256;

/// The health of a site's network.
#[derive(Debug)]
pub(in crate::node) struct Health(BTreeMap<Check, Meter>);

#[derive(Debug, Default)]
struct Meter {
    state: State,
    /// How often in a row it said the opposite of its state.
    against: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Not made yet. The first result decides.
    #[default]
    Unknown,
    Well,
    Unwell,
}

impl Health {
    pub(in crate::node) fn new(checks: impl IntoIterator<Item = Check>) -> Self {
        Self(
            checks
                .into_iter()
                .map(|check| (check, Meter::default()))
                .collect(),
        )
    }

    /// A check was made.
    pub(in crate::node) fn handle(&mut self, check: &Check, has_passed: bool) {
        let needed = match (check, has_passed) {
            (_, true) => PASSES,
            (Check::Carrier(_), false) => 1,
            (Check::Target(_) | Check::Probe(_), false) => MISSES,
        };
        let Some(meter) = self.0.get_mut(check) else {
            return;
        };
        let says = if has_passed { State::Well } else { State::Unwell };
        if meter.state == says {
            meter.against = 0;
            return;
        }
        meter.against += 1;
        if meter.state == State::Unknown || meter.against >= needed {
            *meter = Meter {
                state: says,
                against: 0,
            };
        }
    }

    /// What is told.
    pub(in crate::node) fn told(&self) -> LanHealth {
        let bad = self.0.iter().filter(|(_, meter)| meter.state != State::Well);
        let words = |(check, meter): (&Check, &Meter)| {
            let mut text = match meter.state {
                State::Unknown => format!("not known yet: {}", check.complaint()),
                State::Well | State::Unwell => check.complaint(),
            };
            text.truncate(text.floor_char_boundary(MAX_PROBLEM));
            text
        };
        let problems: Vec<String> = bad.map(words).take(MAX_PROBLEMS).collect();
        LanHealth {
            well: problems.is_empty(),
            problems,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target() -> Check {
        Check::Target("10.10.0.9".parse().unwrap())
    }

    fn carrier() -> Check {
        Check::Carrier("lan".to_owned())
    }

    #[test]
    fn a_network_that_nobody_looks_at_is_well_and_one_that_was_not_seen_yet_is_not() {
        assert!(Health::new([]).told().well);
        let mut health = Health::new([target()]);
        assert!(!health.told().well);
        health.handle(&target(), true);
        assert!(health.told().well);
    }

    #[test]
    fn one_miss_is_none_and_a_lost_carrier_is_one_at_once() {
        let mut health = Health::new([target(), carrier()]);
        health.handle(&target(), true);
        health.handle(&carrier(), true);
        health.handle(&target(), false);
        assert!(health.told().well);
        health.handle(&target(), false);
        assert_eq!(health.told().problems, ["10.10.0.9 does not answer on the LAN"]);
        health.handle(&carrier(), false);
        assert_eq!(health.told().problems.len(), 2);
    }

    #[test]
    fn it_is_well_again_only_after_a_while() {
        let mut health = Health::new([target()]);
        health.handle(&target(), false);
        for passes in [true, true, false, true, true] {
            health.handle(&target(), passes);
            assert!(!health.told().well);
        }
        health.handle(&target(), true);
        assert!(health.told().well);
    }

    proptest! {
        #[test]
        fn it_changes_only_after_as_many_results_in_a_row_as_it_takes(
            results in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..60),
        ) {
            let mut health = Health::new([target(), carrier()]);
            let mut seen: BTreeMap<Check, Vec<bool>> = BTreeMap::new();
            for (of_carrier, passed) in results {
                let check = if of_carrier { carrier() } else { target() };
                let before = health.told();
                health.handle(&check, passed);
                let so_far = seen.entry(check.clone()).or_default();
                so_far.push(passed);
                let run = so_far.iter().rev().take_while(|result| **result == passed).count();
                let after = health.told();
                if before != after && so_far.len() > 1 {
                    let takes = match (passed, of_carrier) {
                        (true, _) => PASSES,
                        (false, true) => 1,
                        (false, false) => MISSES,
                    };
                    // The first result decides alone, and counts in a run that goes on.
                    prop_assert!(run >= takes as usize);
                }
                // So many of one kind in a row always decide.
                if seen.len() == 2 && seen.values().all(|all| all.iter().rev().take(3).filter(|r| **r).count() == 3) {
                    prop_assert!(health.told().well);
                }
            }
        }
    }
}
