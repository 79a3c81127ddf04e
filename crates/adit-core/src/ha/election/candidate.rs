//! A replica that has a session, as far as it matters for who is active.

use std::time::Duration;

use adit_model::HaMode;

use super::timing::Timing;
use crate::ha::{Epoch, Profile};

/// How long a replica may take over a configuration before it is said to be behind.
const CATCH_UP: Duration = Duration::from_secs(2);

/// A replica with a session.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Since when, by its first session of those that followed each other.
    pub(super) joined: Duration,
    pub(super) priority: u32,
    /// When it was last heard.
    pub(super) heard: Duration,
    pub(super) round_trip: Option<Duration>,
    pub(super) lan_well: bool,
    /// Its packets reach the edge.
    pub(super) path_well: bool,
    pub(super) draining: bool,
    /// How often it beats is by this profile.
    profile: Profile,
    /// The profile that it took over; counts from its next beat.
    next_profile: Profile,
    /// The newest configuration that it was told, and the profile of that.
    told: (u64, Profile),
    /// Since when it was told more than it has taken over.
    behind_since: Option<Duration>,
    /// The newest one that it has taken over.
    taken: Option<u64>,
    /// The newest decision that it says it is active by.
    pub(super) active_by: Option<Epoch>,
    /// It was chosen and did not say that it is active: it comes after others until then.
    pub(super) avoided_until: Duration,
    /// Since when it could be chosen without a break.
    pub(super) able_since: Option<Duration>,
}

impl Candidate {
    pub(super) const fn new(joined: Duration, now: Duration, priority: u32) -> Self {
        Self {
            joined,
            priority,
            heard: now,
            round_trip: None,
            lan_well: true,
            path_well: true,
            draining: false,
            profile: Profile::Normal,
            next_profile: Profile::Normal,
            told: (0, Profile::Normal),
            behind_since: None,
            taken: None,
            active_by: None,
            avoided_until: Duration::ZERO,
            able_since: None,
        }
    }

    pub(super) fn timing(&self) -> Timing {
        Timing::of(self.profile, self.round_trip)
    }

    /// It was heard.
    pub(super) fn beat(&mut self, now: Duration) {
        self.heard = now;
        self.profile = self.next_profile;
    }

    /// It was sent a configuration, with what the profile asks for.
    pub(super) fn told(&mut self, now: Duration, version: u64, profile: Profile) {
        self.told = (version, profile);
        if profile == Profile::Normal {
            // It may beat less often from now on.
            (self.profile, self.next_profile) = (profile, profile);
        }
        if self.taken < Some(version) {
            self.behind_since.get_or_insert(now);
        }
    }

    /// It says that it took one over.
    pub(super) fn took(&mut self, now: Duration, version: u64) {
        self.taken = self.taken.max(Some(version));
        let (newest, profile) = self.told;
        let is_behind = self.taken < Some(newest);
        if !is_behind {
            self.next_profile = profile;
        }
        self.behind_since = is_behind.then_some(now);
    }

    /// It has a configuration, and not been behind for long.
    pub(super) fn is_current(&self, now: Duration) -> bool {
        let late = |since: Duration| now >= since.saturating_add(CATCH_UP);
        self.taken.is_some() && !self.behind_since.is_some_and(late)
    }

    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        now < self.heard.saturating_add(self.timing().ttl)
    }

    /// Nothing is wrong with it, and it asks for nobody else.
    pub(super) fn is_able(&self, now: Duration, mode: HaMode) -> bool {
        self.is_fit(now, mode) && !self.draining
    }

    /// Nothing is wrong with it. In a site without high availability nobody asks how its network is.
    pub(super) fn is_fit(&self, now: Duration, mode: HaMode) -> bool {
        self.is_fresh(now) && self.is_current(now) && (self.is_well() || !mode.is_ha())
    }

    /// Packets pass through it.
    pub(super) const fn is_well(&self) -> bool {
        self.lan_well && self.path_well
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_configurations_over_in_time_is_current() {
        let second = Duration::from_secs(1);
        let mut candidate = Candidate::new(Duration::ZERO, Duration::ZERO, 100);
        candidate.told(Duration::ZERO, 1, Profile::Normal);
        assert!(!candidate.is_current(Duration::ZERO), "it never took one");
        candidate.took(second, 1);
        assert!(candidate.is_current(second * 100));
        candidate.told(second * 100, 2, Profile::Normal);
        candidate.told(second * 101, 3, Profile::Normal);
        assert!(candidate.is_current(second * 101));
        assert!(!candidate.is_current(second * 102));
        candidate.took(second * 103, 2);
        assert!(candidate.is_current(second * 103), "it keeps up");
        candidate.took(second * 104, 3);
        assert!(candidate.is_current(second * 1_000));
    }

    #[test]
    fn a_quicker_profile_counts_from_the_first_beat_by_it_and_a_slower_one_at_once() {
        let beat = |candidate: &Candidate| candidate.timing().beat.as_millis();
        let mut candidate = Candidate::new(Duration::ZERO, Duration::ZERO, 100);
        candidate.told(Duration::ZERO, 1, Profile::Fast);
        candidate.beat(Duration::ZERO);
        assert_eq!(beat(&candidate), 500);
        candidate.took(Duration::ZERO, 1);
        assert_eq!(beat(&candidate), 500);
        candidate.beat(Duration::ZERO);
        assert_eq!(beat(&candidate), 100);
        candidate.told(Duration::ZERO, 2, Profile::Normal);
        assert_eq!(beat(&candidate), 500);
    }
}
