//! Sites: tunnels of kind `warp_connector`, served by one or more replicas.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a site keeps its traffic flowing when a replica fails, as the v4 API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HaMode {
    /// A standby takes over; the site's own network is not told.
    None,
    /// No standby takes over.
    Disabled,
    /// A standby takes over and moves a network interface of AWS to itself.
    Aws,
    /// A standby takes over and carries the site's virtual addresses.
    Local,
}

impl HaMode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Disabled, Self::Aws, Self::Local];

    /// The name in the v4 API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Disabled => "disabled",
            Self::Aws => "aws",
            Self::Local => "local",
        }
    }

    /// Whether a standby takes over at all.
    #[must_use]
    pub const fn is_ha(self) -> bool {
        !matches!(self, Self::Disabled)
    }
}

impl fmt::Display for HaMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`HaMode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected none, disabled, aws or local")]
pub struct HaModeError;

impl FromStr for HaMode {
    type Err = HaModeError;

    fn from_str(text: &str) -> Result<Self, HaModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(HaModeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_has_one_name_everywhere_and_only_one_of_them_is_no_ha() {
        for mode in HaMode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(mode));
            assert_eq!(mode.is_ha(), mode.as_str() != "disabled");
        }
        assert_eq!("off".parse::<HaMode>(), Err(HaModeError));
    }
}
