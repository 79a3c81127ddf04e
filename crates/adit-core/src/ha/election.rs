//! Which of a site's replicas is active, decided: no socket, no task, no clock.
//!
//! One [`Election`] serves one site. Tell it what happens (`handle_*`), store what it decides ([`Election::poll_decision`])
//! and tell it how that went ([`Election::handle_decided`]): **an epoch that is not stored is not given to anybody**. Then it
//! says what each replica may do ([`Election::lease`]), where the site's packets go ([`Election::carrying`]) and who may
//! send some ([`Election::accepted`]). Moments are spans since any fixed one.
//!
//! - A replica can be chosen if it has a session, is heard, took its configuration over, reports its network well and does
//!   not drain. The active one stays for as long as that is so. Else comes the highest priority, then the longest session,
//!   then the lowest id. Who is held down (`damping`) or did not acknowledge comes after everybody else, and who drains last
//!   of all: it is worked on, but better than nobody.
//! - An active one that is unwell or drains stays if there is nobody else. One whose session is gone stays *chosen*, without
//!   traffic, until there is somebody else; when it comes back it goes on under the same epoch.
//! - While the active one is heard, another one is made active before it is unmade: the new lease, its acknowledgement,
//!   the site's packets, the old one's end. If the acknowledgement does not come, the old one is chosen again under a
//!   further epoch.
//! - An active one that fell silent may hold its last lease until that ends: before then, and a guard, nobody else gets
//!   one. A session that was ended, by the system of its host or a goodbye, needs no wait.
//! - Only the side that holds the site ([`Election::handle_home`]) decides and gives active leases, and none beyond the end
//!   of its hold. Others take over what the store says ([`Election::handle_site`]), and never an earlier epoch.

mod candidate;
mod choose;
mod damping;
mod lease;
mod outcome;
mod timing;

use std::{collections::BTreeMap, time::Duration};

use adit_model::ConnectorId;

use self::{candidate::Candidate, damping::Damping};
use super::{Epoch, HaCause, HaSettings, HaState, Profile};

pub use lease::{DRAIN, Granted};
pub use outcome::{Ask, DecideFailure, FailoverEnd, Leave};
pub use timing::Timing;

/// How long a replica that was active before the edge was started gets to come back.
pub const RESTART_GRACE: Duration = Duration::from_secs(3);
/// How long a replica that did not acknowledge comes after all others.
const AVOIDED: Duration = Duration::from_secs(60);
/// When the store is asked again after a failure; doubles up to the longest.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// What is to be stored. One at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// In view of which one.
    pub seen: Epoch,
    /// Who is to be active.
    pub active: Option<ConnectorId>,
    /// Why.
    pub cause: HaCause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A decision is on its way to the store.
    Storing(Decision, Plan),
    /// `target` has the lease of the present epoch; packets go on as before until it says so, or until then.
    Waiting {
        target: ConnectorId,
        until: Duration,
    },
}

/// What follows once a decision is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The site's packets go there at once.
    Switch,
    /// The new one has to acknowledge first.
    MakeFirst,
    /// It did not: who was active before is chosen again.
    Restore { failed: ConnectorId },
}

/// The election of one site.
#[derive(Debug, Clone)]
pub struct Election {
    state: HaState,
    settings: HaSettings,
    candidates: BTreeMap<ConnectorId, Candidate>,
    /// Where the site's packets go, by which decision.
    carrying: Option<(ConnectorId, Epoch)>,
    phase: Phase,
    /// A decision was handed out and its result is awaited.
    asked: bool,
    /// Until when a replica may hold an active lease, by the time when it was given and with the guard.
    holders: BTreeMap<ConnectorId, Duration>,
    /// Why the one that is chosen has no session.
    left: Option<HaCause>,
    /// Until when one that was chosen before this side began is waited for.
    grace: Duration,
    /// Who carried before, and until when its packets are taken.
    demoted: BTreeMap<ConnectorId, Duration>,
    damping: Damping,
    /// Somebody chose the present one.
    sticks: bool,
    home_until: Duration,
    /// What the store is known to hold, if that is later than the state.
    told: Option<HaState>,
    /// Nothing is decided before this epoch is known.
    behind: Epoch,
    retry: Duration,
    retry_at: Duration,
    ends: Vec<FailoverEnd>,
    manual: Option<ConnectorId>,
    news: bool,
}

impl Election {
    /// The election of a site whose present decision is `state`. Nothing is decided before [`Election::handle_home`].
    #[must_use]
    pub fn new(state: HaState, settings: HaSettings) -> Self {
        Self {
            state,
            settings,
            candidates: BTreeMap::new(),
            carrying: None,
            phase: Phase::Idle,
            asked: false,
            holders: BTreeMap::new(),
            left: Some(HaCause::Restarted),
            grace: Duration::ZERO,
            demoted: BTreeMap::new(),
            damping: Damping::default(),
            sticks: false,
            home_until: Duration::ZERO,
            told: None,
            behind: Epoch(0),
            retry: RETRY,
            retry_at: Duration::ZERO,
            ends: Vec::new(),
            manual: None,
            news: false,
        }
    }

    /// This side holds the site until then: nobody else decides before. [`Duration::MAX`] where there is one side only.
    /// One that was active before gets [`RESTART_GRACE`] to come here before another is chosen.
    pub fn handle_home(&mut self, now: Duration, until: Duration) {
        let (was, is) = (now < self.home_until, now < until);
        self.home_until = until;
        self.news |= was != is;
        if is && !was {
            self.wait_for_active(now);
        }
        self.evaluate(now);
    }

