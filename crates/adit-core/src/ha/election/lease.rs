//! What each replica may do: who carries, who is taken packets from, and for how long.

use std::{collections::BTreeSet, time::Duration};

use adit_model::ConnectorId;

use super::{Election, Phase, Plan, RESTART_GRACE, Timing};
use crate::ha::{Epoch, HaCause, PassiveOnramp};

/// How long packets of a replica are taken that was active before.
pub const DRAIN: Duration = Duration::from_secs(5);

/// What a replica may do for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// By which decision.
    pub epoch: Epoch,
    /// Whether it carries the site's traffic.
    pub active: bool,
    /// For how long.
    pub ttl: Duration,
}

impl Election {
    /// Where the site's packets go.
    #[must_use]
    pub fn carrying(&self) -> Option<ConnectorId> {
        let (carrying, _) = self.carrying?;
        self.candidates.contains_key(&carrying).then_some(carrying)
    }

    /// Who else may send from the site's prefixes: the one that is just being made active, one that was so a moment ago.
    #[must_use]
    pub fn accepted(&self, now: Duration) -> BTreeSet<ConnectorId> {
        let mut accepted: BTreeSet<_> = match self.settings.passive_onramp {
            PassiveOnramp::Drop => BTreeSet::new(),
            PassiveOnramp::Accept => self.candidates.keys().copied().collect(),
            PassiveOnramp::Drain => {
                let still = self.demoted.iter().filter(|(_, until)| now < **until);
                still.map(|(replica, _)| *replica).collect()
            }
        };
        if let Phase::Waiting { target, .. } = self.phase {
            accepted.insert(target);
        }
        if let Some(carrying) = self.carrying() {
            accepted.remove(&carrying);
        }
        accepted
    }

    /// What a replica may do now. Its time counts from the beat that was heard last, at the replica as here: a lease that is
    /// sent to one that has fallen silent gives it no more time, and keeps nobody waiting.
    pub fn lease(&mut self, now: Duration, replica: ConnectorId) -> Option<Granted> {
        let candidate = self.candidates.get(&replica)?;
        let Timing { ttl, guard, .. } = candidate.timing();
        let epoch = self.active_epoch(replica);
        if let Some(epoch) = epoch.filter(|_| now < self.home_until) {
            if self.is_being_left(replica) {
                return None;
            }
            let ttl = ttl.min(self.home_until.saturating_sub(now));
            let until = candidate.heard.saturating_add(ttl).saturating_add(guard);
            let held = self.holders.entry(replica).or_insert(until);
            *held = until.max(*held);
            return Some(Granted {
                epoch,
                active: true,
                ttl,
            });
        }
        Some(Granted {
            epoch: self.state.epoch,
            active: false,
            ttl,
        })
    }

    /// The decision by which it is active.
    fn active_epoch(&self, replica: ConnectorId) -> Option<Epoch> {
        if let Phase::Waiting { target, .. } = self.phase
            && target == replica
        {
            return Some(self.state.epoch);
        }
        self.carrying
            .filter(|(carrying, _)| *carrying == replica)
            .map(|(_, epoch)| epoch)
    }

    /// Another one is on its way to be active without its knowledge: its last lease runs out.
    fn is_being_left(&self, replica: ConnectorId) -> bool {
        match self.phase {
            Phase::Storing(decision, Plan::Switch) => decision.active != Some(replica),
            Phase::Storing(..) | Phase::Idle | Phase::Waiting { .. } => false,
        }
    }

    /// If the one that was chosen elsewhere or before is not here, it gets some time to come.
    pub(super) fn wait_for_active(&mut self, now: Duration) {
        self.grace = now.saturating_add(RESTART_GRACE);
        let is_here = |active| self.candidates.contains_key(&active);
        if !self.state.active.is_some_and(is_here) {
            self.left = Some(HaCause::Restarted);
        }
    }

    pub(super) fn carry(&mut self, now: Duration, replica: ConnectorId) {
        let before = self.carrying.replace((replica, self.state.epoch));
        if let Some((before, _)) = before
            && before != replica
        {
            self.demoted.insert(before, now.saturating_add(DRAIN));
        }
        self.demoted.remove(&replica);
        self.news = true;
    }
}
