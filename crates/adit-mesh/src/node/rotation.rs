//! When a node changes its WireGuard key.
//!
//! No clock: moments are those of the clock on the wall, which may jump, and on [`boot_clock`](crate::boot_clock), which
//! does not.

use std::time::Duration;

use adit_model::{PeerKey, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How old a key becomes, give or take [`SPREAD`].
const LIFETIME: Duration = DAY.saturating_mul(30);
/// Hosts that were set up together do not change their keys together.
const SPREAD: Duration = DAY.saturating_mul(2);
/// How long nothing is tried after it did not work.
const PUT_OFF: Duration = Duration::from_secs(60 * 60);

/// How old this key becomes: 28 to 32 days. It is the same after a restart.
fn lifetime(key: PeerKey) -> Duration {
    let [first, second, ..] = *key.as_bytes();
    let part = u32::from(u16::from_be_bytes([first, second]));
    let spread = SPREAD.saturating_mul(2).saturating_mul(part) / u32::from(u16::MAX);
    (LIFETIME - SPREAD).saturating_add(spread)
}

/// When a key ends that has been in use since then.
pub(super) fn end(key: PeerKey, since: Timestamp) -> Option<Timestamp> {
    let lifetime = i64::try_from(lifetime(key).as_micros()).ok()?;
    Timestamp::from_unix_micros(since.unix_micros().checked_add(lifetime)?)
}

/// Says when it is time for another key.
#[derive(Debug)]
pub(super) struct Rotation {
    /// Since when the present one has been in use, as far as this process knows.
    in_use: Duration,
    not_before: Duration,
}

impl Rotation {
    /// The node starts, or has another key.
    pub(super) const fn begin(now: Duration) -> Self {
        Self {
            in_use: now,
            not_before: Duration::ZERO,
        }
    }

    /// It did not work.
    pub(super) fn put_off(&mut self, now: Duration) {
        self.not_before = now.saturating_add(PUT_OFF);
    }

    /// Whether the key is to be changed. A host whose clock was wrong when the key was made, or is now, still changes it
    /// when the process has had it for long enough.
    pub(super) fn is_due(
        &self,
        key: PeerKey,
        since: Option<Timestamp>,
        wall: Timestamp,
        now: Duration,
    ) -> bool {
        let has_ended = since
            .and_then(|since| end(key, since))
            .is_some_and(|end| end <= wall);
        let is_old = now.saturating_sub(self.in_use) >= lifetime(key);
        (has_ended || is_old) && now >= self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::identity::tests::at;

    const UP: Duration = Duration::from_secs(1_000);

    fn key(first: u8) -> PeerKey {
        PeerKey::from_bytes([first; 32])
    }

    #[test]
    fn a_key_becomes_28_to_32_days_old() {
        assert_eq!(lifetime(key(0)), DAY * 28);
        assert_eq!(lifetime(key(255)), DAY * 32);
        assert_eq!(end(key(0), at(100)), Some(at(128)));
        for first in 0..255 {
            assert!(lifetime(key(first)) < lifetime(key(first + 1)));
        }
    }

    #[test]
    fn it_is_changed_when_it_is_that_old_also_if_the_node_was_stopped_meanwhile() {
        let rotation = Rotation::begin(UP);
        assert!(!rotation.is_due(key(0), Some(at(100)), at(127), UP));
        assert!(rotation.is_due(key(0), Some(at(100)), at(128), UP));
    }

    #[test]
    fn a_wrong_clock_neither_hurries_nor_stops_it() {
        let rotation = Rotation::begin(UP);
        // The clock went back, or was ahead when the key was made.
        assert!(!rotation.is_due(key(0), Some(at(100)), at(3), UP + DAY * 27));
        assert!(rotation.is_due(key(0), Some(at(100)), at(3), UP + DAY * 28));
    }

    #[test]
    fn what_did_not_work_is_not_tried_again_at_once() {
        let mut rotation = Rotation::begin(UP);
        rotation.put_off(UP);
        assert!(!rotation.is_due(key(0), Some(at(1)), at(128), UP + PUT_OFF / 2));
        assert!(rotation.is_due(key(0), Some(at(1)), at(128), UP + PUT_OFF));
    }
}
