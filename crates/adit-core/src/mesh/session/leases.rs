//! How long the leases are good that a node was given.

use std::{collections::VecDeque, time::Duration};

/// The most beats that are remembered; with the quickest ones, three seconds of them.
const REMEMBERED: usize = 64;
/// No edge gives more time than this.
const LONGEST: Duration = Duration::from_secs(30);

/// A node's beats and what the edge answers them with.
///
/// A lease is good for its time since the node sent the beat that the edge had heard last when it gave the lease. The edge
/// counts from when it gave it, which is later: so a lease is over at the node before the edge lets another replica have
/// one, whatever kept it under way. Moments must be of a clock that does not stand still while the host sleeps.
#[derive(Debug, Default)]
pub struct Leases {
    /// Beats and when they were sent, oldest first.
    sent: VecDeque<(u64, Duration)>,
    /// The highest epoch of a lease so far.
    newest: u64,
}

impl Leases {
    /// A new session: the node said who it is. Beats count anew.
    pub fn claimed(&mut self, at: Duration) {
        self.sent.clear();
        self.sent.push_back((0, at));
    }

    /// The node sends a beat. Tell it before the first of its bytes is out.
    pub fn beat(&mut self, seq: u64, at: Duration) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((seq, at));
    }

    /// Until when a lease is good that has just come; `None` if it is of an earlier decision than one before it, or answers
    /// a beat that is too long ago, or none.
    pub fn take(&mut self, epoch: u64, ttl: Duration, seq: u64) -> Option<Duration> {
        if epoch < self.newest {
            return None;
        }
        let place = self.sent.iter().position(|(sent, _)| *sent == seq)?;
        // The edge hears beats in their order: it answers none before this one any more.
        self.sent.drain(..place);
        let (_, at) = *self.sent.front()?;
        self.newest = epoch;
        Some(at.saturating_add(ttl.min(LONGEST)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const TTL: Duration = Duration::from_millis(1_500);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_lease_runs_from_the_beat_that_it_answers() {
        let mut leases = Leases::default();
        leases.claimed(ms(100));
        assert_eq!(leases.take(1, TTL, 0), Some(ms(1_600)));
        leases.beat(1, ms(200));
        leases.beat(2, ms(700));
        assert_eq!(leases.take(1, TTL, 1), Some(ms(1_700)));
        assert_eq!(
            leases.take(1, TTL, 1),
            Some(ms(1_700)),
            "another one for the same beat"
        );
        assert_eq!(leases.take(1, TTL, 2), Some(ms(2_200)));
        assert_eq!(leases.take(1, TTL, 1), None, "the edge hears beats in order");
        assert_eq!(leases.take(1, TTL, 3), None, "nobody sent that");
        assert_eq!(leases.take(1, ms(u64::MAX), 2), Some(ms(700) + LONGEST));
    }

    #[test]
    fn an_earlier_decision_counts_for_nothing_even_in_another_session() {
        let mut leases = Leases::default();
        leases.claimed(ms(0));
        assert_eq!(leases.take(5, TTL, 0), Some(TTL));
        leases.claimed(ms(10));
        assert_eq!(leases.take(4, TTL, 0), None);
        assert_eq!(leases.take(5, TTL, 0), Some(ms(1_510)));
    }

    proptest! {
        #[test]
        fn no_lease_outlasts_its_time_since_the_edge_gave_it(
            steps in vec((1..600_u64, 0..2_000_u64, 1..3_000_u64), 1..80),
        ) {
            let (mut leases, mut now) = (Leases::default(), 0);
            leases.claimed(ms(0));
            for (seq, (pause, way, ttl)) in steps.into_iter().enumerate() {
                now += pause;
                let seq = seq as u64 + 1;
                leases.beat(seq, ms(now));
                let given = ms(now + way);
                if let Some(until) = leases.take(1, ms(ttl), seq) {
                    prop_assert!(until <= given + ms(ttl));
                }
            }
        }
    }
}
