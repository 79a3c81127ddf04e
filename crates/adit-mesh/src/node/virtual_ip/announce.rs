//! When the LAN is told where the virtual addresses are.

use std::time::{Duration, Instant};

/// After a takeover: at once, and again for hosts and switches that missed it or that heard the one before last.
const AT_FIRST: [Duration; 3] = [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1)];
/// Then, for as long as it has them.
const EVERY: Duration = Duration::from_secs(30);

/// The times of one takeover.
#[derive(Debug, Default)]
pub(super) struct Announcements(Option<(Instant, usize)>);

impl Announcements {
    /// They begin now.
    pub(super) fn begin(&mut self, now: Instant) {
        self.0 = Some((now, 0));
    }

    /// No more of them.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// One was said.
    pub(super) fn said(&mut self) {
        if let Some((_, count)) = &mut self.0 {
            *count += 1;
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let (begun, count) = self.0?;
        let after = AT_FIRST.get(count).copied().unwrap_or_else(|| {
            let further = u32::try_from(count + 1 - AT_FIRST.len()).unwrap_or(u32::MAX);
            AT_FIRST[AT_FIRST.len() - 1].saturating_add(EVERY.saturating_mul(further))
        });
        begun.checked_add(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_takeover_is_said_three_times_at_once_and_then_each_half_minute() {
        let begun = Instant::now();
        let mut announcements = Announcements::default();
        assert_eq!(announcements.next(), None);
        announcements.begin(begun);
        let mut at = Vec::new();
        for _ in 0..5 {
            at.push(announcements.next().unwrap().duration_since(begun).as_millis());
            announcements.said();
        }
        assert_eq!(at, [0, 200, 1_000, 31_000, 61_000]);
        announcements.end();
        assert_eq!(announcements.next(), None);
    }
}
