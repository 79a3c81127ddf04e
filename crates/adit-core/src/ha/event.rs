//! What happened to a site: every decision about who is active, and why it was made.

use std::{fmt, str::FromStr, time::Duration};

use adit_model::{ConnectorId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Epoch,
    settings::{NameError, names},
};

/// A decision about who is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HaEvent {
    /// The decision's number.
    pub epoch: Epoch,
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub cause: HaCause,
    /// Who was active before, if anybody.
    pub from: Option<ConnectorId>,
    /// Who is since, if anybody.
    pub to: Option<ConnectorId>,
    /// From the last packet of the one to the first packet of the other, as the edge's clock has it, to the
    /// microsecond. `None` until that is known, and for good where no traffic was.
    pub gap: Option<Duration>,
}

/// Why another replica became active, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaCause {
    /// Nobody was active, and somebody came who can be.
    First,
    /// Somebody asked for it.
    Manual,
    /// The active one asked to be replaced.
    Drain,
    /// The session of the active one has ended: it stopped, or crashed.
    Disconnected,
    /// The active one said nothing for too long: its host or the path to it is gone.
    Silent,
    /// The active one reports that its own network is unwell.
    LanUnwell,
    /// The active one's session is well, but its packets do not pass.
    DataPathLost,
    /// The active one does not run the present configuration.
    Outdated,
    /// The active one was unlinked from the site.
    Unlinked,
    /// A replica of higher priority was there for as long as the settings ask for.
    Preempted,
    /// The one that was chosen did not acknowledge: the one before it is active again.
    NotAcknowledged,
    /// The one that was active before the edge was restarted did not come back.
    Restarted,
}

names!(HaCause, "the cause of a decision":
    First = "first",
    Manual = "manual",
    Drain = "drain",
    Disconnected = "disconnected",
    Silent = "silent",
    LanUnwell = "lan_unwell",
    DataPathLost = "data_path_lost",
    Outdated = "outdated",
    Unlinked = "unlinked",
    Preempted = "preempted",
    NotAcknowledged = "not_acknowledged",
    Restarted = "restarted",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_one_name() {
        for &cause in HaCause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(cause));
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
        assert!("".parse::<HaCause>().is_err());
    }
}
