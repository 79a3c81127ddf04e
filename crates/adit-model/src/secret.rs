//! The tunnel secret: what a connector proves itself with.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The shared secret of a tunnel: at least 32 bytes. Never printed; wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TunnelSecret(Vec<u8>);

/// A tunnel secret below 32 bytes or above 4 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tunnel secret has 32 to 4096 bytes")]
pub struct ShortSecret;

impl TunnelSecret {
    /// Takes the raw bytes of a secret.
    ///
    /// # Errors
    /// [`ShortSecret`] unless there are 32 to 4096 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortSecret> {
        if (32..=4096).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(ShortSecret)
        }
    }

    /// The raw bytes, for encryption and for the registration call.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// What the edge keeps instead of the secret.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

impl fmt::Debug for TunnelSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// SHA-256 of a tunnel secret, or of an API token. Kept as secret as the secret; compared in constant time.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of what a peer presented, which need not be a valid secret.
    #[must_use]
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Wraps a digest from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = TunnelSecret::new(vec![7; 32]).unwrap();
        assert_eq!(
            format!("{secret:?} {:?}", secret.digest()),
            "[redacted] [redacted]"
        );
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(TunnelSecret::new(vec![7; 31]).unwrap_err(), ShortSecret);
    }
}
