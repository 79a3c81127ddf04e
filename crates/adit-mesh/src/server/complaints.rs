//! What goes on going wrong is said once a minute, and counted.

use std::{
    collections::BTreeMap,
    fmt::Display,
    net::SocketAddr,
    time::{Duration, Instant},
};

use metrics::counter;
use parking_lot::Mutex;
use tracing::warn;

/// How often the same kind is said.
const BETWEEN: Duration = Duration::from_secs(60);

/// Kinds of trouble with nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A node was not let in.
    Refused,
    /// A peer broke the protocol.
    Misbehaved,
    /// A peer did not say in time who it is.
    Idle,
    /// Too many at once.
    Crowd,
    /// A node is linked, and its packets do not arrive.
    NoPackets,
    /// A site has more prefixes than a node can be told.
    Prefixes,
    /// Who is active cannot be stored.
    Undecided,
}

impl Trouble {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Misbehaved => "misbehaved",
            Self::Idle => "idle",
            Self::Crowd => "crowd",
            Self::NoPackets => "no_packets",
            Self::Prefixes => "prefixes",
            Self::Undecided => "undecided",
        }
    }
}

/// Remembers when each kind was last said.
#[derive(Default)]
pub(super) struct Complaints(Mutex<BTreeMap<Trouble, Said>>);

struct Said {
    at: Instant,
    unsaid: u64,
}

impl Complaints {
    pub(super) fn say(&self, kind: Trouble, remote: Option<SocketAddr>, what: &dyn Display) {
        counter!("adit_mesh_control_trouble_total", "kind" => kind.as_str()).increment(1);
        if let Some(unsaid) = self.due(kind, Instant::now()) {
            warn!(
                remote = remote.map(tracing::field::display),
                kind = kind.as_str(),
                unsaid,
                "mesh control: {what}"
            );
        }
    }

    /// How many were not said since the last time, if it is time to say it again.
    fn due(&self, kind: Trouble, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock();
        let Some(said) = kinds.get_mut(&kind) else {
            kinds.insert(kind, Said { at: now, unsaid: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(said.at) < BETWEEN {
            said.unsaid = said.unsaid.saturating_add(1);
            return None;
        }
        said.at = now;
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_once_a_minute_with_what_was_left_out() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(complaints.due(Trouble::Refused, at(0)), Some(0));
        assert_eq!(complaints.due(Trouble::Refused, at(1)), None);
        assert_eq!(complaints.due(Trouble::Refused, at(59)), None);
        assert_eq!(complaints.due(Trouble::Idle, at(59)), Some(0));
        assert_eq!(complaints.due(Trouble::Refused, at(60)), Some(2));
    }
}
