//! What a packet is.
//!
//! Source: RFC 768 (UDP), RFC 9293 (TCP), RFC 8200 section 8.1 (the checksum of UDP over IPv6).

use std::net::{IpAddr, SocketAddr};

use adit_core::mesh::forwarding::Proxied;
use adit_model::{AccountId, VirtualNetworkId};
use adit_wire::icmp::{EchoMessage, IcmpError, IcmpMessage, IcmpPacket};
use bytes::Bytes;

use super::counts::Lost;
use crate::hub::packet::{
    bytes::{Sum, byte, number},
    head::{Head, Part, V6_BYTES, protocol},
};

const UDP_BYTES: usize = 8;
const TCP_BYTES: usize = 20;

/// What flows are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Echo,
}

impl Protocol {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Echo => "icmp",
        }
    }
}

/// Which flow a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FlowKey {
    pub(super) account: AccountId,
    pub(super) network: VirtualNetworkId,
    pub(super) protocol: Protocol,
    /// From where; with the id of echo requests as its port.
    pub(super) source: SocketAddr,
    /// Where to; that of echo requests has no port.
    pub(super) destination: SocketAddr,
}

/// What a packet brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A TCP segment, of which only the ports have been looked at.
    Segment,
    /// A UDP datagram.
    Datagram(Bytes),
    /// An echo request.
    Echo(EchoMessage),
}

/// Says what a packet is.
///
/// # Errors
/// Why it is of no flow.
pub(super) fn sort(packet: &[u8], head: &Head, to: Proxied) -> Result<(FlowKey, Content), Lost> {
    if head.part != Part::Whole {
        return Err(Lost::Fragment);
    }
    if head.source.is_ipv6() && head.header != V6_BYTES {
        return Err(Lost::Protocol);
    }
    let upper = head.upper(packet);
    let (protocol, ports, content) = match head.protocol {
        protocol::TCP => {
            let is_long = byte(upper, TCP_BYTES - 1).is_some();
            let ports = ports(upper).filter(|_| is_long).ok_or(Lost::Malformed)?;
            (Protocol::Tcp, ports, Content::Segment)
        }
        protocol::UDP => {
            let ports = ports(upper).ok_or(Lost::Malformed)?;
            let payload = datagram(upper, head).ok_or(Lost::Malformed)?;
            (Protocol::Udp, ports, Content::Datagram(payload))
        }
        _ if head.is_icmp() => {
            let decoded = IcmpPacket::decode(Bytes::copy_from_slice(packet));
            match decoded.map(|packet| packet.message) {
                Ok(IcmpMessage::EchoRequest(echo)) => (Protocol::Echo, (echo.id, 0), Content::Echo(echo)),
                Ok(IcmpMessage::EchoReply(_) | IcmpMessage::TimeExceeded(_))
                | Err(IcmpError::Kind | IcmpError::NotIcmp) => return Err(Lost::Protocol),
                Err(IcmpError::Short | IcmpError::Fragment | IcmpError::Checksum) => {
                    return Err(Lost::Malformed);
                }
            }
        }
        _ => return Err(Lost::Protocol),
    };
    let key = FlowKey {
        account: to.tunnel.account,
        network: to.network,
        protocol,
        source: SocketAddr::new(head.source, ports.0),
        destination: SocketAddr::new(head.destination, ports.1),
    };
    Ok((key, content))
}

/// The ports of TCP and UDP; 0 is none.
fn ports(upper: &[u8]) -> Option<(u16, u16)> {
    let (from, to) = (number(upper, 0)?, number(upper, 2)?);
    (from != 0 && to != 0).then_some((from, to))
}

/// The payload of a UDP datagram whose checksum is right, or was left out, as IPv4 allows.
fn datagram(upper: &[u8], head: &Head) -> Option<Bytes> {
    let length = number(upper, 4)?;
    let datagram = upper.get(..length.into())?;
    let payload = datagram.get(UDP_BYTES..)?;
    let is_summed = number(upper, 6)? != 0;
    let sum = match (head.source, head.destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) if !is_summed => return Some(Bytes::copy_from_slice(payload)),
        (IpAddr::V4(from), IpAddr::V4(to)) => Sum::default().add(&from.octets()).add(&to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) if is_summed => {
            Sum::default().add(&from.octets()).add(&to.octets())
        }
        (IpAddr::V6(_), _) | (IpAddr::V4(_), IpAddr::V6(_)) => return None,
    };
    let sum = sum.plus(protocol::UDP.into()).plus(length).add(datagram);
    (sum.checksum() == 0).then(|| Bytes::copy_from_slice(payload))
}
