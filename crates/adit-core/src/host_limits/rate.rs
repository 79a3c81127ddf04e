//! A token bucket whose whole state is one number.

use std::time::Duration;

const NANOS: u64 = 1_000_000_000;

/// Requests per second, and how many may come at once: a token bucket that holds `burst` tokens.
///
/// Its state is the moment at which the bucket would be full again, in nanoseconds since whenever the caller began to
/// count; 0 is a full one. Whoever keeps it in an atomic word needs no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which a token comes.
    interval: u64,
    /// Nanoseconds in which all tokens but one come.
    tolerance: u64,
}

impl Rate {
    /// At least one of each: zeros count as ones.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = NANOS.div_ceil(u64::from(per_second.max(1)));
        Self {
            interval,
            tolerance: interval.saturating_mul(u64::from(burst.max(1)) - 1),
        }
    }

    /// Takes a token; the state after it.
    ///
    /// # Errors
    /// How long to wait until there is one. Nothing is taken.
    pub fn take(&self, full_at: u64, now: Duration) -> Result<u64, Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let from = full_at.saturating_sub(self.tolerance);
        if now < from {
            return Err(Duration::from_nanos(from - now));
        }
        Ok(full_at.max(now).saturating_add(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_let_in_at_once_and_then_one_by_one() {
        let rate = Rate::new(2, 3);
        let mut state = 0;
        for _ in 0..3 {
            state = rate.take(state, Duration::ZERO).unwrap();
        }
        let half = Duration::from_millis(500);
        assert_eq!(rate.take(state, Duration::ZERO), Err(half));
        state = rate.take(state, half).unwrap();
        assert_eq!(rate.take(state, half), Err(half));
    }

    proptest! {
        #[test]
        fn no_span_has_more_than_its_burst_and_what_came_since(
            per_second in 1u32..2000,
            burst in 1u32..50,
            gaps in prop::collection::vec(0u64..20_000_000, 1..200),
        ) {
            let rate = Rate::new(per_second, burst);
            let (mut state, mut now, mut taken) = (0, Duration::ZERO, Vec::new());
            for gap in gaps {
                now += Duration::from_nanos(gap);
                match rate.take(state, now) {
                    Ok(after) => {
                        state = after;
                        taken.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO);
                        prop_assert!(rate.take(state, now + wait).is_ok(), "the wait is long enough");
                        prop_assert!(rate.take(state, now + wait - Duration::from_nanos(1)).is_err(), "and no longer");
                    }
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let came = (*to - *from).as_secs_f64() * f64::from(per_second);
                    let count = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(count <= f64::from(burst) + came + 1e-6);
                }
            }
        }

        #[test]
        fn whoever_keeps_to_the_rate_always_gets_in(per_second in 1u32..1_000_000, burst in 1u32..5) {
            let (rate, mut state) = (Rate::new(per_second, burst), 0);
            let interval = NANOS.div_ceil(u64::from(per_second));
            for request in 0..100 {
                let taken = rate.take(state, Duration::from_nanos(request * interval));
                prop_assert!(taken.is_ok());
                state = taken.unwrap();
            }
        }

        #[test]
        fn no_state_and_no_time_panics(state: u64, secs: u64, per_second: u32, burst: u32) {
            let _ = Rate::new(per_second, burst).take(state, Duration::from_secs(secs));
        }
    }
}