    /// The store's present state of the site.
    pub fn handle_site(&mut self, now: Duration, state: HaState, settings: HaSettings) {
        self.news |= self.settings != settings || self.state.mode != state.mode;
        self.settings = settings;
        self.state.mode = state.mode;
        if state.epoch > self.told.map_or(self.state.epoch, |told| told.epoch) {
            self.told = Some(state);
        }
        self.evaluate(now);
    }

    /// A replica has a session, or a newer one.
    pub fn handle_joined(&mut self, now: Duration, replica: ConnectorId, priority: u32) {
        let joined = self.candidates.get(&replica).map_or(now, |before| before.joined);
        let candidate = Candidate::new(joined, now, priority);
        self.candidates.insert(replica, candidate);
        self.news = true;
        self.evaluate(now);
    }

    /// Its session is over.
    pub fn handle_left(&mut self, now: Duration, replica: ConnectorId, how: Leave) {
        if self.candidates.remove(&replica).is_none() {
            return;
        }
        if !how.may_hold_lease() {
            self.holders.remove(&replica);
        }
        if self.state.active == Some(replica) {
            self.left = Some(how.cause());
        }
        self.news = true;
        self.evaluate(now);
    }

    /// It beats: how it fares, and by which decision it says that it is active.
    pub fn handle_beat(
        &mut self,
        now: Duration,
        replica: ConnectorId,
        round_trip: Option<Duration>,
        lan_well: bool,
        active_by: Option<Epoch>,
    ) {
        let Some(candidate) = self.candidates.get_mut(&replica) else {
            return;
        };
        candidate.beat(now);
        candidate.round_trip = round_trip.or(candidate.round_trip);
        candidate.lan_well = lan_well;
        let active_by = active_by.filter(|epoch| *epoch <= self.state.epoch);
        candidate.active_by = active_by.max(candidate.active_by);
        self.evaluate(now);
    }

    /// Its packets reach the edge, or do so no more, whatever its session is like.
    pub fn handle_path(&mut self, now: Duration, replica: ConnectorId, well: bool) {
        if let Some(candidate) = self.candidates.get_mut(&replica)
            && candidate.path_well != well
        {
            candidate.path_well = well;
            self.evaluate(now);
        }
    }

    /// It became what a lease of this decision made it.
    pub fn handle_role_ack(&mut self, now: Duration, replica: ConnectorId, epoch: Epoch, active: bool) {
        if let Some(candidate) = self.candidates.get_mut(&replica)
            && active
            && epoch <= self.state.epoch
        {
            candidate.active_by = candidate.active_by.max(Some(epoch));
            self.evaluate(now);
        }
    }

    /// It was sent this configuration, with how often to beat by this profile.
    pub fn handle_told(&mut self, now: Duration, replica: ConnectorId, version: u64, profile: Profile) {
        if let Some(candidate) = self.candidates.get_mut(&replica) {
            candidate.told(now, version, profile);
        }
    }

    /// It took this configuration over.
    pub fn handle_took(&mut self, now: Duration, replica: ConnectorId, version: u64) {
        if let Some(candidate) = self.candidates.get_mut(&replica) {
            candidate.took(now, version);
            self.evaluate(now);
        }
    }

    /// It asks to be replaced, or no longer does.
    pub fn handle_drain(&mut self, now: Duration, replica: ConnectorId, draining: bool) {
        if let Some(candidate) = self.candidates.get_mut(&replica) {
            candidate.draining = draining;
            self.evaluate(now);
        }
    }

    /// Time has passed. True if packets of somebody are no longer taken.
    pub fn handle_timeout(&mut self, now: Duration) -> bool {
        let before = self.demoted.len();
        self.demoted.retain(|_, until| now < *until);
        self.evaluate(now);
        self.demoted.len() < before
    }

    /// What became of the decision that was polled last.
    pub fn handle_decided(&mut self, now: Duration, result: Result<HaState, DecideFailure>) {
        self.asked = false;
        let Phase::Storing(decision, plan) = self.phase else {
            return;
        };
        self.phase = Phase::Idle;
        match result {
            Ok(state) => {
                self.retry = RETRY;
                self.stored(now, state, decision, plan);
            }
            Err(failure) => self.not_stored(now, failure, plan),
        }
        self.evaluate(now);
    }

    /// The next decision to store, if there is one.
    pub fn poll_decision(&mut self) -> Option<Decision> {
        match self.phase {
            Phase::Storing(decision, _) if !self.asked => {
                self.asked = true;
                Some(decision)
            }
            Phase::Storing(..) | Phase::Idle | Phase::Waiting { .. } => None,
        }
    }

    /// How manual failovers ended since the last time.
    pub fn poll_ends(&mut self) -> Vec<FailoverEnd> {
        std::mem::take(&mut self.ends)
    }

    /// True if leases, or where packets go, may be others than the last time.
    pub fn poll_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// True if something is to be polled.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        let has_decision = matches!(self.phase, Phase::Storing(..)) && !self.asked;
        has_decision || self.news || !self.ends.is_empty()
    }

    /// The present decision.
    #[must_use]
    pub const fn state(&self) -> HaState {
        self.state
    }

    /// How eagerly it fails over.
    #[must_use]
    pub const fn settings(&self) -> HaSettings {
        self.settings
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
