//! [`Engine`] over the state machine of gotatun.

use std::{ops::RangeInclusive, time::Duration};

use adit_model::PeerKey;
use bytes::BytesMut;
use gotatun::{
    noise::{TimerParams, Tunn, TunnResult, errors::WireGuardError},
    packet::{Packet, WgKind},
    x25519,
};

use super::{Engine, Host, Opened, Rejected, Verified, engine::Expired, message::Kind};

/// The sessions with one peer.
pub struct Tunnel(Tunn);

/// Timers that may differ from the whitepaper's. `None` keeps the standard value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// How long a handshake waits for its answer before it is sent again. Standard: 5 s.
    pub retry: Option<Duration>,
    /// How old keys become before the side that made them makes new ones. Standard: 120 s.
    pub rekey: Option<Duration>,
    /// How long sent data stays without any answer before a new handshake is tried. Standard: 15 s.
    pub silence: Option<Duration>,
}

impl Tunnel {
    /// Sessions between `host` and the holder of `key`. With `keep_alive` (whole seconds) something is sent at least
    /// that often, from the first tick on.
    pub(super) fn new(host: &Host, key: PeerKey, keep_alive: Option<u16>, timing: Timing) -> Self {
        let mut tunnel = Tunn::new(
            host.private().secret(),
            x25519::PublicKey::from(*key.as_bytes()),
            None,
            keep_alive,
            host.indices().clone(),
            host.limiter(),
        );
        if timing != Timing::default() {
            tunnel.dangerously_set_timer_params(timing.parameters());
        }
        Self(tunnel)
    }
}

impl Timing {
    fn parameters(self) -> TimerParams {
        let standard = TimerParams::default();
        // Spread, so that peers that lost the same hub do not come back in step.
        let spread = |at: Option<Duration>, otherwise: RangeInclusive<Duration>| {
            at.map_or(otherwise, |at| at..=at + at / 16)
        };
        TimerParams {
            rekey_timeout: spread(self.retry, standard.rekey_timeout),
            rekey_after_time: spread(self.rekey, standard.rekey_after_time),
            new_handshake_timeout: spread(self.silence, standard.new_handshake_timeout),
            keepalive_timeout: standard.keepalive_timeout,
        }
    }
}

impl Engine for Tunnel {
    fn seal(&mut self, packet: BytesMut) -> Result<BytesMut, BytesMut> {
        match self.0.encapsulate_with_session(Packet::from_bytes(packet)) {
            Ok(sealed) => Ok(bytes_of(sealed.into())),
            Err(packet) => Err(bytes_of(packet)),
        }
    }

    fn open(&mut self, message: Verified) -> Result<Opened, Rejected> {
        let kind = message.kind;
        let message = Packet::from_bytes(message.bytes)
            .try_into_wg()
            .map_err(|_| Rejected::Malformed)?;
        match self.0.handle_incoming_packet(message) {
            TunnResult::WriteToTunnel(packet) if packet.is_empty() => Ok(Opened::KeepAlive),
            TunnResult::WriteToTunnel(packet) => Ok(Opened::Packet(bytes_of(packet))),
            TunnResult::WriteToNetwork(answer) if kind == Kind::Initiation => {
                Ok(Opened::Respond(bytes_of(answer.into())))
            }
            TunnResult::WriteToNetwork(answer) => Ok(Opened::Established(bytes_of(answer.into()))),
            TunnResult::Done => Ok(Opened::Cookie),
            TunnResult::Err(error) => Err(rejection(&error)),
        }
    }

    fn initiate(&mut self, again: bool) -> Option<BytesMut> {
        let initiation = self.0.format_handshake_initiation(again)?;
        Some(bytes_of(initiation.into()))
    }

    fn tick(&mut self) -> Result<Option<BytesMut>, Expired> {
        match self.0.update_timers() {
            Ok(message) => Ok(message.map(|message: WgKind| bytes_of(message.into()))),
            // The only error of the timers.
            Err(_) => Err(Expired),
        }
    }

    fn session_age(&self) -> Option<Duration> {
        self.0.time_since_last_handshake()
    }
}

fn bytes_of(mut packet: Packet) -> BytesMut {
    std::mem::take(packet.buf_mut())
}

fn rejection(error: &WireGuardError) -> Rejected {
    match error {
        WireGuardError::InvalidCounter
        | WireGuardError::DuplicateCounter
        | WireGuardError::WrongTai64nTimestamp => Rejected::Replay,
        WireGuardError::InvalidAeadTag | WireGuardError::InvalidMac | WireGuardError::WrongKey => {
            Rejected::Forged
        }
        WireGuardError::WrongIndex
        | WireGuardError::UnexpectedPacket
        | WireGuardError::NoCurrentSession
        | WireGuardError::ConnectionExpired => Rejected::NoSession,
        WireGuardError::DestinationBufferTooSmall
        | WireGuardError::IncorrectPacketLength
        | WireGuardError::WrongPacketType
        | WireGuardError::InvalidTai64nTimestamp
        | WireGuardError::InvalidPacket
        | WireGuardError::LockFailed => Rejected::Malformed,
    }
}
