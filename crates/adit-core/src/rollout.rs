//! Which connection is offered a tunnel's configuration next.
//!
//! All connections of a connector configure the same process, so a new version goes to one connection of each
//! connector first, and then to the others, which confirm it. A connector that refuses a version keeps what it runs and
//! is not asked again with that version until it reconnects: a connection that takes the place of an earlier one asks
//! anew, further connections of a starting connector do not. A connection that does not answer is tried again after a
//! pause that grows; meanwhile the connector's other connections are tried.
//!
//! [`Rollout`] reads no clock: times are the span since any fixed moment.

mod connector;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use adit_model::{ConfigVersion, ConnectionId, ConnectionIndex, ConnectorId};

use self::connector::{Connection, Connector, Queued, Rank};

/// How many offers of one tunnel may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutLimits {
    /// In all.
    pub at_once: usize,
    /// Of those, to connections that left an offer unanswered before: they never keep the others waiting.
    pub again_at_once: usize,
}

/// An offer to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// To this connector.
    pub connector: ConnectorId,
    /// Over this connection.
    pub connection: ConnectionId,
    /// This version.
    pub version: ConfigVersion,
    /// The connection left an offer unanswered before.
    again: bool,
}

/// What came of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The connector answered.
    Answered {
        /// What it runs now.
        running: ConfigVersion,
        /// Why it did not take the offer, in its own words.
        refusal: Option<String>,
    },
    /// No answer came that could be understood.
    Silent,
}

/// A refusal that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The version that was offered.
    pub version: ConfigVersion,
    /// Why not, in the connector's own words.
    pub sentence: String,
}

/// How a connector stands towards its tunnel's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// What it runs; `None` if it said that it has no remote configuration.
    pub running: Option<ConfigVersion>,
    /// What it refused last, unless it runs that or a newer one.
    pub refused: Option<Refused>,
}

/// The configuration of one tunnel on its way to those who serve it.
#[derive(Debug)]
pub struct Rollout {
    limits: RolloutLimits,
    wanted: Option<ConfigVersion>,
    connectors: BTreeMap<ConnectorId, Connector>,
    /// Offers to be made, by rank.
    due: BTreeSet<(Rank, ConnectorId, ConnectionId)>,
    /// Offers to be made at a time.
    later: BTreeSet<(Duration, ConnectorId, ConnectionId)>,
    under_way: usize,
    again_under_way: usize,
}

impl Rollout {
    /// Nobody is connected and nothing is wanted.
    #[must_use]
    pub const fn new(limits: RolloutLimits) -> Self {
        Self {
            limits,
            wanted: None,
            connectors: BTreeMap::new(),
            due: BTreeSet::new(),
            later: BTreeSet::new(),
            under_way: 0,
            again_under_way: 0,
        }
    }

    /// The newest version; `None` if the tunnel has none or is managed locally. An older one than before changes nothing.
    pub fn want(&mut self, version: Option<ConfigVersion>, now: Duration) {
        let older = version.is_some() && version < self.wanted;
        if older || version == self.wanted {
            return;
        }
        self.wanted = version;
        for connector in self.connectors.keys().copied().collect::<Vec<_>>() {
            self.place(connector, now);
        }
    }

    /// These connections serve the tunnel now, and no others.
    pub fn connected(
        &mut self,
        present: impl IntoIterator<Item = (ConnectorId, ConnectionId, ConnectionIndex)>,
        now: Duration,
    ) {
        let present: BTreeMap<_, _> = present
            .into_iter()
            .map(|(connector, connection, index)| ((connector, connection), index))
            .collect();
        let mut touched = self.remove_absent(&present);
        for ((id, connection), index) in present {
            let connector = self.connectors.entry(id).or_default();
            if connector.connections.contains_key(&connection) {
                continue;
            }
            if !connector.seen.insert(index) {
                connector.refused = None;
            }
            connector.connections.insert(connection, Connection::new(index));
            touched.insert(id);
        }
        for connector in touched {
            self.place(connector, now);
        }
    }

