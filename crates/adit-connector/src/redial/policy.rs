//! How long to wait between dials.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A dial that has no connection by then is given up.
pub(crate) const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// Dials of one slot under way at once; the oldest makes room.
pub(super) const MAX_IN_FLIGHT: usize = 7;
/// Between two dials of one slot, whatever hints come.
pub(super) const LEAST_INTERVAL: Duration = Duration::from_millis(250);

/// The longest wait between two dials in an outage shorter than [`PATIENCE`].
const DIAL_INTERVAL: Duration = Duration::from_millis(750);
/// An outage longer than this is nobody's restart: from here on the waits grow.
const PATIENCE: Duration = Duration::from_secs(90);
/// They grow to this.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Those of a scout grow to this: the connector is to be back within 3 s of its network.
const LONGEST_SCOUT_WAIT: Duration = Duration::from_secs(2);
/// A hint is followed within this.
const HINT_WAIT: Duration = Duration::from_millis(100);
/// The first wait after a refusal; it doubles with each further one, up to [`LONGEST_WAIT`].
const FIRST_REFUSAL_WAIT: Duration = Duration::from_millis(500);
/// The longest wait an edge can ask for.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

/// How a slot bears a long outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It goes on dialling for the others, which follow once it has a connection.
    Scout,
    /// It dials ever less.
    Follower,
}

/// Waits with jitter: slots and connectors that lost the same edge must not come back in step.
#[derive(Debug)]
pub(super) struct Pace {
    rng: SmallRng,
    patience: Patience,
    down_since: Instant,
    late_dials: u32,
}

impl Pace {
    pub(super) fn new(patience: Patience, jitter_seed: u64, now: Instant) -> Self {
        Self {
            patience,
            rng: SmallRng::seed_from_u64(jitter_seed),
            down_since: now,
            late_dials: 0,
        }
    }

    /// An outage begins.
    pub(super) fn went_down(&mut self, now: Instant) {
        self.down_since = now;
        self.late_dials = 0;
    }

    /// From one dial to the next: 0.6 to 0.75 s, more once the outage has outlasted [`PATIENCE`].
    pub(super) fn interval(&mut self, now: Instant) -> Duration {
        let mut longest = DIAL_INTERVAL;
        if now.saturating_duration_since(self.down_since) > PATIENCE {
            self.late_dials = self.late_dials.saturating_add(1);
            let most = match self.patience {
                Patience::Scout => LONGEST_SCOUT_WAIT,
                Patience::Follower => LONGEST_WAIT,
            };
            longest = doubled(DIAL_INTERVAL, self.late_dials).min(most);
        }
        longest.mul_f64(self.rng.random_range(0.8..=1.0))
    }

    /// From a hint to the dial that follows it.
    pub(super) fn after_hint(&mut self) -> Duration {
        HINT_WAIT.mul_f64(self.rng.random_range(0.0..=1.0))
    }

    /// From the `count`th refusal in a row to the next dial; at least what the edge asked for.
    pub(super) fn after_refusal(&mut self, count: u32, asked: Duration) -> Duration {
        let own = doubled(FIRST_REFUSAL_WAIT, count.saturating_sub(1));
        let own = own.mul_f64(self.rng.random_range(0.5..=1.0));
        let asked = asked
            .min(LONGEST_ASKED_WAIT)
            .mul_f64(self.rng.random_range(1.0..=1.1));
        own.max(asked)
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(times))
        .min(LONGEST_WAIT)
}
