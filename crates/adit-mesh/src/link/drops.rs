//! What is dropped, counted by kind, and said once a minute.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::noise::{Rejected, Unsent};

const SAY_EVERY: Duration = Duration::from_secs(60);

/// Why something was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Packets of the site while the gate was shut.
    NotForwarding,
    /// Packets that no peer's prefixes lead to, or that are no IP packets.
    NoRoute,
    /// Packets for a peer without an address or a session.
    NoSession,
    /// Packets of a peer from an address that is not behind it.
    ForeignSource,
    /// Datagrams that are no messages of WireGuard, or for another key.
    Malformed,
    /// Datagrams for sessions that are not there.
    UnknownSession,
    /// Datagrams that were seen before.
    Replayed,
    /// Datagrams that somebody made up or damaged.
    Forged,
    /// Handshakes beyond all limits.
    Flood,
    /// Packets of this host's kernel whose offload header makes no sense.
    BadOffload,
    /// Datagrams that the socket had no room or no route for.
    SocketFull,
    /// Packets that the device refused, for example since it is down.
    DeviceRefused,
    /// Datagrams that the carrier in use had no room for, or that was gone.
    CarrierFull,
}

impl Dropped {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::NotForwarding,
        Self::NoRoute,
        Self::NoSession,
        Self::ForeignSource,
        Self::Malformed,
        Self::UnknownSession,
        Self::Replayed,
        Self::Forged,
        Self::Flood,
        Self::BadOffload,
        Self::SocketFull,
        Self::DeviceRefused,
        Self::CarrierFull,
    ];

    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotForwarding => "not_forwarding",
            Self::NoRoute => "no_route",
            Self::NoSession => "no_session",
            Self::ForeignSource => "foreign_source",
            Self::Malformed => "malformed",
            Self::UnknownSession => "unknown_session",
            Self::Replayed => "replayed",
            Self::Forged => "forged",
            Self::Flood => "flood",
            Self::BadOffload => "bad_offload",
            Self::SocketFull => "socket_full",
            Self::DeviceRefused => "device_refused",
            Self::CarrierFull => "carrier_full",
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Rejected> for Dropped {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Malformed | Rejected::ForeignKey => Self::Malformed,
            Rejected::Flood => Self::Flood,
            Rejected::NoSession => Self::UnknownSession,
            Rejected::Replay => Self::Replayed,
            Rejected::Forged => Self::Forged,
            Rejected::NotIp => Self::NoRoute,
        }
    }
}

impl From<Unsent> for Dropped {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::NoEndpoint | Unsent::NoSession => Self::NoSession,
        }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Drops([AtomicU64; Dropped::ALL.len()]);

impl Drops {
    pub(super) fn add(&self, kind: Dropped, count: usize) {
        if let Some(counter) = self.0.get(kind as usize) {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn all(&self) -> Vec<(Dropped, u64)> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        Dropped::ALL.into_iter().zip(counts).collect()
    }
}

/// Says what was dropped, at most once a minute for each kind.
#[derive(Debug)]
pub(super) struct Report {
    next: Instant,
    said: [u64; Dropped::ALL.len()],
}

impl Report {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now + SAY_EVERY,
            said: [0; Dropped::ALL.len()],
        }
    }

    pub(super) fn tick(&mut self, now: Instant, drops: &Drops) {
        if now < self.next {
            return;
        }
        self.next = now + SAY_EVERY;
        for ((kind, count), said) in drops.all().into_iter().zip(&mut self.said) {
            // What a passive node drops is no trouble.
            if count > *said && kind != Dropped::NotForwarding {
                tracing::warn!(kind = %kind, count = count - *said, "the mesh link dropped packets");
            }
            *said = count;
        }
    }
}
