//! How long things take.

use std::time::Duration;

use crate::ha::Profile;

/// No way is longer; a peer that says so wants to be waited for.
const LONGEST_WAY: Duration = Duration::from_secs(2);
/// How many beats may be missed.
const MISSED_BEATS: u32 = 3;

/// The limits of one replica, by its site's profile and its round trip: on a long way everything takes longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often it is to beat.
    pub beat: Duration,
    /// How long a lease is good.
    pub ttl: Duration,
    /// How long after the end of the last lease that was given to it another replica may have one.
    pub guard: Duration,
    /// How long it has to acknowledge a role.
    pub acknowledge: Duration,
}

impl Timing {
    /// The limits with this round trip, if it is known.
    #[must_use]
    pub fn of(profile: Profile, round_trip: Option<Duration>) -> Self {
        let (beat, guard) = match profile {
            Profile::Normal => (500, 500),
            Profile::Fast => (100, 100),
        };
        let (beat, guard) = (Duration::from_millis(beat), Duration::from_millis(guard));
        let way = round_trip.unwrap_or_default().min(LONGEST_WAY).saturating_mul(4);
        let ttl = beat.saturating_mul(MISSED_BEATS).saturating_add(way);
        Self {
            beat,
            ttl,
            guard,
            acknowledge: ttl.max(Duration::from_secs(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_gets_longer_leases_up_to_a_bound() {
        let ttl = |profile, millis| Timing::of(profile, Some(Duration::from_millis(millis))).ttl;
        assert_eq!(
            Timing::of(Profile::Normal, None).ttl,
            Duration::from_millis(1_500)
        );
        assert_eq!(ttl(Profile::Fast, 0), Duration::from_millis(300));
        assert_eq!(ttl(Profile::Fast, 50), Duration::from_millis(500));
        assert_eq!(ttl(Profile::Normal, u64::MAX), Duration::from_millis(9_500));
    }
}