    fn remove_absent(
        &mut self,
        present: &BTreeMap<(ConnectorId, ConnectionId), ConnectionIndex>,
    ) -> BTreeSet<ConnectorId> {
        let mut touched = BTreeSet::new();
        let (due, later) = (&mut self.due, &mut self.later);
        let (under_way, again_under_way) = (&mut self.under_way, &mut self.again_under_way);
        self.connectors.retain(|&id, connector| {
            connector.connections.retain(|&connection, state| {
                if present.contains_key(&(id, connection)) {
                    return true;
                }
                state.unqueue(id, connection, due, later);
                if state.under_way.is_some() {
                    *under_way -= 1;
                    *again_under_way -= usize::from(state.unanswered > 0);
                }
                touched.insert(id);
                false
            });
            !connector.connections.is_empty()
        });
        touched
    }

    /// The version that [`Rollout::poll_offer`] would offer now; `None` if it has nothing to offer.
    pub fn due(&mut self, now: Duration) -> Option<ConfigVersion> {
        self.wake(now);
        let (rank, ..) = self.due.first()?;
        let again = *rank == Rank::Again;
        let room = self.under_way < self.limits.at_once
            && (!again || self.again_under_way < self.limits.again_at_once);
        self.wanted.filter(|_| room)
    }

    /// The next offer to be made, which is under way from now on. `None`: ask again after [`Rollout::poll_timeout`], or
    /// when something has happened.
    pub fn poll_offer(&mut self, now: Duration) -> Option<Offer> {
        let version = self.due(now)?;
        let (rank, connector, connection) = self.due.pop_first()?;
        let again = rank == Rank::Again;
        let state = self
            .connectors
            .get_mut(&connector)?
            .connections
            .get_mut(&connection)?;
        state.queued = None;
        state.under_way = Some(version);
        self.under_way += 1;
        self.again_under_way += usize::from(again);
        self.place(connector, now);
        Some(Offer {
            connector,
            connection,
            version,
            again,
        })
    }

    /// When the next pause ends; `None` if nobody pauses.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.later.first().map(|&(at, ..)| at)
    }

    /// Whether offers wait or are under way.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.due.is_empty() && self.later.is_empty() && self.under_way == 0
    }

    /// An offer has ended. Returns how the connector stands now, if that is news.
    pub fn answered(&mut self, offer: &Offer, outcome: Outcome, now: Duration) -> Option<Standing> {
        let connector = self.connectors.get_mut(&offer.connector)?;
        let connection = connector.connections.get_mut(&offer.connection)?;
        // Once only.
        connection.under_way.take()?;
        self.under_way -= 1;
        self.again_under_way -= usize::from(offer.again);
        let news = match outcome {
            Outcome::Silent => {
                connection.pause(now);
                None
            }
            Outcome::Answered { running, refusal } => {
                connection.unanswered = 0;
                connection.not_before = Duration::ZERO;
                connection.confirmed = connection.confirmed.max(running);
                connector.learn(offer.version, running, refusal)
            }
        };
        self.place(offer.connector, now);
        news
    }

    /// Those whose pause is over may be asked.
    fn wake(&mut self, now: Duration) {
        while let Some(&(at, connector, connection)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            let state = self.connectors.get_mut(&connector);
            if let Some(state) = state.and_then(|connector| connector.connections.get_mut(&connection)) {
                state.queued = Some(Queued::Due(Rank::Again));
                self.due.insert((Rank::Again, connector, connection));
            }
        }
    }

    /// Queues what a connector is to be offered now.
    fn place(&mut self, id: ConnectorId, now: Duration) {
        let Some(connector) = self.connectors.get_mut(&id) else {
            return;
        };
        for (&connection, state) in &mut connector.connections {
            state.unqueue(id, connection, &mut self.due, &mut self.later);
        }
        let Some(wanted) = self.wanted else { return };
        for (rank, connection) in connector.offers(wanted) {
            let Some(state) = connector.connections.get_mut(&connection) else {
                continue;
            };
            let queued = if state.not_before > now {
                self.later.insert((state.not_before, id, connection));
                Queued::Later(state.not_before)
            } else {
                let rank = if state.unanswered > 0 { Rank::Again } else { rank };
                self.due.insert((rank, id, connection));
                Queued::Due(rank)
            };
            state.queued = Some(queued);
        }
    }
}
