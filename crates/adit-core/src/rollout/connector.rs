//! One connector and its connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use adit_model::{ConfigVersion, ConnectionId, ConnectionIndex, ConnectorId};

use super::{Refused, Standing};

/// The first pause after an offer that was not answered; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The connector does not run the version yet.
    First,
    /// It does, and confirms it over another connection.
    Other,
    /// The connection left an offer unanswered.
    Again,
}

#[derive(Debug, Default)]
pub(super) struct Connector {
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// The indices it has had.
    pub(super) seen: BTreeSet<ConnectionIndex>,
    /// `None` before its first answer.
    pub(super) standing: Option<Standing>,
    /// The version it is not to be asked with.
    pub(super) refused: Option<ConfigVersion>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) index: ConnectionIndex,
    /// The newest version that it answered to have.
    pub(super) confirmed: ConfigVersion,
    pub(super) under_way: Option<ConfigVersion>,
    pub(super) unanswered: u32,
    pub(super) not_before: Duration,
    pub(super) queued: Option<Queued>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Queued {
    Due(Rank),
    Later(Duration),
}

impl Connector {
    /// Over which connections it is to be offered a version.
    pub(super) fn offers(&self, wanted: ConfigVersion) -> Vec<(Rank, ConnectionId)> {
        if self.refused == Some(wanted) {
            return Vec::new();
        }
        let idle = self
            .connections
            .iter()
            .filter(|(_, state)| state.under_way.is_none());
        if self.running() >= Some(wanted) {
            let behind = idle.filter(|(_, state)| state.confirmed < wanted);
            return behind.map(|(&id, _)| (Rank::Other, id)).collect();
        }
        if self
            .connections
            .values()
            .any(|state| state.under_way == Some(wanted))
        {
            return Vec::new();
        }
        let first = idle.min_by_key(|(_, state)| (state.not_before, state.index));
        first.map(|(&id, _)| (Rank::First, id)).into_iter().collect()
    }

    fn running(&self) -> Option<ConfigVersion> {
        self.standing.as_ref().and_then(|standing| standing.running)
    }

    /// Takes an answer in; answers may come out of their order, so what it runs only rises.
    pub(super) fn learn(
        &mut self,
        offered: ConfigVersion,
        running: ConfigVersion,
        refusal: Option<String>,
    ) -> Option<Standing> {
        let known = (running != ConfigVersion::default()).then_some(running);
        let mut standing = self.standing.clone().unwrap_or_default();
        standing.running = standing.running.max(known);
        if standing.running < Some(offered) {
            let sentence = refusal.unwrap_or_else(|| {
                "The connector did not take the configuration and gave no reason.".to_owned()
            });
            let newer = standing
                .refused
                .as_ref()
                .is_some_and(|refused| refused.version > offered);
            if !newer {
                self.refused = Some(offered);
                standing.refused = Some(Refused {
                    version: offered,
                    sentence,
                });
            }
        }
        standing.refused = standing
            .refused
            .filter(|refused| Some(refused.version) > standing.running);
        let news = self.standing.as_ref() != Some(&standing);
        self.standing = Some(standing.clone());
        news.then_some(standing)
    }
}

impl Connection {
    pub(super) fn new(index: ConnectionIndex) -> Self {
        Self {
            index,
            confirmed: ConfigVersion::default(),
            under_way: None,
            unanswered: 0,
            not_before: Duration::ZERO,
            queued: None,
        }
    }

    pub(super) fn pause(&mut self, now: Duration) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.unanswered.min(10));
        self.unanswered = self.unanswered.saturating_add(1);
        self.not_before = now + doubled.min(LONGEST_PAUSE);
    }

    pub(super) fn unqueue(
        &mut self,
        connector: ConnectorId,
        connection: ConnectionId,
        due: &mut BTreeSet<(Rank, ConnectorId, ConnectionId)>,
        later: &mut BTreeSet<(Duration, ConnectorId, ConnectionId)>,
    ) {
        match self.queued.take() {
            Some(Queued::Due(rank)) => {
                due.remove(&(rank, connector, connection));
            }
            Some(Queued::Later(at)) => {
                later.remove(&(at, connector, connection));
            }
            None => {}
        }
    }
}
