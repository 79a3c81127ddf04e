//! What connectors run, as far as nobody has written it yet.

use std::collections::BTreeMap;

use adit_core::port::{ConnectorConfigured, LocallyConfigured};
use adit_model::{ConnectorId, TunnelKey};

/// The most connectors whose answers wait. What comes beyond is dropped.
const MOST_CONNECTORS: usize = 16_384;
/// The most bytes of local configurations that wait. What comes beyond is dropped.
const MOST_LOCAL_BYTES: usize = 16 << 20;

/// The newest answer of each connector, and the newest local configuration of each tunnel.
#[derive(Debug, Default)]
pub(super) struct Told {
    connectors: BTreeMap<(TunnelKey, ConnectorId), ConnectorConfigured>,
    local: BTreeMap<TunnelKey, LocallyConfigured>,
    local_bytes: usize,
}

impl Told {
    /// False if there was no room.
    pub(super) fn add_answer(&mut self, news: ConnectorConfigured) -> bool {
        let key = (news.tunnel, news.connector);
        let room = self.connectors.len() < MOST_CONNECTORS || self.connectors.contains_key(&key);
        if room {
            self.connectors.insert(key, news);
        }
        room
    }

    /// False if there was no room.
    pub(super) fn add_local(&mut self, news: LocallyConfigured) -> bool {
        let (key, bytes) = (news.tunnel, news.config.len());
        let before = self.local.get(&key).map_or(0, |before| before.config.len());
        let after = self.local_bytes - before + bytes;
        let room = after <= MOST_LOCAL_BYTES;
        if room {
            self.local_bytes = after;
            self.local.insert(key, news);
        }
        room
    }

    /// Takes at most `most` of each out.
    pub(super) fn take(&mut self, most: usize) -> (Vec<ConnectorConfigured>, Vec<LocallyConfigured>) {
        let answers = std::iter::from_fn(|| self.connectors.pop_first());
        let answers = answers.take(most).map(|(_, news)| news).collect();
        let local: Vec<_> = std::iter::from_fn(|| self.local.pop_first())
            .take(most)
            .map(|(_, news)| news)
            .collect();
        self.local_bytes -= local.iter().map(|news| news.config.len()).sum::<usize>();
        (answers, local)
    }

    /// Returns what was taken and not written; what was told meanwhile stands. How many found no room.
    pub(super) fn put_back(&mut self, answers: &[ConnectorConfigured], local: &[LocallyConfigured]) -> u64 {
        let mut dropped = 0;
        for news in answers {
            if !self.connectors.contains_key(&(news.tunnel, news.connector)) {
                dropped += u64::from(!self.add_answer(news.clone()));
            }
        }
        for news in local {
            if !self.local.contains_key(&news.tunnel) {
                dropped += u64::from(!self.add_local(news.clone()));
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use adit_core::rollout::Standing;
    use adit_model::{AccountId, ConfigVersion, Timestamp, TunnelId};

    use super::*;

    fn tunnel() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    fn answer(tunnel: TunnelKey, connector: ConnectorId, version: i32) -> ConnectorConfigured {
        ConnectorConfigured {
            tunnel,
            connector,
            standing: Standing {
                running: Some(ConfigVersion(version)),
                refused: None,
            },
            at: Timestamp::from_unix_micros(0).unwrap(),
        }
    }

    fn local(tunnel: TunnelKey, bytes: usize) -> LocallyConfigured {
        LocallyConfigured {
            tunnel,
            connector: ConnectorId::random(),
            config: "x".repeat(bytes),
            at: Timestamp::from_unix_micros(0).unwrap(),
        }
    }

    #[test]
    fn the_newest_of_each_counts_also_over_what_comes_back() {
        let (mut told, key, connector) = (Told::default(), tunnel(), ConnectorId::random());
        told.add_answer(answer(key, connector, 1));
        told.add_local(local(key, 1));
        let (answers, locals) = told.take(9);
        told.add_answer(answer(key, connector, 2));
        told.add_local(local(key, 2));
        assert_eq!(told.put_back(&answers, &locals), 0);
        let (answers, locals) = told.take(9);
        assert_eq!(answers, [answer(key, connector, 2)]);
        assert_eq!((locals.len(), locals[0].config.len()), (1, 2));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut told, key) = (Told::default(), tunnel());
        let half = MOST_LOCAL_BYTES / 2;
        assert!(told.add_local(local(key, half)) && told.add_local(local(tunnel(), half)));
        assert!(!told.add_local(local(tunnel(), 1)));
        assert!(told.add_local(local(key, 7)), "in the place of an older one");
        assert!(told.add_local(local(tunnel(), half - 7)));
        assert_eq!(told.take(9).1.len(), 3);
        assert_eq!(told.local_bytes, 0);
        for _ in 0..MOST_CONNECTORS {
            assert!(told.add_answer(answer(key, ConnectorId::random(), 1)));
        }
        assert!(!told.add_answer(answer(key, ConnectorId::random(), 1)));
    }
}
