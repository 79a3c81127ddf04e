//! Values of API tokens: made at random, shown once.

use std::{fmt, str::FromStr};

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
    fn a_value_is_never_printed() {
        let token = ApiTokenValue::generate();
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
