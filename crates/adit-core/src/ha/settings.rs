//! How eagerly a site fails over. Apart from its configuration, which is the v4 API's: these are Adit's own.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// The least time after which a better replica takes over from one that is well: it may be better for a moment only.
pub const LEAST_PREEMPT_AFTER: Duration = Duration::from_secs(60);

/// The most time, a day: more is as good as never.
pub const MOST_PREEMPT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How eagerly a site fails over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HaSettings {
    /// How soon silence counts.
    pub profile: Profile,
    /// After how long a replica of higher priority takes over from one that is well; `None` for never. From
    /// [`LEAST_PREEMPT_AFTER`] to [`MOST_PREEMPT_AFTER`].
    pub preempt_after: Option<Duration>,
    /// What becomes of packets that a replica brings which is not active.
    pub passive_onramp: PassiveOnramp,
}

/// How soon a replica's silence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A beat each 500 ms, and a lease of 1.5 s.
    #[default]
    Normal,
    /// A beat each 100 ms, and a lease of 300 ms: for paths as short and steady as a local network's.
    Fast,
}

/// What becomes of packets from a site's network that a passive replica brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassiveOnramp {
    /// They are taken for 5 s after it was active, so that none in flight is lost, and dropped from then on.
    #[default]
    Drain,
    /// They are dropped at once.
    Drop,
    /// They are taken.
    Accept,
}

/// A name that means nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct NameError {
    pub(super) expected: &'static str,
}

/// Why a time to preempt after is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("preempt_after_s must be null or from 60 to 86400")]
pub struct PreemptAfterError;

/// The names of an enum's values in the API and in the store.
macro_rules! names {
    ($kind:ident, $expected:literal: $($value:ident = $name:literal),+ $(,)?) => {
        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The name in the API and in the store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let known = Self::ALL.iter().copied().find(|value| value.as_str() == text);
                known.ok_or(NameError { expected: $expected })
            }
        }
    };
}
pub(super) use names;

names!(Profile, "normal or fast": Normal = "normal", Fast = "fast");
names!(PassiveOnramp, "drain, drop or accept": Drain = "drain", Drop = "drop", Accept = "accept");

impl HaSettings {
    /// The time to preempt after, from seconds.
    ///
    /// # Errors
    /// [`PreemptAfterError`] if it is shorter or longer than may be.
    pub fn preempt_after(seconds: Option<u64>) -> Result<Option<Duration>, PreemptAfterError> {
        let Some(seconds) = seconds else { return Ok(None) };
        let after = Duration::from_secs(seconds);
        if (LEAST_PREEMPT_AFTER..=MOST_PREEMPT_AFTER).contains(&after) {
            Ok(Some(after))
        } else {
            Err(PreemptAfterError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_name() {
        for &profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.as_str());
        }
        for &onramp in PassiveOnramp::ALL {
            assert_eq!(onramp.to_string().parse(), Ok(onramp));
            assert_eq!(serde_json::to_value(onramp).unwrap(), onramp.as_str());
        }
        let slow = "slow".parse::<Profile>().unwrap_err();
        assert_eq!(slow.to_string(), "expected normal or fast");
        assert!("Drain".parse::<PassiveOnramp>().is_err());
    }

    #[test]
    fn a_replica_is_preempted_after_a_minute_at_least_and_a_day_at_most() {
        for (seconds, good) in [
            (0, false),
            (59, false),
            (60, true),
            (86_400, true),
            (86_401, false),
        ] {
            let read = HaSettings::preempt_after(Some(seconds));
            assert_eq!(read.is_ok(), good, "{seconds}");
        }
        assert_eq!(HaSettings::preempt_after(Some(u64::MAX)), Err(PreemptAfterError));
        assert_eq!(HaSettings::preempt_after(None), Ok(None));
    }
}
