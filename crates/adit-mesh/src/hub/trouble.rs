//! What the log says of trouble: one line a minute for each kind of it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Dropped;
use crate::noise::Rejected;
use adit_core::mesh::forwarding::Denial;

const BETWEEN: Duration = Duration::from_secs(60);
const KINDS: usize = Trouble::ALL.len();

/// Kinds of trouble that an operator wants to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    NotWireguard,
    ForeignKey,
    Flood,
    Stranger,
    Replay,
    Forged,
    Malformed,
    ForeignSource,
    /// Handshakes that were asked for a cookie.
    Challenged,
    /// Datagrams that the kernel did not take.
    Unsent,
    /// The kernel did not give what had arrived.
    Unread,
}

impl Trouble {
    const ALL: [Self; 11] = [
        Self::NotWireguard,
        Self::ForeignKey,
        Self::Flood,
        Self::Stranger,
        Self::Replay,
        Self::Forged,
        Self::Malformed,
        Self::ForeignSource,
        Self::Challenged,
        Self::Unsent,
        Self::Unread,
    ];

    /// What a drop says of its sender; `None` if such things happen to the honest.
    pub(super) const fn of(why: Dropped) -> Option<Self> {
        match why {
            Dropped::Rejected(Rejected::Malformed) => Some(Self::NotWireguard),
            Dropped::Rejected(Rejected::ForeignKey) => Some(Self::ForeignKey),
            Dropped::Rejected(Rejected::Flood) => Some(Self::Flood),
            Dropped::Rejected(Rejected::NoSession) | Dropped::Stranger => Some(Self::Stranger),
            Dropped::Rejected(Rejected::Replay) => Some(Self::Replay),
            Dropped::Rejected(Rejected::Forged) => Some(Self::Forged),
            Dropped::Rejected(Rejected::NotIp) | Dropped::Malformed => Some(Self::Malformed),
            Dropped::Denied(Denial::ForeignSource) => Some(Self::ForeignSource),
            Dropped::Address
            | Dropped::Denied(Denial::NoRoute | Denial::NoCarrier | Denial::Sender)
            | Dropped::HopsUsedUp
            | Dropped::TooBig
            | Dropped::NoSession
            | Dropped::ProxyFull => None,
        }
    }

    /// What the log says.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::NotWireguard => "datagrams that are not WireGuard were dropped",
            Self::ForeignKey => "handshakes for another hub's key were dropped",
            Self::Flood => "more handshakes than are looked at were dropped",
            Self::Stranger => "datagrams of nobody in the mesh were dropped",
            Self::Replay => "replayed datagrams were dropped",
            Self::Forged => "forged or damaged datagrams were dropped",
            Self::Malformed => "malformed packets of members were dropped",
            Self::ForeignSource => "packets of members with others' source addresses were dropped",
            Self::Challenged => "many handshakes: their senders were asked for a cookie",
            Self::Unsent => "datagrams could not be sent",
            Self::Unread => "datagrams could not be received",
        }
    }
}

/// Trouble that was not told yet. Holds no clock.
#[derive(Debug, Default)]
pub(super) struct Troubles([Mutex<Kind>; KINDS]);

#[derive(Debug, Default)]
struct Kind {
    count: u64,
    example: Option<SocketAddr>,
    told: Option<Instant>,
}

/// A line for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) trouble: Trouble,
    /// How often since the last line.
    pub(super) count: u64,
    /// One whom it came from.
    pub(super) example: Option<SocketAddr>,
}

impl Troubles {
    /// It happened.
    pub(super) fn note(&self, trouble: Trouble, from: Option<SocketAddr>) {
        self.note_many(trouble, from, 1);
    }

    /// It happened so often.
    pub(super) fn note_many(&self, trouble: Trouble, from: Option<SocketAddr>, times: u64) {
        let kinds = Trouble::ALL.iter().zip(&self.0);
        for (_, kind) in kinds.filter(|(one, _)| **one == trouble) {
            let mut kind = kind.lock();
            kind.count = kind.count.saturating_add(times);
            kind.example = kind.example.or(from);
        }
    }

    /// What is to be told now: each kind at once, and then once a minute.
    pub(super) fn due(&self, now: Instant) -> Vec<Report> {
        let kinds = Trouble::ALL.iter().zip(&self.0);
        kinds
            .filter_map(|(trouble, kind)| {
                let mut kind = kind.lock();
                let waits = kind
                    .told
                    .is_some_and(|told| now.saturating_duration_since(told) < BETWEEN);
                if kind.count == 0 || waits {
                    return None;
                }
                kind.told = Some(now);
                Some(Report {
                    trouble: *trouble,
                    count: std::mem::take(&mut kind.count),
                    example: kind.example.take(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_at_once_and_then_once_a_minute() {
        let (troubles, start) = (Troubles::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let from = |last: u8| Some(SocketAddr::from(([192, 0, 2, last], 7)));
        assert_eq!(troubles.due(at(0)), []);
        troubles.note(Trouble::Forged, from(1));
        let report = |trouble, count, example| Report {
            trouble,
            count,
            example,
        };
        assert_eq!(troubles.due(at(0)), [report(Trouble::Forged, 1, from(1))]);
        for _ in 0..1000 {
            troubles.note(Trouble::Forged, from(2));
        }
        troubles.note_many(Trouble::Unsent, None, 7);
        assert_eq!(troubles.due(at(1)), [report(Trouble::Unsent, 7, None)]);
        assert_eq!(troubles.due(at(59)), []);
        assert_eq!(troubles.due(at(60)), [report(Trouble::Forged, 1000, from(2))]);
        assert_eq!(troubles.due(at(300)), []);
    }
}
