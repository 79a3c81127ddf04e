//! Who a node is.

use std::fmt;

use adit_core::mesh::session::NodeKeys;
use adit_model::{AccountId, ConnectorId, PeerKey, Timestamp, TunnelId, TunnelKey};
use aws_lc_rs::{
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::noise::PrivateKey;

/// A private key of 32 bytes: the seed of an Ed25519 key, or an X25519 key. Never printed; wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct KeptKey([u8; 32]);

impl KeptKey {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<Self, Unspecified> {
        let mut key = Self([0; 32]);
        SystemRandom::new().fill(&mut key.0)?;
        Ok(key)
    }

    /// What others know it by, as a key of WireGuard.
    #[must_use]
    pub fn public(&self) -> PeerKey {
        PrivateKey::from_bytes(self.0).public()
    }

    /// Its bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for KeptKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&zeroize::Zeroizing::new(BASE64_STANDARD.encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for KeptKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = BASE64_STANDARD
            .decode(text.as_bytes())
            .map(zeroize::Zeroizing::new)
            .ok();
        let key = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
        // The text is a secret: the error does not quote it.
        key.map(Self)
            .ok_or_else(|| D::Error::custom("a private key is 32 bytes in base64"))
    }
}

/// What a node keeps of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Which replica it is.
    pub connector: ConnectorId,
    /// The account of its site.
    pub account: AccountId,
    /// Its site.
    pub tunnel: TunnelId,
    /// Whether the edge has linked it to the site: from then on, no token is needed.
    pub enrolled: bool,
    /// What it signs with.
    pub identity_key: KeptKey,
    /// What its packets are encrypted for.
    pub wireguard_key: KeptKey,
    /// Since when it has that one. Nothing is kept of when the first versions made theirs.
    #[serde(default)]
    pub key_since: Option<Timestamp>,
    /// What they will be encrypted for once the edge knows it, while the key changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_key: Option<KeptKey>,
    /// Where it dials, `HOST:PORT`.
    #[serde(default)]
    pub edges: Vec<String>,
}

impl Identity {
    /// A new node of that site, which the edge does not know yet.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(tunnel: TunnelKey, now: Timestamp) -> Result<Self, Unspecified> {
        Ok(Self {
            connector: ConnectorId::random(),
            account: tunnel.account,
            tunnel: tunnel.tunnel,
            enrolled: false,
            identity_key: KeptKey::generate()?,
            wireguard_key: KeptKey::generate()?,
            key_since: Some(now),
            next_key: None,
            edges: Vec::new(),
        })
    }

    /// What others know its keys by.
    #[must_use]
    pub fn keys(&self) -> NodeKeys {
        NodeKeys {
            settled: self.wireguard_key.public(),
            next: self.next_key.as_ref().map(KeptKey::public),
        }
    }

    /// Goes over to the next key; false if there is none.
    pub fn settle(&mut self, now: Timestamp) -> bool {
        let Some(next) = self.next_key.take() else {
            return false;
        };
        self.wireguard_key = next;
        self.key_since = Some(now);
        true
    }

    /// Its site.
    #[must_use]
    pub const fn site(&self) -> TunnelKey {
        TunnelKey {
            account: self.account,
            tunnel: self.tunnel,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::node) fn at(day: i64) -> Timestamp {
        Timestamp::from_unix_micros(day * 86_400_000_000).unwrap()
    }

    pub(in crate::node) fn tunnel() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    #[test]
    fn an_identity_reads_as_it_was_written_and_shows_no_key() {
        let identity = Identity {
            next_key: Some(KeptKey::generate().unwrap()),
            ..Identity::generate(tunnel(), at(1)).unwrap()
        };
        let text = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), identity);
        let shown = format!("{identity:?}");
        assert!(!shown.contains(&BASE64_STANDARD.encode(identity.wireguard_key.expose())));
    }

    #[test]
    fn the_next_key_takes_the_place_of_the_one_in_use_which_is_forgotten() {
        let mut identity = Identity::generate(tunnel(), at(1)).unwrap();
        let old = identity.keys();
        assert_eq!(old.next, None);
        assert!(!identity.settle(at(2)), "there is no other one");
        assert_eq!((identity.keys(), identity.key_since), (old, Some(at(1))));

        identity.next_key = Some(KeptKey::generate().unwrap());
        let changing = identity.keys();
        assert_eq!(changing.settled, old.settled);
        assert!(identity.settle(at(2)));
        assert_eq!(Some(identity.keys().settled), changing.next);
        assert_eq!((identity.keys().next, identity.key_since), (None, Some(at(2))));
    }

    #[test]
    fn an_identity_of_a_version_that_kept_one_key_is_read() {
        let identity = Identity::generate(tunnel(), at(1)).unwrap();
        let mut json = serde_json::to_value(&identity).unwrap();
        assert!(json.as_object_mut().unwrap().remove("key_since").is_some());
        let read: Identity = serde_json::from_value(json).unwrap();
        assert_eq!((read.keys(), read.key_since), (identity.keys(), None));
    }

    #[test]
    fn a_key_of_another_length_is_refused_without_being_quoted() {
        let error = serde_json::from_str::<KeptKey>("\"c2VjcmV0\"")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}
