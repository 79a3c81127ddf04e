//! What is asked of an election and what comes of it.

use std::time::Duration;

use adit_model::ConnectorId;

use super::{AVOIDED, Candidate, Decision, Election, LONGEST_RETRY, Phase, Plan};
use crate::{
    ha::{Epoch, HaCause, HaState},
    port::FailoverError,
};

/// Why a decision was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecideFailure {
    /// Somebody else decided: this epoch is the present one.
    Stale(Epoch),
    /// The store failed, or did not answer; it may have stored it all the same.
    Failed,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The replica, or the system of its host, ended it.
    Ended,
    /// It was not heard any more: nobody knows what it does.
    Silent,
    /// This side ended it.
    Dismissed,
    /// The replica is no longer linked to the site, which it is told.
    Unlinked,
    /// It said before that it would stop.
    Stopped,
}

impl Leave {
    pub(super) const fn cause(self) -> HaCause {
        match self {
            Self::Ended | Self::Dismissed => HaCause::Disconnected,
            Self::Silent => HaCause::Silent,
            Self::Unlinked => HaCause::Unlinked,
            Self::Stopped => HaCause::Drain,
        }
    }

    /// Whether it may go by its last lease until that ends. One that knows that its session is over gives its part up.
    pub(super) const fn may_hold_lease(self) -> bool {
        match self {
            Self::Silent => true,
            Self::Ended | Self::Dismissed | Self::Unlinked | Self::Stopped => false,
        }
    }
}

/// What a manual failover leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The target is active already, by this decision.
    Already(Epoch),
    /// It has begun; how it ends is told by [`Election::poll_ends`].
    Begun,
}

/// How a manual failover ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailoverEnd {
    /// Who was to become active.
    pub target: ConnectorId,
    /// The decision that it now is active by, or why it is not.
    pub result: Result<Epoch, FailoverError>,
}

impl Election {
    /// Somebody wants `target` to be active, having seen the decision `seen`. `force`: also if its network is unwell.
    ///
    /// # Errors
    /// Why it cannot be, or not now.
    pub fn fail_over(
        &mut self,
        now: Duration,
        seen: Epoch,
        target: ConnectorId,
        force: bool,
    ) -> Result<Ask, FailoverError> {
        let candidate = self.candidates.get(&target).ok_or(FailoverError::Offline)?;
        if self.phase != Phase::Idle || now >= self.home_until || self.is_behind() {
            return Err(FailoverError::Busy);
        }
        if self.state.active == Some(target) && self.carrying() == Some(target) {
            self.sticks = true;
            self.damping.forgive();
            return Ok(Ask::Already(self.state.epoch));
        }
        if seen != self.state.epoch {
            return Err(FailoverError::Busy);
        }
        if !candidate.is_fresh(now) {
            return Err(FailoverError::Offline);
        }
        if candidate.draining {
            return Err(FailoverError::Draining);
        }
        if !candidate.is_current(now) {
            return Err(FailoverError::Outdated);
        }
        if !candidate.is_well() && !force {
            return Err(FailoverError::Unwell);
        }
        self.manual = Some(target);
        self.begin(Some(target), HaCause::Manual, Plan::MakeFirst);
        Ok(Ask::Begun)
    }

    pub(super) fn begin(&mut self, active: Option<ConnectorId>, cause: HaCause, plan: Plan) {
        let decision = Decision {
            seen: self.state.epoch,
            active,
            cause,
        };
        self.phase = Phase::Storing(decision, plan);
        self.asked = false;
    }

    pub(super) fn stored(&mut self, now: Duration, state: HaState, decision: Decision, plan: Plan) {
        let before = self.state.active;
        self.take_state(state);
        self.news = true;
        if let Some(before) = before
            && before_counts(decision.cause)
            && Some(before) != decision.active
        {
            self.damping.changed(now, before);
        }
        self.sticks = decision.cause == HaCause::Manual;
        match plan {
            Plan::Restore { failed } => {
                if let Some(candidate) = self.candidates.get_mut(&failed) {
                    candidate.avoided_until = now.saturating_add(AVOIDED);
                }
                match self.carrying {
                    Some((carrying, _)) if Some(carrying) == decision.active => self.carry(now, carrying),
                    Some(_) | None => {}
                }
                self.end_manual(failed, Err(FailoverError::NotAcknowledged));
            }
            Plan::Switch => {
                if let Some(active) = decision.active {
                    self.carry(now, active);
                }
            }
            Plan::MakeFirst => {
                if let Some(target) = decision.active {
                    let candidate = self.candidates.get(&target);
                    let timing = candidate.map(Candidate::timing);
                    let wait = timing.map_or(Duration::ZERO, |timing| timing.acknowledge);
                    let until = now.saturating_add(wait);
                    self.phase = Phase::Waiting { target, until };
                }
            }
        }
    }

    pub(super) fn not_stored(&mut self, now: Duration, failure: DecideFailure, plan: Plan) {
        if let DecideFailure::Stale(epoch) = failure {
            self.behind = self.behind.max(epoch);
        }
        self.retry_at = now.saturating_add(self.retry);
        self.retry = self.retry.saturating_mul(2).min(LONGEST_RETRY);
        // The one that was active is so no less, and gets its leases again.
        self.news = true;
        match plan {
            Plan::MakeFirst => {
                if let Some(target) = self.manual {
                    let error = match failure {
                        DecideFailure::Stale(_) => FailoverError::Busy,
                        DecideFailure::Failed => FailoverError::NotStored,
                    };
                    self.end_manual(target, Err(error));
                }
            }
            // Asked again as what the time is over for.
            Plan::Restore { failed } => {
                self.phase = Phase::Waiting {
                    target: failed,
                    until: self.retry_at,
                };
            }
            Plan::Switch => {}
        }
    }

    pub(super) fn end_manual(&mut self, target: ConnectorId, result: Result<Epoch, FailoverError>) {
        if self.manual == Some(target) {
            self.manual = None;
            self.ends.push(FailoverEnd { target, result });
        }
    }

    /// Takes over what the store says of the site, which is later than what is known here.
    pub(super) fn take_state(&mut self, state: HaState) {
        if state.active != self.state.active {
            self.left = Some(HaCause::Disconnected);
        }
        self.state = HaState {
            mode: self.state.mode,
            ..state
        };
    }

    pub(super) fn is_behind(&self) -> bool {
        self.behind > self.state.epoch
    }
}

/// Whether a change for that reason is one that nobody asked for.
const fn before_counts(cause: HaCause) -> bool {
    match cause {
        HaCause::Disconnected
        | HaCause::Silent
        | HaCause::LanUnwell
        | HaCause::DataPathLost
        | HaCause::Outdated
        | HaCause::Preempted => true,
        HaCause::First
        | HaCause::Manual
        | HaCause::Drain
        | HaCause::Unlinked
        | HaCause::NotAcknowledged
        | HaCause::Restarted => false,
    }
}
