//! Where things are in a TCP or UDP packet.

use super::{
    checksum::Sum,
    ip::{self, u16_at},
};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
/// Don't fragment.
const DF: u16 = 0x4000;

/// Offsets in an unfragmented TCP or UDP packet without IP options or extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) is_v6: bool,
    pub(super) protocol: u8,
    /// Where the TCP or UDP header begins.
    pub(super) transport: usize,
    /// Where the payload begins.
    pub(super) payload: usize,
}

impl Layout {
    /// `None` for any other packet, also for one with bytes after its end.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        if ip::length(packet)? != packet.len() {
            return None;
        }
        let (is_v6, protocol, transport) = match packet.first()? {
            // More fragments, or a place in a fragmented packet.
            0x45 if u16_at(packet, 6)? & !DF == 0 => (false, *packet.get(9)?, 20),
            first if first >> 4 == 6 => (true, *packet.get(6)?, 40),
            _ => return None,
        };
        let payload = transport + transport_header(protocol, packet.get(transport..)?)?;
        (payload <= packet.len()).then_some(Self {
            is_v6,
            protocol,
            transport,
            payload,
        })
    }

    /// Where the checksum is in the TCP or UDP header.
    pub(super) fn checksum_offset(&self) -> usize {
        checksum_offset(self.protocol)
    }

    /// Whether the checksum of TCP or UDP is there and right.
    pub(super) fn has_right_checksum(&self, packet: &[u8]) -> bool {
        let Some(transport) = packet.get(self.transport..) else {
            return false;
        };
        if self.protocol == UDP && u16_at(transport, 6) == Some(0) {
            return false;
        }
        pseudo_header(packet, self.is_v6, self.protocol, transport.len())
            .over(transport)
            .is_right()
    }

    /// Whether the sender forbade that routers fragment it.
    pub(super) fn is_atomic(&self, packet: &[u8]) -> bool {
        self.is_v6 || u16_at(packet, 6).is_some_and(|flags| flags & DF != 0)
    }
}

/// How long the header at the start of these bytes is; `None` if it is no header of this protocol.
pub(super) fn transport_header(protocol: u8, transport: &[u8]) -> Option<usize> {
    match protocol {
        TCP => {
            let length = usize::from(transport.get(12)? >> 4) * 4;
            (length >= 20).then_some(length)
        }
        UDP => Some(8),
        _ => None,
    }
}

pub(super) fn checksum_offset(protocol: u8) -> usize {
    if protocol == TCP { 16 } else { 6 }
}

/// The sum over what TCP and UDP check of the IP header. Source: RFC 9293, section 3.1; RFC 8200, section 8.1.
pub(super) fn pseudo_header(packet: &[u8], is_v6: bool, protocol: u8, transport_bytes: usize) -> Sum {
    let addresses = if is_v6 {
        packet.get(8..40)
    } else {
        packet.get(12..20)
    };
    let length = u16::try_from(transport_bytes).unwrap_or(u16::MAX);
    Sum::default()
        .over(addresses.unwrap_or_default())
        .add_u16(protocol.into())
        .add_u16(length)
}

/// Writes the length of the packet into its IP header, and the header's checksum.
pub(super) fn set_length(packet: &mut [u8], is_v6: bool, header_bytes: usize, total: usize) {
    let number = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    if is_v6 {
        ip::put(packet, 4, number(total.saturating_sub(40)));
        return;
    }
    ip::put(packet, 2, number(total));
    ip::put(packet, 10, [0, 0]);
    let checksum = Sum::default()
        .over(packet.get(..header_bytes).unwrap_or_default())
        .checksum();
    ip::put(packet, 10, checksum);
}
