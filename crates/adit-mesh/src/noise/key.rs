//! The private half of a WireGuard key.

use std::fmt;

use adit_model::PeerKey;
use gotatun::x25519;
use zeroize::Zeroizing;

/// A private key (X25519). It prints as `[redacted]` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; 32]>);

impl PrivateKey {
    /// The key of these 32 bytes. Any 32 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The 32 bytes, for whoever keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What others know this key by.
    #[must_use]
    pub fn public(&self) -> PeerKey {
        PeerKey::from_bytes(x25519::PublicKey::from(&self.secret()).to_bytes())
    }

    pub(super) fn secret(&self) -> x25519::StaticSecret {
        x25519::StaticSecret::from(*self.0)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 7748, section 6.1 (Alice's keys).
    #[test]
    fn the_public_key_is_the_one_of_the_standard() {
        let private = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
            0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        assert_eq!(PrivateKey::from_bytes(private).public().to_string(), public);
    }

    #[test]
    fn a_private_key_does_not_print() {
        let key = PrivateKey::from_bytes([0x41; 32]);
        assert_eq!(format!("{key:?}"), "PrivateKey([redacted])");
    }
}
