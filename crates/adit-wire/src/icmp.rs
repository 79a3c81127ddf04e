//! The ICMP that goes through a tunnel: echo requests, their replies, and "time exceeded", in whole IP packets.
//!
//! Everything else is refused: fragments, IPv6 extension headers, other kinds.
//! Source: RFC 791, RFC 792, RFC 4443 and RFC 8200.

mod bare;
mod checksum;
mod packet;

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

use packet::Protocol;

/// The header of an echo, of which the rest is payload.
const ECHO_HEADER_BYTES: usize = 8;

/// An echo request or reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoMessage {
    /// Whose request it is.
    pub id: u16,
    /// Which of their requests.
    pub sequence: u16,
    /// Comes back as it is.
    pub payload: Bytes,
}

/// The echo request that had no more hops, as far as it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Where it was to go.
    pub destination: IpAddr,
    /// Whose request it was.
    pub id: u16,
    /// Which of their requests.
    pub sequence: u16,
}

/// What an ICMP packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IcmpMessage {
    /// Answer this.
    EchoRequest(EchoMessage),
    /// The answer.
    EchoReply(EchoMessage),
    /// A router has dropped an echo request, whose hops were used up.
    TimeExceeded(Expired),
}

/// An IP packet with ICMP in it. Both addresses are of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcmpPacket {
    /// From where.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// How many hops it has left: TTL or hop limit.
    pub hops: u8,
    /// What it says.
    pub message: IcmpMessage,
}

/// Why a packet is none that goes through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IcmpError {
    /// It ends before its headers say so.
    #[error("the packet is cut short")]
    Short,
    /// Neither IPv4 nor IPv6, or ICMP of the other family.
    #[error("the packet is not IP with ICMP in it")]
    NotIcmp,
    /// It is a part of a packet.
    #[error("the packet is a fragment")]
    Fragment,
    /// A checksum does not fit.
    #[error("the packet's checksum is wrong")]
    Checksum,
    /// Another kind of ICMP.
    #[error("ICMP of another kind")]
    Kind,
}

impl IcmpPacket {
    /// The most payload that an echo can carry to this address within so many bytes of packet.
    #[must_use]
    pub const fn max_payload(to: IpAddr, packet_bytes: usize) -> usize {
        packet_bytes.saturating_sub(Protocol::of(to).header_bytes() + ECHO_HEADER_BYTES)
    }

    /// The packet's bytes; `None` if its addresses are not of one family, or it is too long for its headers.
    /// "Time exceeded" quotes the echo request without its payload.
    #[must_use]
    pub fn encode(&self) -> Option<Bytes> {
        let protocol = Protocol::of(self.destination);
        let mut icmp = BytesMut::new();
        match &self.message {
            IcmpMessage::EchoRequest(echo) => echo.put(&mut icmp, protocol.echo_request()),
            IcmpMessage::EchoReply(echo) => echo.put(&mut icmp, protocol.echo_reply()),
            IcmpMessage::TimeExceeded(expired) => {
                // Its source asked from where this packet goes.
                let request = Self {
                    source: self.destination,
                    destination: expired.destination,
                    hops: 1,
                    message: IcmpMessage::EchoRequest(EchoMessage {
                        id: expired.id,
                        sequence: expired.sequence,
                        payload: Bytes::new(),
                    }),
                };
                icmp.put_slice(&[protocol.time_exceeded(), 0, 0, 0, 0, 0, 0, 0]);
                icmp.put_slice(&request.encode()?);
            }
        }
        let sum = protocol.checksum(self.source, self.destination, &icmp)?;
        icmp.get_mut(2..4)?.copy_from_slice(&sum.to_be_bytes());
        let mut whole = BytesMut::with_capacity(protocol.header_bytes() + icmp.len());
        packet::put_header(&mut whole, self.source, self.destination, self.hops, icmp.len())?;
        whole.put_slice(&icmp);
        Some(whole.freeze())
    }

    /// Reads a packet. What follows its length is ignored.
    ///
    /// # Errors
    /// See [`IcmpError`].
    pub fn decode(bytes: Bytes) -> Result<Self, IcmpError> {
        let header = packet::read_checked(&bytes)?;
        let end = header.begins.checked_add(header.length).ok_or(IcmpError::Short)?;
        if end > bytes.len() {
            return Err(IcmpError::Short);
        }
        let icmp = bytes.slice(header.begins..end);
        let sum = header.protocol.checksum(header.source, header.destination, &icmp);
        if sum != Some(0) {
            return Err(IcmpError::Checksum);
        }
        let (kind, code) = match *icmp {
            [kind, code, ..] => (kind, code),
            _ => return Err(IcmpError::Short),
        };
        let message = if kind == header.protocol.echo_request() {
            IcmpMessage::EchoRequest(EchoMessage::read(&icmp)?)
        } else if kind == header.protocol.echo_reply() {
            IcmpMessage::EchoReply(EchoMessage::read(&icmp)?)
        } else if kind == header.protocol.time_exceeded() && code == 0 {
            let quoted = icmp.get(ECHO_HEADER_BYTES..).ok_or(IcmpError::Short)?;
            IcmpMessage::TimeExceeded(Expired::read(quoted, header.protocol)?)
        } else {
            return Err(IcmpError::Kind);
        };
        Ok(Self {
            source: header.source,
            destination: header.destination,
            hops: header.hops,
            message,
        })
    }
}

impl EchoMessage {
    fn put(&self, out: &mut BytesMut, kind: u8) {
        out.reserve(ECHO_HEADER_BYTES + self.payload.len());
        out.put_slice(&[kind, 0, 0, 0]);
        out.put_u16(self.id);
        out.put_u16(self.sequence);
        out.put_slice(&self.payload);
    }

    fn read(icmp: &Bytes) -> Result<Self, IcmpError> {
        let (id, sequence) = id_and_sequence(icmp)?;
        Ok(Self {
            id,
            sequence,
            payload: icmp.slice(ECHO_HEADER_BYTES..),
        })
    }
}

impl Expired {
    fn read(quoted: &[u8], protocol: Protocol) -> Result<Self, IcmpError> {
        let header = packet::read_header(quoted)?;
        let icmp = quoted.get(header.begins..).ok_or(IcmpError::Short)?;
        let (id, sequence) = id_and_sequence(icmp)?;
        let is_request = icmp.first() == Some(&protocol.echo_request());
        if header.protocol != protocol || !is_request {
            return Err(IcmpError::Kind);
        }
        Ok(Self {
            destination: header.destination,
            id,
            sequence,
        })
    }
}

fn id_and_sequence(icmp: &[u8]) -> Result<(u16, u16), IcmpError> {
    match *icmp {
        [_, _, _, _, id, id_low, sequence, sequence_low, ..] => Ok((
            u16::from_be_bytes([id, id_low]),
            u16::from_be_bytes([sequence, sequence_low]),
        )),
        _ => Err(IcmpError::Short),
    }
}

#[cfg(test)]
mod tests;
