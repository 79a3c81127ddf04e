//! Encryption at rest of what must be readable again: tunnel secrets.

use std::fmt;

use adit_model::{TunnelKey, TunnelSecret};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::failure::Cause;

/// The keys that the store needs and does not keep: the content of `keys/secrets.key`, 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKeys {
    secrets: [u8; 32],
}

impl StoreKeys {
    /// Takes the key that tunnel secrets are encrypted under. Wiped when dropped.
    #[must_use]
    pub const fn new(secrets: [u8; 32]) -> Self {
        Self { secrets }
    }
}

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The first byte of every sealed value. A new cipher or layout takes the next number.
const VERSION: u8 = 1;

/// Seals values with AES-256-GCM-SIV. A sealed value is the version, a random nonce, the ciphertext and the tag;
/// what it belongs to is authenticated with it, so that no row's value can stand in for another's.
pub(crate) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    pub(crate) fn new(keys: &StoreKeys) -> Result<Self, Cause> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, &keys.secrets).map_err(|_| Cause::Sealed)?;
        Ok(Self {
            key: LessSafeKey::new(key),
        })
    }

    pub(crate) fn seal(&self, plain: &[u8], belongs_to: &[u8]) -> Result<Vec<u8>, Cause> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM_SIV.tag_len()));
        text.extend_from_slice(plain);
        self.key
            .seal_in_place_append_tag(Nonce::from(&nonce), Aad::from(belongs_to), &mut *text)
            .map_err(|_| Cause::Sealed)?;
        Ok([&[VERSION], &nonce[..], &text[..]].concat())
    }

    pub(crate) fn open(&self, sealed: &[u8], belongs_to: &[u8]) -> Result<Zeroizing<Vec<u8>>, Cause> {
        let (VERSION, rest) = sealed
            .split_first()
            .map(|(version, rest)| (*version, rest))
            .ok_or(Cause::Sealed)?
        else {
            return Err(Cause::Sealed);
        };
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Cause::Sealed)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .key
            .open_in_place(Nonce::from(nonce), Aad::from(belongs_to), &mut text)
            .map_err(|_| Cause::Sealed)?
            .len();
        text.truncate(plain);
        Ok(text)
    }

    pub(crate) fn seal_secret(&self, secret: &TunnelSecret, owner: TunnelKey) -> Result<Vec<u8>, Cause> {
        self.seal(secret.expose(), &owner_bytes(owner))
    }

    pub(crate) fn open_secret(&self, sealed: &[u8], owner: TunnelKey) -> Result<TunnelSecret, Cause> {
        let plain = self.open(sealed, &owner_bytes(owner))?;
        TunnelSecret::new(plain.to_vec()).map_err(|_| Cause::Sealed)
    }
}

fn owner_bytes(owner: TunnelKey) -> Vec<u8> {
    format!("tunnel secret of {}/{}", owner.account, owner.tunnel).into_bytes()
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, TunnelId};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn opening_undoes_sealing(plain: Vec<u8>, owner: Vec<u8>) {
            let sealed = sealer(1).seal(&plain, &owner).unwrap();
            prop_assert_eq!(&*sealer(1).open(&sealed, &owner).unwrap(), &plain);
        }

        #[test]
        fn no_bytes_that_nobody_sealed_open_or_panic(mut bytes: Vec<u8>, versioned: bool) {
            if let (true, Some(first)) = (versioned, bytes.first_mut()) {
                *first = VERSION;
            }
            prop_assert!(sealer(1).open(&bytes, b"x").is_err());
        }
    }

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&StoreKeys::new([byte; 32])).unwrap()
    }

    fn key() -> TunnelKey {
        TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_under_its_key_only() {
        let (owner, secret) = (key(), TunnelSecret::new(vec![7; 32]).unwrap());
        let sealed = sealer(1).seal_secret(&secret, owner).unwrap();
        assert_eq!(
            sealer(1).open_secret(&sealed, owner).unwrap().expose(),
            secret.expose()
        );
        assert!(sealer(2).open_secret(&sealed, owner).is_err());
        assert!(sealer(1).open_secret(&sealed, key()).is_err());
        assert_ne!(
            sealer(1).seal_secret(&secret, owner).unwrap(),
            sealed,
            "the nonce is fresh"
        );
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_refused() {
        let sealed = sealer(1).seal(b"plain", b"x").unwrap();
        for length in 0..sealed.len() {
            assert!(sealer(1).open(&sealed[..length], b"x").is_err(), "{length} bytes");
            let mut flipped = sealed.clone();
            flipped[length] ^= 1;
            assert!(sealer(1).open(&flipped, b"x").is_err(), "byte {length}");
        }
    }

    #[test]
    fn keys_are_never_printed() {
        assert_eq!(format!("{:?}", StoreKeys::new([1; 32])), "[redacted]");
    }
}
