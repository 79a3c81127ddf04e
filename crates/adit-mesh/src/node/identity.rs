//! Who a node is.

use std::fmt;

use adit_model::{AccountId, ConnectorId, TunnelId, TunnelKey};
use aws_lc_rs::{
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::{Zeroize, ZeroizeOnDrop};

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
    /// Where it dials, `HOST:PORT`.
    #[serde(default)]
    pub edges: Vec<String>,
}

impl Identity {
    /// A new node of that site, which the edge does not know yet.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(tunnel: TunnelKey) -> Result<Self, Unspecified> {
        Ok(Self {
            connector: ConnectorId::random(),
            account: tunnel.account,
            tunnel: tunnel.tunnel,
            enrolled: false,
            identity_key: KeptKey::generate()?,
            wireguard_key: KeptKey::generate()?,
            edges: Vec::new(),
        })
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

    pub(in crate::node) fn tunnel() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    #[test]
    fn an_identity_reads_as_it_was_written_and_shows_no_key() {
        let identity = Identity::generate(tunnel()).unwrap();
        let text = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), identity);
        let shown = format!("{identity:?}");
        assert!(!shown.contains(&BASE64_STANDARD.encode(identity.wireguard_key.expose())));
    }

    #[test]
    fn a_key_of_another_length_is_refused_without_being_quoted() {
        let error = serde_json::from_str::<KeptKey>("\"c2VjcmV0\"")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}
