//! Points in time on the clock that leases are measured by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::boot_clock;

/// A point in time on `CLOCK_BOOTTIME`. It runs while the host sleeps and while a process is stopped, and all processes of
/// a host read the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootTime(Duration);

impl BootTime {
    /// After everything.
    pub const NEVER: Self = Self(Duration::MAX);

    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(boot_clock::now())
    }

    /// That long after the host's start.
    #[must_use]
    pub const fn after_start(time: Duration) -> Self {
        Self(time)
    }

    /// That much later; at most [`Self::NEVER`].
    #[must_use]
    pub const fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// How long after `earlier` this is; nothing if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// In nanoseconds, for a word that several threads share; centuries away it stays at the end.
    pub(crate) fn nanoseconds(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}
