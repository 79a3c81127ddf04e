//! A site whose active replica keeps changing is kept from it for a while.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use adit_model::ConnectorId;

/// So many changes that nobody asked for …
const CHANGES: usize = 3;
/// … within this time hold the replica down that was left last.
const WITHIN: Duration = Duration::from_secs(5 * 60);
/// For how long at first.
const FIRST: Duration = Duration::from_secs(60);
/// Each time twice as long, up to this; and forgotten when it was not held down for as long.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Who is held down, and why soon another may be.
#[derive(Debug, Clone, Default)]
pub(super) struct Damping {
    changes: VecDeque<Duration>,
    held: BTreeMap<ConnectorId, Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    until: Duration,
    length: Duration,
}

impl Damping {
    /// The site has another active replica than `left`, and nobody asked for that.
    pub(super) fn changed(&mut self, now: Duration, left: ConnectorId) {
        self.changes.retain(|at| now.saturating_sub(*at) < WITHIN);
        self.changes.push_back(now);
        if self.changes.len() < CHANGES {
            return;
        }
        self.changes.clear();
        self.held
            .retain(|_, held| now < held.until.saturating_add(LONGEST));
        let before = self.held.get(&left);
        let length = before.map_or(FIRST, |before| before.length.saturating_mul(2).min(LONGEST));
        let until = now.saturating_add(length);
        self.held.insert(left, Held { until, length });
    }

    /// Until when a replica is held down, if it is.
    pub(super) fn until(&self, now: Duration, replica: ConnectorId) -> Option<Duration> {
        let until = self.held.get(&replica)?.until;
        (now < until).then_some(until)
    }

    /// Somebody chose: what was before counts no more.
    pub(super) fn forgive(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_change_in_five_minutes_holds_down_for_twice_as_long_each_time() {
        let (mut damping, replica) = (Damping::default(), ConnectorId::from_slice(&[1; 16]).unwrap());
        let (mut now, minute) = (Duration::ZERO, Duration::from_secs(60));
        let flap = |damping: &mut Damping, now: Duration| {
            for _ in 0..3 {
                damping.changed(now, replica);
            }
            damping.until(now, replica).map(|until| until - now)
        };
        for minutes in [1, 2, 4, 8, 15, 15] {
            let held = flap(&mut damping, now).unwrap();
            assert_eq!(held, minute * minutes);
            assert_eq!(damping.until(now + held, replica), None);
            now += held;
        }
        now += LONGEST;
        assert_eq!(flap(&mut damping, now), Some(minute), "forgotten");
        damping.forgive();
        assert_eq!(damping.until(now, replica), None);
    }

    #[test]
    fn changes_that_are_far_apart_hold_nobody_down() {
        let (mut damping, replica) = (Damping::default(), ConnectorId::from_slice(&[1; 16]).unwrap());
        for round in 0..10 {
            let now = Duration::from_secs(151) * round;
            damping.changed(now, replica);
            assert_eq!(damping.until(now, replica), None);
        }
    }
}
