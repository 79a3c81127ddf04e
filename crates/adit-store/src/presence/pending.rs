//! News that nobody has written yet.

use std::collections::BTreeMap;

use adit_core::port::{ConnectionClosed, ConnectionOpened, PresenceEvent};
use adit_model::ConnectionId;

/// What is to be written of one connection: that it opened, that it ended, or both. An end is final.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct News {
    pub(crate) opened: Option<Box<ConnectionOpened>>,
    pub(crate) closed: Option<ConnectionClosed>,
}

/// News by connection: bounded by the connections that are open or ended unwritten.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<ConnectionId, News>);

impl Pending {
    pub(super) fn add(&mut self, event: PresenceEvent) {
        match event {
            PresenceEvent::Opened(opened) => {
                let connection = opened.connection;
                self.of(connection).opened = Some(opened);
            }
            PresenceEvent::Closed(closed) => {
                let connection = closed.connection;
                self.of(connection).closed = Some(closed);
            }
        }
    }

    fn of(&mut self, connection: ConnectionId) -> &mut News {
        self.0.entry(connection).or_default()
    }

    /// Takes news of at most `most` connections out.
    pub(super) fn take(&mut self, most: usize) -> Vec<News> {
        std::iter::from_fn(|| self.0.pop_first())
            .take(most)
            .map(|(_, news)| news)
            .collect()
    }

    /// Returns what was taken and not written; news that arrived meanwhile stands.
    pub(super) fn put_back(&mut self, taken: &[News]) {
        for news in taken {
            let connection = match (&news.opened, &news.closed) {
                (Some(opened), _) => opened.connection,
                (None, Some(closed)) => closed.connection,
                (None, None) => continue,
            };
            let waiting = self.of(connection);
            waiting.opened = waiting.opened.take().or_else(|| news.opened.clone());
            waiting.closed = waiting.closed.take().or_else(|| news.closed.clone());
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
        let news = pending.take(10);
        assert_eq!(news.len(), 1);
        assert!(news[0].opened.is_some() && news[0].closed.is_some());
        assert!(pending.take(10).is_empty());
    }

    #[test]
    fn what_was_not_written_comes_back_beside_what_arrived_meanwhile() {
        let (mut pending, connection) = (Pending::default(), ConnectionId::random());
        pending.add(opened(connection));
        let taken = pending.take(1);
        pending.add(closed(connection));
        pending.put_back(&taken);
        let news = pending.take(1);
        assert!(news[0].opened.is_some() && news[0].closed.is_some());
    }
}
