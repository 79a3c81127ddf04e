//! Configurations as they were read from the store.

use std::collections::BTreeMap;

use adit_model::{ConfigVersion, TunnelKey};
use bytes::Bytes;

/// The most bytes kept. Those unused for longest go first; what an offer under way holds stays with it.
const MOST_BYTES: usize = 16 << 20;

/// The newest configuration that was read of each tunnel.
#[derive(Debug)]
pub(super) struct Shelf {
    kept: BTreeMap<TunnelKey, Kept>,
    /// By when they were last used.
    uses: BTreeMap<u64, TunnelKey>,
    clock: u64,
    bytes: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    version: ConfigVersion,
    json: Bytes,
    used: u64,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            uses: BTreeMap::new(),
            clock: 0,
            bytes: 0,
            most_bytes: MOST_BYTES,
        }
    }
}

impl Shelf {
    pub(super) fn get(&mut self, tunnel: TunnelKey, version: ConfigVersion) -> Option<Bytes> {
        let kept = self
            .kept
            .get_mut(&tunnel)
            .filter(|kept| kept.version == version)?;
        self.clock += 1;
        self.uses.remove(&kept.used);
        kept.used = self.clock;
        self.uses.insert(kept.used, tunnel);
        Some(kept.json.clone())
    }

    /// Keeps a configuration. The last one stays even if it is larger than what may be kept.
    pub(super) fn put(&mut self, tunnel: TunnelKey, version: ConfigVersion, json: Bytes) {
        self.remove(tunnel);
        self.clock += 1;
        self.bytes += json.len();
        self.uses.insert(self.clock, tunnel);
        let used = self.clock;
        self.kept.insert(tunnel, Kept { version, json, used });
        while self.bytes > self.most_bytes && self.kept.len() > 1 {
            let Some((_, oldest)) = self.uses.first_key_value() else {
                return;
            };
            self.remove(*oldest);
        }
    }

    pub(super) fn remove(&mut self, tunnel: TunnelKey) {
        if let Some(kept) = self.kept.remove(&tunnel) {
            self.bytes -= kept.json.len();
            self.uses.remove(&kept.used);
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, TunnelId};

    use super::*;

    fn tunnel() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    #[test]
    fn the_longest_unused_goes_first_and_only_the_version_asked_for_is_given() {
        let mut shelf = Shelf {
            most_bytes: 10,
            ..Shelf::default()
        };
        let (one, two, three) = (tunnel(), tunnel(), tunnel());
        let json = Bytes::from_static(b"{   }");
        shelf.put(one, ConfigVersion(1), json.clone());
        shelf.put(two, ConfigVersion(7), json.clone());
        assert_eq!(shelf.get(one, ConfigVersion(2)), None);
        assert_eq!(shelf.get(one, ConfigVersion(1)), Some(json.clone()));
        shelf.put(three, ConfigVersion(1), json.clone());
        assert_eq!(shelf.get(two, ConfigVersion(7)), None);
        assert_eq!(shelf.get(one, ConfigVersion(1)), Some(json.clone()));
        shelf.put(
            one,
            ConfigVersion(2),
            Bytes::from_static(b"{                    }"),
        );
        assert_eq!((shelf.kept.len(), shelf.uses.len(), shelf.bytes), (1, 1, 22));
        shelf.remove(one);
        assert_eq!((shelf.kept.len(), shelf.uses.len(), shelf.bytes), (0, 0, 0));
    }
}
