//! Credentials as the store keeps them: as hashes.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A user's email address and global key, which may act in every account.
#[derive(Clone)]
pub struct UserKey {
    email: String,
    key: Zeroizing<String>,
}

impl UserKey {
    /// Takes an address and its key; addresses are compared without regard to case.
    #[must_use]
    pub fn new(email: &str, key: String) -> Self {
        Self {
            email: canonical_email(email),
            key: Zeroizing::new(key),
        }
    }

    /// A new key of 40 hexadecimal digits (160 random bits) for `email`.
    #[must_use]
    pub fn generate(email: &str) -> Self {
        let bytes: Zeroizing<[u8; 20]> = Zeroizing::new(rand::random());
        Self::new(email, hex::encode(bytes.as_slice()))
    }

    /// The address in lower case.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The key, to be shown once or sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKey")
            .field("email", &self.email)
            .field("key", &"[redacted]")
            .finish()
    }
}

/// The form in which an address is a user's name.
pub(crate) fn canonical_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// SHA-256 of a credential: all that is kept of it. Credentials are long and random, so no slow hash is needed.
pub(crate) struct CredentialHash([u8; 32]);

impl CredentialHash {
    pub(crate) fn of(credential: &str) -> Self {
        Self(Sha256::digest(credential).into())
    }

    /// The number that a credential is looked up by. It tells a thief of the database nothing new, and leaves the
    /// comparison of the rest to [`CredentialHash::matches`].
    pub(crate) const fn prefix(&self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares with a kept hash in constant time.
    pub(crate) fn matches(&self, kept: &[u8]) -> bool {
        self.0.ct_eq(kept).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_printed() {
        let user = UserKey::generate("A@Example.com");
        assert!(!format!("{user:?}").contains(user.expose()));
        assert_eq!(user.email(), "a@example.com");
    }

    #[test]
    fn a_hash_matches_itself_only() {
        let hash = CredentialHash::of("a");
        assert!(hash.matches(CredentialHash::of("a").as_bytes()));
        assert!(!hash.matches(CredentialHash::of("b").as_bytes()));
        assert!(!hash.matches(&[]));
    }
}
