//! The key that a node is known by after it has enrolled.

use std::fmt;

use adit_model::IdentityKey;
use aws_lc_rs::{
    rand,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::Zeroizing;

use super::proof::{Exporter, NoRandomness, wire_bytes};

wire_bytes! {
    /// An Ed25519 signature over the exporter of a connection.
    IdentitySignature(64),
}

/// A node's identity: an Ed25519 key pair. Never printed; wiped when dropped.
pub struct IdentityPair {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    public: IdentityKey,
}

impl IdentityPair {
    /// A new identity.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut seed = Zeroizing::new([0; 32]);
        rand::fill(seed.as_mut_slice()).map_err(|_| NoRandomness)?;
        Self::from_seed(&seed).ok_or(NoRandomness)
    }

    /// The identity that a node kept. Any 32 bytes are a seed; `None` only if the library fails.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self {
            seed: Zeroizing::new(*seed),
            pair,
            public: IdentityKey::from_bytes(public),
        })
    }

    /// What a node keeps, as secret as a private key.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// What everyone may know.
    #[must_use]
    pub const fn public(&self) -> IdentityKey {
        self.public
    }

    /// Proves on one connection that its holder dialled it.
    #[must_use]
    pub fn sign(&self, exporter: &Exporter) -> IdentitySignature {
        let signature = self.pair.sign(exporter.bytes());
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        IdentitySignature(bytes)
    }
}

impl fmt::Debug for IdentityPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl IdentitySignature {
    /// Whether the holder of this key made it for this connection.
    #[must_use]
    pub fn proves(&self, identity: &IdentityKey, exporter: &Exporter) -> bool {
        UnparsedPublicKey::new(&ED25519, identity.as_bytes())
            .verify(exporter.bytes(), &self.0)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_connection_alone() {
        let [berlin, lisbon] = [(); 2].map(|()| IdentityPair::generate().unwrap());
        let (here, elsewhere) = (Exporter::from_bytes([1; 32]), Exporter::from_bytes([2; 32]));
        let signature = berlin.sign(&here);
        assert!(signature.proves(&berlin.public(), &here));
        assert!(!signature.proves(&berlin.public(), &elsewhere));
        assert!(!signature.proves(&lisbon.public(), &here));
        assert!(!signature.proves(&IdentityKey::from_bytes([0; 32]), &here));
    }

    #[test]
    fn an_identity_is_kept_by_its_seed_and_not_printed() {
        let pair = IdentityPair::generate().unwrap();
        let again = IdentityPair::from_seed(pair.expose_seed()).unwrap();
        assert_eq!(again.public(), pair.public());
        assert!(!format!("{pair:?}").contains(&BASE64_STANDARD.encode(pair.expose_seed())));
    }
}
