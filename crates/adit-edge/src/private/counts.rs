//! What is counted of flows. Handles are made once, so that a datagram looks nothing up.

use adit_core::sessions::{Arrival, End};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// Why a datagram is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// A connector's bytes are no datagram, or no packet that goes through a tunnel.
    Malformed,
    /// A connector names a flow that its connection does not have.
    UnknownFlow,
    /// A session has moved away from the connection.
    NotOwner,
    /// The user has asked nothing that it would answer.
    Unasked,
    /// The user does not take what came before.
    SlowUser,
    /// It is larger than a datagram may be.
    TooLarge,
    /// The connection has more to send than its path takes.
    SlowPath,
    /// The flow is on no connection.
    NoConnection,
}

impl Dropped {
    const ALL: [Self; 8] = [
        Self::Malformed,
        Self::UnknownFlow,
        Self::NotOwner,
        Self::Unasked,
        Self::SlowUser,
        Self::TooLarge,
        Self::SlowPath,
        Self::NoConnection,
    ];

    const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownFlow => "unknown_flow",
            Self::NotOwner => "not_owner",
            Self::Unasked => "unasked",
            Self::SlowUser => "slow_user",
            Self::TooLarge => "too_large",
            Self::SlowPath => "slow_path",
            Self::NoConnection => "no_connection",
        }
    }

    /// Why a datagram is not handed over, if it is not.
    pub(super) const fn of(arrival: Arrival) -> Option<Self> {
        match arrival {
            Arrival::Deliver => None,
            Arrival::Foreign => Some(Self::NotOwner),
            Arrival::Unasked => Some(Self::Unasked),
        }
    }
}

/// How sessions ended, as a label.
const ENDS: [&str; 7] = [
    "closed",
    "idle",
    "refused",
    "too_many",
    "timed_out",
    "unregistered",
    "lost",
];

const fn end_at(end: &End) -> usize {
    match end {
        End::Closed => 0,
        End::Idle => 1,
        End::Refused(_) => 2,
        End::TooMany => 3,
        End::TimedOut => 4,
        End::Unregistered(_) => 5,
        End::Lost => 6,
    }
}

/// The counters. Names and units are documented in `docs/operations.md`.
pub(super) struct FlowCounts {
    pub(super) sessions: Gauge,
    pub(super) echoes: Gauge,
    pub(super) moved: Counter,
    pub(super) to_connectors: Counter,
    pub(super) to_users: Counter,
    ended: [Counter; 7],
    dropped: [Counter; 8],
}

impl FlowCounts {
    pub(super) fn new() -> Self {
        describe_gauge!(
            "adit_private_datagram_flows",
            "UDP sessions and echo flows into private networks."
        );
        describe_counter!(
            "adit_private_sessions_ended_total",
            "UDP sessions that ended, by why."
        );
        describe_counter!(
            "adit_private_sessions_moved_total",
            "Moves of UDP sessions from one connection to another."
        );
        describe_counter!(
            "adit_private_datagrams_total",
            "UDP datagrams and ICMP packets carried."
        );
        describe_counter!(
            "adit_private_datagrams_dropped_total",
            "Those that were not, by why."
        );
        let datagrams = |to| counter!("adit_private_datagrams_total", "to" => to);
        Self {
            sessions: gauge!("adit_private_datagram_flows", "kind" => "udp"),
            echoes: gauge!("adit_private_datagram_flows", "kind" => "icmp"),
            moved: counter!("adit_private_sessions_moved_total"),
            to_connectors: datagrams("connector"),
            to_users: datagrams("user"),
            ended: ENDS.map(|why| counter!("adit_private_sessions_ended_total", "reason" => why)),
            dropped: Dropped::ALL
                .map(|why| counter!("adit_private_datagrams_dropped_total", "reason" => why.reason())),
        }
    }

    pub(super) fn drop(&self, why: Dropped) {
        let at = Dropped::ALL.iter().position(|one| *one == why);
        if let Some(counter) = at.and_then(|at| self.dropped.get(at)) {
            counter.increment(1);
        }
    }

    pub(super) fn end(&self, end: &End) {
        if let Some(counter) = self.ended.get(end_at(end)) {
            counter.increment(1);
        }
    }
}
