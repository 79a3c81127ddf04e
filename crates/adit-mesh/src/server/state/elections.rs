//! The elections of the sites that are known, and who waits for what they come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use adit_core::{
    ha::{
        Epoch, HaSettings, HaState,
        election::{Ask, DecideFailure, Decision, Election, Granted},
    },
    port::{FailoverError, FailoverRequest, SiteEntry},
};
use adit_model::{ConnectorId, HaMode, TunnelKey};
use tokio::sync::oneshot;

use super::State;

/// How a manual failover ended.
pub(in crate::server) type Outcome = Result<Epoch, FailoverError>;

/// Manual failovers and who waits for them.
#[derive(Default)]
pub(in crate::server) struct Failovers {
    /// At most one of each site has begun.
    begun: BTreeMap<TunnelKey, oneshot::Sender<Outcome>>,
    /// These are over, and are told once the hub forwards accordingly.
    over: Vec<(oneshot::Sender<Outcome>, Outcome)>,
}

/// What has become of a manual failover.
pub(in crate::server) enum Asked {
    /// There is nothing to do: the target is active by this decision.
    Done(Epoch),
    /// It has begun.
    Begun(oneshot::Receiver<Outcome>),
}

/// What is to be done after conclusions.
#[derive(Default)]
pub(in crate::server) struct Concluded {
    /// To be stored.
    pub(in crate::server) due: Vec<(TunnelKey, Decision)>,
    /// When conclusions are to be drawn again, if nothing happens before.
    pub(in crate::server) next: Option<Instant>,
}

impl State {
    /// The span since the elections began.
    fn at(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.began.get_or_insert(now))
    }

    /// Has something to do with a site's election, if it has one.
    pub(in crate::server) fn elect<T>(
        &mut self,
        site: TunnelKey,
        now: Instant,
        act: impl FnOnce(&mut Election, Duration) -> T,
    ) -> Option<T> {
        let at = self.at(now);
        Some(act(self.elections.get_mut(&site)?, at))
    }

    /// Makes a site's election, if it has none.
    pub(super) fn begin_election(&mut self, site: TunnelKey, now: Instant) {
        let at = self.at(now);
        let entries = &self.entries;
        self.elections.entry(site).or_insert_with(|| {
            let entry = entries.get(&site);
            let state = entry.map_or(HaState::new(site, HaMode::Disabled), |entry| entry.state);
            let settings = entry.map_or(HaSettings::default(), |entry| entry.settings);
            let mut election = Election::new(state, settings);
            // No other edge has sessions of the store's sites.
            election.handle_home(at, Duration::MAX);
            election
        });
    }

    /// What the store says of all sites.
    pub(super) fn take_sites(&mut self, entries: BTreeMap<TunnelKey, SiteEntry>, now: Instant) {
        let gone = self.entries.keys().filter(|site| !entries.contains_key(site));
        for site in gone.copied().collect::<Vec<_>>() {
            self.take_site(site, None, now);
        }
        for (site, entry) in entries {
            self.take_site(site, Some(entry), now);
        }
    }

    /// What it says of one; `None` if that is deleted.
    pub(super) fn take_site(&mut self, site: TunnelKey, entry: Option<SiteEntry>, now: Instant) {
        self.stale.sites.insert(site);
        let Some(entry) = entry else {
            self.entries.remove(&site);
            self.elections.remove(&site);
            self.failovers.begun.remove(&site);
            self.stale.table = true;
            return;
        };
        let (state, settings) = (entry.state, entry.settings);
        self.entries.insert(site, entry);
        self.begin_election(site, now);
        self.elect(site, now, |election, at| {
            election.handle_site(at, state, settings);
        });
    }

    /// Where a site's packets go.
    pub(in crate::server) fn carrying(&self, site: TunnelKey) -> Option<ConnectorId> {
        self.elections.get(&site)?.carrying()
    }

    /// Who else may send from sites' prefixes.
    pub(super) fn accepted(&mut self, now: Instant) -> BTreeSet<(TunnelKey, ConnectorId)> {
        let at = self.at(now);
        let accepted = self.elections.iter().flat_map(|(site, election)| {
            let accepted = election.accepted(at);
            accepted.into_iter().map(|replica| (*site, replica))
        });
        accepted.collect()
    }

    /// What a replica may do for a while, if it has a session.
    pub(in crate::server) fn lease(
        &mut self,
        site: TunnelKey,
        replica: ConnectorId,
        now: Instant,
    ) -> Option<Granted> {
        self.elect(site, now, |election, at| election.lease(at, replica))?
    }

    /// Somebody wants a replica to be active.
    pub(in crate::server) fn fail_over(
        &mut self,
        request: &FailoverRequest,
        now: Instant,
    ) -> Result<Asked, FailoverError> {
        let FailoverRequest {
            tunnel,
            seen,
            target,
            force,
            ..
        } = *request;
        let asked = self.elect(tunnel, now, |election, at| {
            election.fail_over(at, seen, target, force)
        });
        match asked.unwrap_or(Err(FailoverError::Offline))? {
            Ask::Already(epoch) => Ok(Asked::Done(epoch)),
            Ask::Begun => {
                let (told, tells) = oneshot::channel();
                self.failovers.begun.insert(tunnel, told);
                Ok(Asked::Begun(tells))
            }
        }
    }

    /// What became of a decision.
    pub(in crate::server) fn decided(
        &mut self,
        site: TunnelKey,
        result: Result<HaState, DecideFailure>,
        now: Instant,
    ) {
        self.elect(site, now, |election, at| election.handle_decided(at, result));
    }

    /// Draws every election's conclusions. What they change is stale then.
    pub(in crate::server) fn conclude(&mut self, now: Instant) -> Concluded {
        let at = self.at(now);
        let (mut due, mut news, mut next) = (Vec::new(), Vec::new(), None::<Duration>);
        for (site, election) in &mut self.elections {
            let has_lapsed = election.handle_timeout(at);
            due.extend(election.poll_decision().map(|decision| (*site, decision)));
            let ends = election.poll_ends();
            if election.poll_news() || has_lapsed || !ends.is_empty() {
                news.push(*site);
            }
            for end in ends {
                if let Some(waits) = self.failovers.begun.remove(site) {
                    self.failovers.over.push((waits, end.result));
                }
            }
            let wakes = election.poll_timeout(at);
            next = [next, wakes].into_iter().flatten().min();
        }
        for site in news {
            self.mark(site);
        }
        let next = next.and_then(|next| now.checked_add(next.saturating_sub(at)));
        Concluded { due, next }
    }

    /// Manual failovers that are over, to be told once the hub forwards accordingly.
    pub(in crate::server) fn take_over(&mut self) -> Vec<(oneshot::Sender<Outcome>, Outcome)> {
        std::mem::take(&mut self.failovers.over)
    }
}
