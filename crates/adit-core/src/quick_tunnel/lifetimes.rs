//! When a quick tunnel goes.

use std::time::Duration;

use adit_model::Timestamp;

/// How a quick tunnel has been used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// No connector has come yet since it was made.
    Never {
        /// When it was made.
        made_at: Timestamp,
    },
    /// A connector is there.
    Now,
    /// The last connection has ended.
    Until(Timestamp),
}

/// How long a quick tunnel waits for a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// For the first one. Default 2 minutes.
    pub unused: Duration,
    /// For one to come back after the last connection ended. Default 5 minutes.
    pub idle: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            unused: Duration::from_secs(2 * 60),
            idle: Duration::from_secs(5 * 60),
        }
    }
}

impl Lifetimes {
    /// Whether a quick tunnel is to go. While nobody served, until `serving_since`, no connector could come, so that
    /// time does not count.
    #[must_use]
    pub fn are_over(self, used: Use, serving_since: Timestamp, now: Timestamp) -> bool {
        let (since, wait) = match used {
            Use::Never { made_at } => (made_at, self.unused),
            Use::Now => return false,
            Use::Until(ended_at) => (ended_at, self.idle),
        };
        let since = since.max(serving_since);
        let waited = now.unix_micros().saturating_sub(since.unix_micros());
        // A clock that was set back makes nothing older.
        u128::try_from(waited).is_ok_and(|waited| waited >= wait.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000).unwrap()
    }

    #[test]
    fn one_that_nobody_connects_goes_after_two_minutes() {
        let lifetimes = Lifetimes::default();
        let never = Use::Never { made_at: at(1000) };
        let over = |now| lifetimes.are_over(never, at(0), at(now));
        assert!(!over(1000));
        assert!(!over(1119));
        assert!(over(1120));
        assert!(!over(0), "the clock was set back");
    }

    #[test]
    fn one_that_is_left_goes_after_five_minutes_and_one_in_use_never() {
        let lifetimes = Lifetimes::default();
        let over = |used, now| lifetimes.are_over(used, at(0), at(now));
        assert!(!over(Use::Until(at(1000)), 1299));
        assert!(over(Use::Until(at(1000)), 1300));
        assert!(!over(Use::Now, 1_000_000));
    }

    #[test]
    fn time_in_which_nobody_served_does_not_count() {
        let lifetimes = Lifetimes::default();
        let over = |used, now| lifetimes.are_over(used, at(5000), at(now));
        let never = Use::Never { made_at: at(1000) };
        assert!(!over(never, 5119) && over(never, 5120));
        let left = Use::Until(at(1000));
        assert!(!over(left, 5299) && over(left, 5300));
        assert!(!over(Use::Until(at(5001)), 5300));
    }
}
