//! How a host proves that it has the tunnel's secret, without sending it.

use std::fmt;

use adit_model::SecretDigest;
use aws_lc_rs::{hmac, rand};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The system has no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// Defines bytes of a fixed number that travel as base64.
macro_rules! wire_bytes {
    ($($(#[$doc:meta])* $name:ident($length:literal),)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name(pub(in crate::mesh) [u8; $length]);

        impl $name {
            /// These bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        // Whoever verifies compares in constant time; this is for tests and for values that are no secret.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
            }
        }

        impl Eq for $name {}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&BASE64_STANDARD.encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                bytes.map(Self).ok_or_else(|| D::Error::custom("not base64 of its length"))
            }
        }
    )*};
}
pub(super) use wire_bytes;

wire_bytes! {
    /// Random bytes that the edge draws for each connection.
    Challenge(32),
    /// HMAC-SHA-256, keyed with the SHA-256 of the tunnel's secret, over the challenge and the exporter of the connection.
    EnrolProof(32),
}

/// Keying material that both ends of one TLS connection export, and nobody else has: what is bound to it is worth nothing
/// on any other connection.
#[derive(Clone, Copy)]
pub struct Exporter([u8; 32]);

impl Exporter {
    /// What TLS exported under [`super::EXPORTER_LABEL`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter([redacted])")
    }
}

impl Challenge {
    /// A new one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }
}

impl EnrolProof {
    /// The proof of whoever has the secret with this digest.
    #[must_use]
    pub fn new(secret: &SecretDigest, challenge: &Challenge, exporter: &Exporter) -> Self {
        let tag = hmac::sign(&key(secret), &signed(challenge, exporter));
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// Whether it was made with the secret of this digest, for this connection. In constant time.
    #[must_use]
    pub fn proves(&self, secret: &SecretDigest, challenge: &Challenge, exporter: &Exporter) -> bool {
        hmac::verify(&key(secret), &signed(challenge, exporter), &self.0).is_ok()
    }
}

fn key(secret: &SecretDigest) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn signed(challenge: &Challenge, exporter: &Exporter) -> [u8; 64] {
    let mut bytes = [0; 64];
    let from = challenge.0.iter().chain(exporter.bytes());
    for (to, from) in bytes.iter_mut().zip(from) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_secret_challenge_and_connection_alone() {
        let [secret, other_secret] = [SecretDigest::of(b"right"), SecretDigest::of(b"wrong")];
        let challenge = Challenge::random().unwrap();
        let (here, elsewhere) = (Exporter::from_bytes([1; 32]), Exporter::from_bytes([2; 32]));
        let proof = EnrolProof::new(&secret, &challenge, &here);
        assert!(proof.proves(&secret, &challenge, &here));
        assert!(!proof.proves(&other_secret, &challenge, &here));
        assert!(!proof.proves(&secret, &Challenge::random().unwrap(), &here));
        assert!(!proof.proves(&secret, &challenge, &elsewhere));
    }

    #[test]
    fn the_proof_is_the_documented_one() {
        // HMAC-SHA-256 keyed with SHA-256("secret"), over 32 bytes of 1 and 32 bytes of 2, computed with another library.
        let proof = EnrolProof::new(
            &SecretDigest::of(b"secret"),
            &Challenge::from_bytes([1; 32]),
            &Exporter::from_bytes([2; 32]),
        );
        let hex: String = proof.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "ccae6e567bd6dd877384de7cb7180eee55609f0561ec4a41df0cbe3cc9e96d42"
        );
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let shown = format!(
            "{:?} {:?}",
            Challenge::from_bytes([7; 32]),
            Exporter::from_bytes([7; 32])
        );
        assert_eq!(shown, "Challenge([redacted]) Exporter([redacted])");
    }
}
