//! Format 3: the kind stands in front, and sessions are registered by datagrams too.
//!
//! A session is known to the whole connector by its id: registered on another connection, it moves there.
//! Source: cloudflare/cloudflared: quic/v3/datagram.go and quic/v3/request.go.

use std::net::{IpAddr, SocketAddr};

use adit_model::SessionId;
use bytes::{BufMut, Bytes, BytesMut};

use super::{Cut, DatagramError, MAX_PACKET_BYTES, MAX_PAYLOAD_BYTES};

const REGISTRATION: u8 = 0;
const PAYLOAD: u8 = 1;
const ICMP: u8 = 2;
const ANSWER: u8 = 3;

const IPV6: u8 = 1;
const TRACED: u8 = 1 << 1;
const BUNDLED: u8 = 1 << 2;

/// What stands before a payload.
pub const PAYLOAD_HEADER_BYTES: usize = 17;

/// Asks for a session, or for one to move to the connection it is sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The session.
    pub session: SessionId,
    /// Where its datagrams go.
    pub to: SocketAddr,
    /// The connector ends it after so many seconds without a datagram; 0 stands for 210.
    pub idle_seconds: u16,
    /// Whether it is to be traced.
    pub traced: bool,
    /// Its first datagram. Stock connectors read it and drop it.
    pub payload: Option<Bytes>,
}

/// Whether a connector takes a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Ready,
    /// It cannot reach the address.
    Unreachable,
    /// It has no socket to it.
    CannotBind,
    /// It has as many flows as it may.
    TooMany,
    /// It does not, for the reason in the error text.
    Failed,
    /// A code that nobody has defined.
    Other(u8),
}

/// The answer to a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationAnswer {
    /// The session.
    pub session: SessionId,
    /// Yes or no.
    pub answer: Answer,
    /// The connector's words; stock connectors say nothing.
    pub error: String,
}

/// What an edge sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToConnector {
    /// Asks for a session.
    Register(Registration),
    /// A datagram of a session.
    Payload {
        /// The session.
        session: SessionId,
        /// At most [`MAX_PAYLOAD_BYTES`].
        payload: Bytes,
    },
    /// A whole IP packet with ICMP, at most [`MAX_PACKET_BYTES`].
    Icmp(Bytes),
}

/// What a connector sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToEdge {
    /// Answers a registration.
    Answer(RegistrationAnswer),
    /// A datagram of a session.
    Payload {
        /// The session.
        session: SessionId,
        /// At most [`MAX_PAYLOAD_BYTES`].
        payload: Bytes,
    },
    /// A whole IP packet with ICMP, at most [`MAX_PACKET_BYTES`].
    Icmp(Bytes),
}

impl ToConnector {
    /// The datagram's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Register(registration) => registration.encode(),
            Self::Payload { session, payload } => encode_payload(*session, payload),
            Self::Icmp(packet) => encode_packet(packet),
        }
    }

    /// Reads what an edge sent.
    ///
    /// # Errors
    /// See [`DatagramError`].
    pub fn decode(datagram: Bytes) -> Result<Self, DatagramError> {
        let mut cut = Cut(datagram);
        match cut.byte()? {
            REGISTRATION => Registration::decode(cut).map(Self::Register),
            PAYLOAD => payload(cut).map(|(session, payload)| Self::Payload { session, payload }),
            ICMP => cut.packet(MAX_PACKET_BYTES).map(Self::Icmp),
            other => Err(DatagramError::Kind(other)),
        }
    }
}

impl ToEdge {
    /// The datagram's bytes. An error text is cut where its length no longer fits.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Answer(answer) => answer.encode(),
            Self::Payload { session, payload } => encode_payload(*session, payload),
            Self::Icmp(packet) => encode_packet(packet),
        }
    }

    /// Reads what a connector sent.
    ///
    /// # Errors
    /// See [`DatagramError`].
    pub fn decode(datagram: Bytes) -> Result<Self, DatagramError> {
        let mut cut = Cut(datagram);
        match cut.byte()? {
            PAYLOAD => payload(cut).map(|(session, payload)| Self::Payload { session, payload }),
            ICMP => cut.packet(MAX_PACKET_BYTES).map(Self::Icmp),
            ANSWER => RegistrationAnswer::decode(cut).map(Self::Answer),
            other => Err(DatagramError::Kind(other)),
        }
    }
}

