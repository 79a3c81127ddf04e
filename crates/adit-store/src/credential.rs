//! API credentials: made at random, kept as hashes.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const TOKEN_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const TOKEN_LENGTH: usize = 40;

/// The value of an API token: 40 to 80 characters of `A-Za-z0-9_-`. Never printed; wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ApiTokenValue(String);

/// A text that cannot be the value of an API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of an API token has 40 to 80 characters of A-Z, a-z, 0-9, _ and -")]
pub struct ApiTokenValueError;

impl ApiTokenValue {
    /// A new value of 40 characters: 240 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: Zeroizing<[u8; TOKEN_LENGTH]> = Zeroizing::new(rand::random());
        // The alphabet has 64 letters, so six bits of a random byte choose one without bias.
        Self(
            bytes
                .iter()
                .map(|byte| char::from(TOKEN_ALPHABET[usize::from(byte & 63)]))
                .collect(),
        )
    }

    /// The value, to be shown once or sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiTokenValue {
    type Err = ApiTokenValueError;

    fn from_str(text: &str) -> Result<Self, ApiTokenValueError> {
        let fits = (40..=80).contains(&text.len()) && text.bytes().all(|byte| TOKEN_ALPHABET.contains(&byte));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ApiTokenValueError)
        }
    }
}

impl fmt::Debug for ApiTokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

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
    fn a_generated_token_is_a_token_and_no_two_are_alike() {
        let (one, two) = (ApiTokenValue::generate(), ApiTokenValue::generate());
        assert_eq!(one.expose().len(), 40);
        assert!(one.expose().parse::<ApiTokenValue>().is_ok());
        assert_ne!(one.expose(), two.expose());
    }

    #[test]
    fn other_shapes_are_no_tokens() {
        for bad in [
            "",
            "short",
            &"a".repeat(39),
            &"a".repeat(81),
            &"ä".repeat(40),
            &" ".repeat(40),
        ] {
            assert!(bad.parse::<ApiTokenValue>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_are_never_printed() {
        let (token, user) = (ApiTokenValue::generate(), UserKey::generate("A@Example.com"));
        let printed = format!("{token:?} {user:?}");
        assert!(!printed.contains(token.expose()) && !printed.contains(user.expose()));
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
