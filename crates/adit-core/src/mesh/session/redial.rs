//! Where a node dials next, and when.

use std::time::Duration;

/// The wait after the first failed round of edges; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between attempts at edges that cannot be reached: an edge that restarts has its nodes back soon after.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The wait after an edge said "not now".
const TURNED_AWAY: Duration = Duration::from_secs(5);

/// Why a node has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The edge could not be reached, or did not let the node in in time.
    Unreachable,
    /// It said "not now".
    TurnedAway,
    /// A session that was there broke.
    Lost,
    /// The edge ended the session and said when to come back.
    AskedBack(Duration),
}

/// Goes round the edges.
#[derive(Debug)]
pub struct Redial {
    edges: usize,
    at: usize,
    failures: u32,
}

impl Redial {
    /// That many edges, at least one.
    #[must_use]
    pub fn new(edges: usize) -> Self {
        Self {
            edges: edges.max(1),
            at: 0,
            failures: 0,
        }
    }

    /// Which edge is to be dialled.
    #[must_use]
    pub const fn edge(&self) -> usize {
        self.at
    }

    /// The edge let the node in.
    pub const fn linked(&mut self) {
        self.failures = 0;
    }

    /// Goes on to the next edge. How long to wait before it is dialled; `chance` between 0 and 1 spreads nodes that lost
    /// their edge together.
    pub fn after(&mut self, setback: Setback, chance: f64) -> Duration {
        let spread = |wait: Duration| wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        match setback {
            // Whoever was there a moment ago is probably there again.
            Setback::Lost => spread(FIRST_WAIT),
            Setback::AskedBack(wait) => wait.saturating_add(spread(FIRST_WAIT)),
            Setback::TurnedAway => {
                self.next_edge();
                spread(TURNED_AWAY)
            }
            Setback::Unreachable => {
                self.next_edge();
                self.failures = self.failures.saturating_add(1);
                if self.at != 0 {
                    return Duration::ZERO;
                }
                let rounds = self.failures / u32::try_from(self.edges).unwrap_or(u32::MAX);
                let doubled = 1_u32.checked_shl(rounds.saturating_sub(1)).unwrap_or(u32::MAX);
                spread(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT))
            }
        }
    }

    const fn next_edge(&mut self) {
        self.at = (self.at + 1) % self.edges;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn every_edge_is_tried_before_it_waits_and_waits_grow_to_two_seconds() {
        let mut redial = Redial::new(2);
        let tries: Vec<_> = (0..16)
            .map(|_| {
                let edge = redial.edge();
                (edge, redial.after(Setback::Unreachable, 1.0).as_millis())
            })
            .collect();
        let waits: Vec<_> = tries
            .iter()
            .filter(|(edge, _)| *edge == 1)
            .map(|(_, wait)| *wait)
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
        assert!(tries.iter().all(|(edge, wait)| *edge == 1 || *wait == 0));
    }

    #[test]
    fn an_edge_that_broke_off_is_asked_again_soon() {
        let mut redial = Redial::new(3);
        for _ in 0..20 {
            redial.after(Setback::Unreachable, 0.0);
        }
        redial.linked();
        let edge = redial.edge();
        assert_eq!(redial.after(Setback::Lost, 0.0), Duration::from_millis(50));
        assert_eq!(redial.edge(), edge);
    }

    #[test]
    fn an_edge_that_says_when_is_not_bothered_before() {
        let mut redial = Redial::new(1);
        let wait = redial.after(Setback::AskedBack(Duration::from_secs(3)), 0.0);
        assert_eq!(wait, Duration::from_millis(3_050));
        assert_eq!(redial.after(Setback::TurnedAway, 1.0), Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn no_run_of_failures_waits_longer_than_its_bound(
            edges in 0..6_usize, steps in vec((0..3_u8, any::<f64>()), 0..200),
        ) {
            let mut redial = Redial::new(edges);
            for (step, chance) in steps {
                let setback = [Setback::Unreachable, Setback::TurnedAway, Setback::Lost][usize::from(step)];
                prop_assert!(redial.after(setback, chance) <= TURNED_AWAY);
                prop_assert!(redial.edge() < edges.max(1));
            }
        }
    }
}
