//! How often something may be done.

use std::time::{Duration, Instant};

/// Lets so much through at once, and then so much a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    most: u32,
    between: Duration,
    left: u32,
    since: Option<Instant>,
}

impl Bucket {
    /// `most` at once, and one more after each `between`.
    pub(super) const fn new(most: u32, between: Duration) -> Self {
        Self {
            most,
            between,
            left: most,
            since: None,
        }
    }

    /// Whether one more may be now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        let more = passed.as_nanos() / self.between.as_nanos().max(1);
        match u32::try_from(more) {
            Ok(more) if self.left.saturating_add(more) < self.most => {
                self.left += more;
                self.since = Some(since + self.between * more);
            }
            _ => {
                self.left = self.most;
                self.since = Some(now);
            }
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5, Duration::from_millis(100));
        let mut taken = |after: u64| {
            let now = start + Duration::from_millis(after);
            (0..20).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken(0), 5);
        assert_eq!(taken(50), 0);
        assert_eq!(taken(110), 1);
        assert_eq!(taken(200), 1);
        assert_eq!(taken(10_000), 5, "no more are saved up");
    }

    #[test]
    fn what_asks_all_the_time_gets_what_it_may_have() {
        let start = Instant::now();
        let mut bucket = Bucket::new(50, Duration::from_millis(20));
        let asked = (0..10_000).map(|millis| start + Duration::from_millis(millis));
        let given = asked.filter(|now| bucket.take(*now)).count();
        assert!((540..=551).contains(&given), "{given}");
    }
}
