//! News that nobody has written yet.

use std::collections::{BTreeMap, VecDeque};

use adit_core::port::{
    ConnectionClosed, ConnectionOpened, ConnectorConfigured, LocallyConfigured, PresenceEvent,
};
use adit_model::ConnectionId;

use super::told::Told;

/// What is to be written of one connection: that it opened, that it ended, or both. An end is final.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct News {
    pub(crate) opened: Option<Box<ConnectionOpened>>,
    pub(crate) closed: Option<ConnectionClosed>,
}

/// What is written together: connections before what their connectors run.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) connections: Vec<News>,
    pub(crate) answers: Vec<ConnectorConfigured>,
    pub(crate) local: Vec<LocallyConfigured>,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.answers.is_empty() && self.local.is_empty()
    }
}

/// The most connections that wait to be written though they have ended already. Of more the oldest go unrecorded:
/// nothing but the history of their tunnels would tell of them.
const MOST_ENDED: usize = 16_384;

/// News by connection: of those that are open, of those whose opening is written, and of at most [`MOST_ENDED`] that
/// came and went.
#[derive(Debug)]
pub(super) struct Pending {
    news: BTreeMap<ConnectionId, News>,
    /// Those that came and went, oldest first; some may be written already.
    ended: VecDeque<ConnectionId>,
    most_ended: usize,
    told: Told,
    dropped: u64,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            news: BTreeMap::new(),
            ended: VecDeque::new(),
            most_ended: MOST_ENDED,
            told: Told::default(),
            dropped: 0,
        }
    }
}

impl Pending {
    pub(super) fn add(&mut self, event: PresenceEvent) {
        match event {
            PresenceEvent::Opened(opened) => {
                let connection = opened.connection;
                self.of(connection).opened = Some(opened);
                self.bound(connection);
            }
            PresenceEvent::Closed(closed) => {
                let connection = closed.connection;
                self.of(connection).closed = Some(closed);
                self.bound(connection);
            }
            PresenceEvent::Configured(news) => self.dropped += u64::from(!self.told.add_answer(news)),
            PresenceEvent::LocallyConfigured(news) => self.dropped += u64::from(!self.told.add_local(news)),
        }
    }

    /// If this connection came and went, makes room for it.
    fn bound(&mut self, connection: ConnectionId) {
        if !self.has_ended(connection) {
            return;
        }
        self.ended.push_back(connection);
        while self.ended.len() > self.most_ended {
            let Some(oldest) = self.ended.pop_front() else {
                return;
            };
            if self.has_ended(oldest) {
                self.news.remove(&oldest);
                self.dropped += 1;
            }
        }
    }

    fn has_ended(&self, connection: ConnectionId) -> bool {
        let news = self.news.get(&connection);
        news.is_some_and(|news| news.opened.is_some() && news.closed.is_some())
    }

    /// How much went unrecorded since this was last asked.
    pub(super) fn dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn of(&mut self, connection: ConnectionId) -> &mut News {
        self.news.entry(connection).or_default()
    }

    /// Takes news of at most `most` connections out, and what connectors run once all of their connections are.
    pub(super) fn take(&mut self, most: usize) -> Batch {
        let connections: Vec<_> = std::iter::from_fn(|| self.news.pop_first())
            .take(most)
            .map(|(_, news)| news)
            .collect();
        let mut batch = Batch {
            connections,
            ..Batch::default()
        };
        if self.news.is_empty() {
            self.ended.clear();
            (batch.answers, batch.local) = self.told.take(most);
        }
        batch
    }

    /// Returns what was taken and not written; news that arrived meanwhile stands.
    pub(super) fn put_back(&mut self, taken: &Batch) {
        self.dropped += self.told.put_back(&taken.answers, &taken.local);
        for news in &taken.connections {
            let connection = match (&news.opened, &news.closed) {
                (Some(opened), _) => opened.connection,
                (None, Some(closed)) => closed.connection,
                (None, None) => continue,
            };
            let waiting = self.of(connection);
            waiting.opened = waiting.opened.take().or_else(|| news.opened.clone());
            waiting.closed = waiting.closed.take().or_else(|| news.closed.clone());
            self.bound(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::port::{CloseReason, ConnectorInfo};
    use adit_model::{
        AccountId, ConnectionIndex, ConnectorId, Location, Timestamp, TransportProtocol, TunnelId, TunnelKey,
    };

    use super::*;

    fn opened(connection: ConnectionId) -> PresenceEvent {
        PresenceEvent::Opened(Box::new(ConnectionOpened {
            tunnel: TunnelKey {
                account: AccountId::random(),
                tunnel: TunnelId::random(),
            },
            connection,
            connector: ConnectorInfo {
                id: ConnectorId::random(),
                version: String::new(),
                arch: String::new(),
                features: Vec::new(),
                hostname: None,
            },
            index: ConnectionIndex(0),
            protocol: TransportProtocol::Quic,
            origin_ip: [127, 0, 0, 1].into(),
            location: Location::default(),
            opened_at: Timestamp::from_unix_micros(0).unwrap(),
        }))
    }

    fn closed(connection: ConnectionId) -> PresenceEvent {
        PresenceEvent::Closed(ConnectionClosed {
            tunnel: TunnelKey {
                account: AccountId::random(),
                tunnel: TunnelId::random(),
            },
            connection,
            reason: CloseReason::Lost,
            closed_at: Timestamp::from_unix_micros(1).unwrap(),
        })
    }

    #[test]
    fn an_opening_and_an_end_of_one_connection_are_both_kept() {
        let (mut pending, connection) = (Pending::default(), ConnectionId::random());
        pending.add(opened(connection));
        pending.add(closed(connection));
        let news = pending.take(10).connections;
        assert_eq!(news.len(), 1);
        assert!(news[0].opened.is_some() && news[0].closed.is_some());
        assert!(pending.take(10).is_empty());
    }

    #[test]
    fn of_connections_that_came_and_went_the_newest_are_kept_and_of_others_all() {
        let mut pending = Pending {
            most_ended: 3,
            ..Pending::default()
        };
        let ids: Vec<_> = (0..10).map(|_| ConnectionId::random()).collect();
        for &id in &ids {
            pending.add(opened(id));
        }
        let ended_before = ConnectionId::random();
        pending.add(closed(ended_before));
        for &id in &ids[..6] {
            pending.add(closed(id));
        }
        assert_eq!((pending.dropped(), pending.dropped()), (3, 0));
        let taken = pending.take(100);
        pending.put_back(&taken);
        let news = pending.take(100).connections;
        let of = |news: &News| match news {
            News {
                opened: Some(opened), ..
            } => opened.connection,
            News { closed, .. } => closed.as_ref().unwrap().connection,
        };
        let kept: std::collections::BTreeSet<_> = news.iter().map(of).collect();
        let expected = ids[3..].iter().copied().chain([ended_before]).collect();
        assert_eq!(kept, expected);
        assert_eq!(pending.dropped(), 0);
    }

    #[test]
    fn what_was_not_written_comes_back_beside_what_arrived_meanwhile() {
        let (mut pending, connection) = (Pending::default(), ConnectionId::random());
        pending.add(opened(connection));
        let taken = pending.take(1);
        pending.add(closed(connection));
        pending.put_back(&taken);
        let news = pending.take(1).connections;
        assert!(news[0].opened.is_some() && news[0].closed.is_some());
    }
}
