//! What the mesh asks of an implementation of WireGuard's cryptography.

use std::time::Duration;

use bytes::BytesMut;

use super::Verified;

/// Why something that arrived was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is no message of WireGuard.
    #[error("not a WireGuard message")]
    Malformed,
    /// A handshake by somebody who does not know our public key.
    #[error("a handshake for another key")]
    ForeignKey,
    /// More handshakes arrive than anyone looks at.
    #[error("too many handshakes")]
    Flood,
    /// Nobody has the index or the key that it names.
    #[error("no such session")]
    NoSession,
    /// It was seen before, or is older than the window of what is remembered.
    #[error("a replay")]
    Replay,
    /// Its tag is wrong: forged, damaged, or for keys that are no more.
    #[error("not authentic")]
    Forged,
    /// It is authentic and holds no IP packet.
    #[error("not an IP packet")]
    NotIp,
}

/// What an authentic message was.
#[derive(Debug)]
pub enum Opened {
    /// It carried a packet, which may have zeros after its end.
    Packet(BytesMut),
    /// It said that the peer is there.
    KeepAlive,
    /// A handshake that the peer began goes on with this datagram.
    Respond(BytesMut),
    /// A handshake of ours is done. This datagram tells the peer so; what waited can be sealed now.
    Established(BytesMut),
    /// The peer is under load and wants the next handshake to carry a cookie. It does not prove who sent it.
    Cookie,
}

/// The sessions with one peer: no sockets, no threads. It reads the system's clock.
pub trait Engine: Send {
    /// Encrypts one packet; the length is kept and grows by [`OVERHEAD`](super::OVERHEAD).
    ///
    /// # Errors
    /// Gives the packet back if there is no session.
    fn seal(&mut self, packet: BytesMut) -> Result<BytesMut, BytesMut>;

    /// Authenticates what arrived for this peer, and says what it was.
    ///
    /// # Errors
    /// Says why it has to be dropped; nothing has changed then.
    fn open(&mut self, message: Verified) -> Result<Opened, Rejected>;

    /// Begins a handshake; `None` if one is in progress already, unless `again`.
    fn initiate(&mut self, again: bool) -> Option<BytesMut>;

    /// Time has passed: what has to be sent now, a keep-alive or a handshake.
    ///
    /// # Errors
    /// `Expired` if the peer has not answered for so long that nothing more will be tried by itself.
    fn tick(&mut self) -> Result<Option<BytesMut>, Expired>;

    /// How old the keys in use are; `None` without a session.
    fn session_age(&self) -> Option<Duration>;
}

/// The peer has been silent for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;
