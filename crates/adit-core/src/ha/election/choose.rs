//! What follows from how things stand.

use std::{cmp::Reverse, time::Duration};

use adit_model::ConnectorId;

use super::{Candidate, Election, Phase, Plan};
use crate::ha::HaCause;

impl Election {
    /// When [`Election::handle_timeout`] is to be called, if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self, now: Duration) -> Option<Duration> {
        let mut next: Vec<Duration> = self.demoted.values().copied().collect();
        next.extend([self.retry_at, self.grace, self.home_until]);
        next.extend(self.holders.values());
        if let Phase::Waiting { until, .. } = self.phase {
            next.push(until);
        }
        for (replica, candidate) in &self.candidates {
            next.extend(self.damping.until(now, *replica));
            next.push(self.silence(*replica, candidate));
            if let (Some(since), Some(after)) = (candidate.able_since, self.settings.preempt_after) {
                next.push(since.saturating_add(after));
            }
        }
        next.into_iter()
            .filter(|at| *at > now && *at < Duration::MAX)
            .min()
    }

    /// Draws the conclusions.
    pub(super) fn evaluate(&mut self, now: Duration) {
        self.note_able(now);
        self.take_over(now);
        if now >= self.home_until {
            self.give_up();
            return;
        }
        if let Phase::Waiting { target, until } = self.phase {
            self.wait(now, target, until);
        }
        if self.phase != Phase::Idle || now < self.retry_at || self.is_behind() {
            return;
        }
        match self.state.active {
            Some(active) if self.candidates.contains_key(&active) => self.look_after(now, active),
            Some(active) => {
                if now >= self.may_still_be_active(active) {
                    let cause = self.left.unwrap_or(HaCause::Disconnected);
                    self.decide(now, cause, Plan::Switch);
                }
            }
            None => self.decide(now, HaCause::First, Plan::Switch),
        }
    }

    /// Another side holds the site: it decides, and this one gives no active lease.
    fn give_up(&mut self) {
        let is_asked = self.asked && matches!(self.phase, Phase::Storing(..));
        if !is_asked {
            self.phase = Phase::Idle;
            if let Some(target) = self.manual {
                self.end_manual(target, Err(crate::port::FailoverError::Busy));
            }
        }
        self.news |= self.carrying.take().is_some();
    }

    fn note_able(&mut self, now: Duration) {
        let mode = self.state.mode;
        for (replica, candidate) in &mut self.candidates {
            let is_held = self.damping.until(now, *replica).is_some() || now < candidate.avoided_until;
            if candidate.is_able(now, mode) && !is_held {
                candidate.able_since.get_or_insert(now);
            } else {
                candidate.able_since = None;
            }
        }
    }

    /// What the store knows that is later than what is known here counts, but not while it is asked.
    fn take_over(&mut self, now: Duration) {
        let Some(told) = self.told.take_if(|_| !matches!(self.phase, Phase::Storing(..))) else {
            return;
        };
        if told.epoch <= self.state.epoch {
            return;
        }
        if let Some(target) = self.manual {
            self.end_manual(target, Err(crate::port::FailoverError::Busy));
        }
        self.phase = Phase::Idle;
        self.take_state(told);
        self.news = true;
        match told.active.filter(|active| self.candidates.contains_key(active)) {
            Some(active) => self.carry(now, active),
            None => {
                self.carrying = None;
                self.wait_for_active(now);
            }
        }
    }

    /// The one that was chosen is to say so.
    fn wait(&mut self, now: Duration, target: ConnectorId, until: Duration) {
        let Some(candidate) = self.candidates.get(&target) else {
            self.restore(target);
            return;
        };
        if candidate.active_by >= Some(self.state.epoch) {
            self.phase = Phase::Idle;
            self.carry(now, target);
            self.end_manual(target, Ok(self.state.epoch));
        } else if now >= until {
            self.restore(target);
        }
    }

    fn restore(&mut self, failed: ConnectorId) {
        let previous = self.carrying.map(|(carrying, _)| carrying);
        self.begin(previous, HaCause::NotAcknowledged, Plan::Restore { failed });
    }

    /// The active one has a session.
    fn look_after(&mut self, now: Duration, active: ConnectorId) {
        let Some(candidate) = self.candidates.get(&active) else {
            return;
        };
        if self.carrying.map(|(carrying, _)| carrying) != Some(active) {
            self.carry(now, active);
            return;
        }
        if now >= self.silence(active, candidate) {
            self.decide(now, HaCause::Silent, Plan::Switch);
        } else if candidate.draining {
            self.decide(now, HaCause::Drain, Plan::MakeFirst);
        } else if !candidate.lan_well && self.state.mode.is_ha() {
            self.decide(now, HaCause::LanUnwell, Plan::MakeFirst);
        } else if !candidate.path_well && self.state.mode.is_ha() {
            self.decide(now, HaCause::DataPathLost, Plan::MakeFirst);
        } else {
            self.preempt(now, candidate.priority);
        }
    }

    fn preempt(&mut self, now: Duration, priority: u32) {
        let Some(after) = self
            .settings
            .preempt_after
            .filter(|_| !self.sticks && self.state.mode.is_ha())
        else {
            return;
        };
        let better = |(replica, candidate): (&ConnectorId, &Candidate)| {
            let since = candidate.able_since?;
            let is_better = candidate.priority > priority && now >= since.saturating_add(after);
            is_better.then_some((candidate.priority, Reverse(*replica)))
        };
        if let Some((_, Reverse(chosen))) = self.candidates.iter().filter_map(better).max() {
            self.begin(Some(chosen), HaCause::Preempted, Plan::MakeFirst);
        }
    }

    /// Chooses another one, if there is one.
    fn decide(&mut self, now: Duration, cause: HaCause, plan: Plan) {
        let hands_over = plan == Plan::MakeFirst && cause == HaCause::Drain;
        let Some(chosen) = self.choose(now, hands_over) else {
            return;
        };
        let is_avoided = |candidate: &Candidate| now < candidate.avoided_until;
        // The one that is there carries on, rather than one that failed to a moment ago.
        if plan == Plan::MakeFirst && self.candidates.get(&chosen).is_some_and(is_avoided) {
            return;
        }
        self.begin(Some(chosen), cause, plan);
    }

    /// The best one beside the active one. One that drains is better than nobody, but of two that drain neither hands over.
    fn choose(&self, now: Duration, hands_over: bool) -> Option<ConnectorId> {
        let mode = self.state.mode;
        let able = self
            .candidates
            .iter()
            .filter(|(replica, candidate)| {
                Some(**replica) != self.state.active
                    && candidate.is_fit(now, mode)
                    && !(candidate.draining && hands_over)
            })
            .min_by_key(|(replica, candidate)| {
                let priority = if mode.is_ha() { candidate.priority } else { 0 };
                (
                    candidate.draining,
                    candidate.able_since.is_none(),
                    Reverse(priority),
                    candidate.joined,
                    **replica,
                )
            });
        able.map(|(replica, _)| *replica)
    }

    /// When a replica with a session is taken for gone: its last lease is over, and the guard.
    fn silence(&self, replica: ConnectorId, candidate: &Candidate) -> Duration {
        let timing = candidate.timing();
        let heard = candidate
            .heard
            .saturating_add(timing.ttl)
            .saturating_add(timing.guard);
        heard.max(self.held_until(replica))
    }

    /// Until when the chosen one, which has no session, may act as if it had.
    fn may_still_be_active(&self, active: ConnectorId) -> Duration {
        let grace = match self.left {
            Some(HaCause::Restarted) => self.grace,
            Some(_) | None => Duration::ZERO,
        };
        grace.max(self.held_until(active))
    }

    fn held_until(&self, replica: ConnectorId) -> Duration {
        self.holders.get(&replica).copied().unwrap_or_default()
    }
}
