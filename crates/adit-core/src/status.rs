//! How a tunnel fares, told from its connections.
//!
//! The store keeps the connections, so it collects the [`ConnectionFacts`]; what they mean is decided here.

use std::time::Duration;

use adit_model::{Timestamp, TunnelStatus};

/// How long a connection that ended without a successor counts against its connector: a connector that dials again
/// does so within this time, and one that was started with fewer connections stops being degraded after it.
pub const MISSING_WINDOW: Duration = Duration::from_secs(5 * 60);

/// What decides a tunnel's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// A connection was registered at least once.
    pub ever_connected: bool,
    /// At least one connection is live.
    pub connected: bool,
    /// Some connector with a live connection lost another index within [`MISSING_WINDOW`] and has not got it back; of
    /// a site, high availability is on and fewer than two replicas are connected.
    pub missing: bool,
}

impl ConnectionFacts {
    /// The status that these facts amount to.
    /// Source: the v4 API's meaning of `status`; that of `degraded` is Adit's reading of it.
    #[must_use]
    pub const fn status(self) -> TunnelStatus {
        match self {
            Self {
                connected: true,
                missing: true,
                ..
            } => TunnelStatus::Degraded,
            Self {
                connected: true,
                missing: false,
                ..
            } => TunnelStatus::Healthy,
            Self {
                connected: false,
                ever_connected: true,
                ..
            } => TunnelStatus::Down,
            Self {
                connected: false,
                ever_connected: false,
                ..
            } => TunnelStatus::Inactive,
        }
    }
}

/// Which facts a list filtered by status asks for; `None` leaves one open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FactFilter {
    /// Wanted value of [`ConnectionFacts::ever_connected`].
    pub ever_connected: Option<bool>,
    /// Wanted value of [`ConnectionFacts::connected`].
    pub connected: Option<bool>,
    /// Wanted value of [`ConnectionFacts::missing`].
    pub missing: Option<bool>,
}

impl From<TunnelStatus> for FactFilter {
    /// Exactly the facts whose [`ConnectionFacts::status`] is `status`.
    fn from(status: TunnelStatus) -> Self {
        let (ever_connected, connected, missing) = match status {
            TunnelStatus::Inactive => (Some(false), Some(false), None),
            TunnelStatus::Down => (Some(true), Some(false), None),
            TunnelStatus::Healthy => (None, Some(true), Some(false)),
            TunnelStatus::Degraded => (None, Some(true), Some(true)),
        };
        Self {
            ever_connected,
            connected,
            missing,
        }
    }
}

/// Whether a tunnel has a connection, and since when that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// At least one connection is up, without a gap that anyone saw.
    Active(Timestamp),
    /// No connection is up. A tunnel that never had one is inactive since it was made.
    Inactive(Timestamp),
}

impl Activity {
    /// What becomes of it when the live connections are as told: `oldest_live` is when the oldest of them opened,
    /// `None` if there is none; `last_closed` is when the last connection ended, if one ever did.
    #[must_use]
    pub fn observe(self, oldest_live: Option<Timestamp>, last_closed: Option<Timestamp>) -> Self {
        match (self, oldest_live) {
            (Self::Active(since), Some(_)) => Self::Active(since),
            (Self::Inactive(_), Some(opened)) => Self::Active(opened),
            (Self::Active(since), None) => Self::Inactive(last_closed.unwrap_or(since)),
            // A connection may have come and gone unobserved: the later moment is the true one.
            (Self::Inactive(since), None) => Self::Inactive(last_closed.map_or(since, |at| at.max(since))),
        }
    }

    /// Since when at least one connection is up.
    #[must_use]
    pub const fn active_since(self) -> Option<Timestamp> {
        match self {
            Self::Active(since) => Some(since),
            Self::Inactive(_) => None,
        }
    }

    /// Since when no connection is up.
    #[must_use]
    pub const fn inactive_since(self) -> Option<Timestamp> {
        match self {
            Self::Active(_) => None,
            Self::Inactive(since) => Some(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_fact() -> impl Iterator<Item = ConnectionFacts> {
        (0_u8..8).map(|bits| ConnectionFacts {
            ever_connected: bits & 1 != 0,
            connected: bits & 2 != 0,
            missing: bits & 4 != 0,
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_filter_lets_through_exactly_the_facts_of_its_status() {
        let fits = |wanted: Option<bool>, fact| wanted.is_none_or(|wanted| wanted == fact);
        for facts in every_fact() {
            for status in [
                TunnelStatus::Inactive,
                TunnelStatus::Healthy,
                TunnelStatus::Degraded,
                TunnelStatus::Down,
            ] {
                let filter = FactFilter::from(status);
                let passes = fits(filter.ever_connected, facts.ever_connected)
                    && fits(filter.connected, facts.connected)
                    && fits(filter.missing, facts.missing);
                assert_eq!(passes, facts.status() == status, "{facts:?} as {status:?}");
            }
        }
    }

    #[test]
    fn a_tunnel_is_inactive_until_its_first_connection_and_down_after_its_last() {
        let facts = ConnectionFacts {
            ever_connected: false,
            connected: false,
            missing: false,
        };
        assert_eq!(facts.status(), TunnelStatus::Inactive);
        assert_eq!(
            ConnectionFacts {
                ever_connected: true,
                ..facts
            }
            .status(),
            TunnelStatus::Down
        );
    }

    #[test]
    fn activity_keeps_its_start_while_nothing_changes_and_turns_at_the_right_moment() {
        let made = Activity::Inactive(at(0));
        let up = made.observe(Some(at(5)), None);
        assert_eq!(up, Activity::Active(at(5)));
        assert_eq!(up.observe(Some(at(9)), Some(at(8))), Activity::Active(at(5)));
        let down = up.observe(None, Some(at(12)));
        assert_eq!(down, Activity::Inactive(at(12)));
        assert_eq!(down.observe(None, Some(at(20))), Activity::Inactive(at(20)));
        assert_eq!(down.observe(None, None), Activity::Inactive(at(12)));
        assert_eq!((down.active_since(), down.inactive_since()), (None, Some(at(12))));
    }
}
