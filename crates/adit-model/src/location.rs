//! Where an edge stands.

use std::{fmt, str::FromStr};

/// Letters (three to eight, lower case) and two digits, such as `fra03`. Shown as `colo_name`, sent to
/// connectors as location name, and the suffix of `Cf-Ray`. Default `local01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(String);

/// A text that is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a location is three to eight letters and two digits, such as fra01")]
pub struct LocationError;

impl Location {
    /// The location as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Location {
    fn default() -> Self {
        Self("local01".to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let lower = text.to_ascii_lowercase();
        let letters = lower.trim_end_matches(|c: char| c.is_ascii_digit());
        let valid = (3..=8).contains(&letters.len())
            && lower.len() - letters.len() == 2
            && letters.bytes().all(|b| b.is_ascii_lowercase());
        if valid {
            Ok(Self(lower))
        } else {
            Err(LocationError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_two_digits_make_a_location() {
        for good in ["fra01", "LOCAL01", "sjc12"] {
            assert_eq!(
                good.parse::<Location>().unwrap().as_str(),
                good.to_ascii_lowercase()
            );
        }
        for bad in ["", "01", "fra", "fra1", "fra001", "fr-01", "frä01"] {
            assert_eq!(bad.parse::<Location>(), Err(LocationError), "{bad}");
        }
    }
}
