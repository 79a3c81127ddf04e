//! Names and remarks within their limits.

use std::{fmt, str::FromStr};

/// Why a text is no name or no remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but blanks.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("must not be longer than {0} characters")]
    TooLong(usize),
    /// A control character, which would garble a terminal or a log.
    #[error("must not contain control characters")]
    Control,
}

/// The name of a virtual network or a subnet: 1 to 256 characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    const MOST: usize = 256;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::Empty);
        }
        checked(text, Self::MOST).map(Self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A remark of at most `MOST` characters; empty if there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment<const MOST: usize>(String);

impl<const MOST: usize> Comment<MOST> {
    /// The remark as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> FromStr for Comment<MOST> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        checked(text, MOST).map(Self)
    }
}

fn checked(text: &str, most: usize) -> Result<String, TextError> {
    if text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_given_within_its_limits() {
        assert_eq!(" lab ".parse::<Name>().unwrap().as_str(), " lab ");
        assert!("é".repeat(256).parse::<Name>().is_ok());
        assert_eq!("é".repeat(257).parse::<Name>(), Err(TextError::TooLong(256)));
        assert_eq!(" ".parse::<Name>(), Err(TextError::Empty));
        assert_eq!("a\u{1b}b".parse::<Name>(), Err(TextError::Control));
    }

    #[test]
    fn a_remark_may_be_empty() {
        assert_eq!("".parse::<Comment<3>>().unwrap(), Comment::default());
        assert_eq!("four".parse::<Comment<3>>(), Err(TextError::TooLong(3)));
    }
}
