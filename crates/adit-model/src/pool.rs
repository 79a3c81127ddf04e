//! What a pool of tunnels is called.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// A pool's name: 1 to 255 letters, digits, `_`, `.` and `-`, of which the last two do not come first. Kept as given,
/// unique in its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PoolName(String);

/// A text that is no pool's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 255 letters, digits, '_', '.' and '-', not beginning with '.' or '-'")]
pub struct PoolNameError;

impl PoolName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PoolName {
    type Err = PoolNameError;

    fn from_str(text: &str) -> Result<Self, PoolNameError> {
        let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let goes_on = |byte: &u8| begins(byte) || matches!(byte, b'.' | b'-');
        let fits = text.len() <= 255
            && text.as_bytes().first().is_some_and(begins)
            && text.as_bytes().iter().all(goes_on);
        fits.then(|| Self(text.to_owned())).ok_or(PoolNameError)
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_name_is_a_plain_word() {
        for good in ["shop", "Shop-1.eu", "_x", "1", &"a".repeat(255)] {
            assert_eq!(good.parse::<PoolName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "a b", "\u{e4}", "a/b", &"a".repeat(256)] {
            assert_eq!(bad.parse::<PoolName>(), Err(PoolNameError), "{bad:?}");
        }
    }
}
