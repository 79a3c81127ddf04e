//! WireGuard without sockets: what one end of the mesh says to another, and what it believes.
//!
//! A [`Host`] is our own end: a private key, the limits on handshakes and the cookies that they ask for under load.
//! A [`Peer`] is one other end: its sessions, its address, the packets that wait for its handshake. What arrives goes
//! through [`Host::classify`] first, which says whose it claims to be; the [`Peer`] it names then authenticates it.
//! A node has one peer; the hub has a thousand and finds them by [`Demux`] and by key.
//!
//! The cryptography is behind the trait [`Engine`]; the one in use is [`Tunnel`]. Timers of WireGuard run on
//! [`Peer::tick`], which wants to be called every [`TICK`].
//!
//! Source of the protocol: the WireGuard whitepaper, sections 5 (messages) and 6 (timers).

mod demux;
mod echo;
mod engine;
mod former;
mod host;
mod key;
mod message;
mod peer;
#[cfg(test)]
mod tests;
mod tunnel;
#[cfg(test)]
mod ways_tests;

use std::time::Duration;

pub use demux::Demux;
pub use engine::{Engine, Opened, Rejected};
pub use host::{HandshakeLimits, Host, Incoming};
pub use key::PrivateKey;
pub use message::{OVERHEAD, Verified};
pub use peer::{Peer, PeerConfig, PeerStats, Unsent};
pub use tunnel::{Timing, Tunnel};

/// How often [`Peer::tick`] and [`Host::tick`] want to be called. The shortest timer of WireGuard runs for 5 s.
pub const TICK: Duration = Duration::from_millis(250);
