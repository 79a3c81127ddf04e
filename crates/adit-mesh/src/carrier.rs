//! Carriers: connections to the edge's HTTPS port that take WireGuard's datagrams along where UDP is blocked.
//!
//! ```text
//! node: link ◄─► Board ◄─► Line ◄─► pump ◄═ QUIC or TLS ═► pump ◄─► Line ◄─► Board ◄─► hub :edge
//! ```
//!
//! A [`Board`] is where threads that carry packets meet tasks that carry connections; a [`Line`] is one connection's place
//! at it. To a link and to the hub a carrier is an [`Endpoint`](crate::udp::Endpoint) like any other, with a
//! [`CarrierId`]. Datagrams that travel by UDP take no lock and make no allocation on account of carriers.
//!
//! | Queue | Bound | Beyond |
//! |---|---|---|
//! | from all carriers to the thread that opens datagrams | 1024 datagrams | each connection waits for its turn with one; over TLS the sender then waits too, of QUIC's datagrams the oldest go once 4 MiB wait |
//! | to one carrier | 512 datagrams | the newest is dropped, and counted as unsent |
//! | QUIC's own, sending | 256 KiB | the newest is dropped |
//!
//! The format, and how a node proves who it is, stand in [`adit_wire::mesh`]'s module on carriers.

mod board;
pub(crate) mod client;
mod open;
mod pump;

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

pub(crate) use board::Waited;
pub use board::{Board, Inbox, Line};
pub(crate) use open::{Open, OpenError};
pub(crate) use pump::{End, pump};

/// Which carrier, among those of one hub or link. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(NonZeroU32);

/// What a carrier is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrierKind {
    /// QUIC: a datagram that is lost stays lost, as WireGuard expects.
    Quic,
    /// TLS over TCP: what is lost is sent again, and holds up what follows.
    Tls,
}

impl CarrierKind {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for CarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