impl Registration {
    fn encode(&self) -> Bytes {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let bundled = self.payload.as_deref().unwrap_or_default();
        let mut datagram = BytesMut::with_capacity(38 + bundled.len());
        datagram.put_u8(REGISTRATION);
        datagram.put_u8(
            flag(self.to.is_ipv6(), IPV6) | flag(self.traced, TRACED) | flag(self.payload.is_some(), BUNDLED),
        );
        datagram.put_u16(self.to.port());
        datagram.put_u16(self.idle_seconds);
        datagram.put_slice(self.session.as_bytes());
        match self.to.ip() {
            IpAddr::V4(ip) => datagram.put_slice(&ip.octets()),
            IpAddr::V6(ip) => datagram.put_slice(&ip.octets()),
        }
        datagram.put_slice(bundled);
        datagram.freeze()
    }

    fn decode(mut cut: Cut) -> Result<Self, DatagramError> {
        let flags = cut.byte()?;
        let (port, idle_seconds, session) = (cut.number()?, cut.number()?, cut.session()?);
        let ip = if flags & IPV6 == 0 {
            IpAddr::from(cut.front::<4>()?)
        } else {
            IpAddr::from(cut.front::<16>()?)
        };
        let rest = cut.rest(MAX_PAYLOAD_BYTES)?;
        let is_bundled = flags & BUNDLED != 0;
        if !is_bundled && !rest.is_empty() {
            return Err(DatagramError::Long);
        }
        Ok(Self {
            session,
            to: SocketAddr::new(ip, port),
            idle_seconds,
            traced: flags & TRACED != 0,
            payload: is_bundled.then_some(rest),
        })
    }
}

impl Answer {
    const fn code(&self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Unreachable => 1,
            Self::CannotBind => 2,
            Self::TooMany => 3,
            Self::Failed => 0xFF,
            Self::Other(code) => *code,
        }
    }

    const fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Ready,
            1 => Self::Unreachable,
            2 => Self::CannotBind,
            3 => Self::TooMany,
            0xFF => Self::Failed,
            other => Self::Other(other),
        }
    }
}

impl RegistrationAnswer {
    fn encode(&self) -> Bytes {
        let text = self
            .error
            .get(..self.error.floor_char_boundary(usize::from(u16::MAX)));
        let text = text.unwrap_or_default();
        let mut datagram = BytesMut::with_capacity(20 + text.len());
        datagram.put_u8(ANSWER);
        datagram.put_u8(self.answer.code());
        datagram.put_slice(self.session.as_bytes());
        datagram.put_u16(u16::try_from(text.len()).unwrap_or_default());
        datagram.put_slice(text.as_bytes());
        datagram.freeze()
    }

    fn decode(mut cut: Cut) -> Result<Self, DatagramError> {
        let answer = Answer::of_code(cut.byte()?);
        let (session, length) = (cut.session()?, cut.number()?);
        let text = cut.rest(usize::from(length))?;
        if text.len() < usize::from(length) {
            return Err(DatagramError::Short);
        }
        let error = std::str::from_utf8(&text).map_err(|_| DatagramError::Text)?;
        Ok(Self {
            session,
            answer,
            error: error.to_owned(),
        })
    }
}

fn payload(mut cut: Cut) -> Result<(SessionId, Bytes), DatagramError> {
    Ok((cut.session()?, cut.rest(MAX_PAYLOAD_BYTES)?))
}

fn encode_payload(session: SessionId, payload: &[u8]) -> Bytes {
    let mut datagram = BytesMut::with_capacity(PAYLOAD_HEADER_BYTES + payload.len());
    datagram.put_u8(PAYLOAD);
    datagram.put_slice(session.as_bytes());
    datagram.put_slice(payload);
    datagram.freeze()
}

fn encode_packet(packet: &[u8]) -> Bytes {
    let mut datagram = BytesMut::with_capacity(1 + packet.len());
    datagram.put_u8(ICMP);
    datagram.put_slice(packet);
    datagram.freeze()
}

#[cfg(test)]
mod tests;
