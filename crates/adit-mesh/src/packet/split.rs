//! From super-packets to wire packets.

use bytes::BytesMut;

use super::{
    Segments, VnetHeader,
    checksum::Sum,
    ip::{put, u16_at, u32_at},
    layout::{TCP, UDP, checksum_offset, pseudo_header, set_length, transport_header},
};

/// Room after a wire packet, so that WireGuard's padding moves no bytes.
const PADDING: usize = 16;
const FIN_PSH: u8 = 0x09;
const CWR: u8 = 0x80;

/// Why a packet of a TUN device was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The header speaks of bytes that are not there, or of another protocol than the packet's.
    #[error("the offload header does not fit its packet")]
    Malformed,
    /// It is to be cut in a way that was not asked for.
    #[error("an offload that was not asked for")]
    Unknown,
}

/// Cuts a super-packet into wire packets with all their lengths, checksums, ids, sequence numbers and flags, and hands
/// them over in order. What is a wire packet already only gets its checksum.
///
/// # Errors
/// If the header and the packet do not fit; nothing was handed over then.
pub fn split(header: &VnetHeader, packet: &[u8], mut take: impl FnMut(BytesMut)) -> Result<(), SplitError> {
    let (is_v6, protocol) = match header.segments {
        Segments::None => {
            take(whole(header, packet)?);
            return Ok(());
        }
        Segments::TcpV4 => (false, TCP),
        Segments::TcpV6 => (true, TCP),
        Segments::Udp => (packet.first().is_some_and(|first| first >> 4 == 6), UDP),
        Segments::Unknown => return Err(SplitError::Unknown),
    };
    let cut = Cut::of(header, packet, is_v6, protocol).ok_or(SplitError::Malformed)?;
    let count = cut.payload.len().div_ceil(cut.segment);
    for (at, payload) in cut.payload.chunks(cut.segment).enumerate() {
        take(cut.wire_packet(at, payload, at + 1 == count));
    }
    Ok(())
}

/// A copy with the checksum that is still missing.
fn whole(header: &VnetHeader, packet: &[u8]) -> Result<BytesMut, SplitError> {
    let mut wire = with_room(packet.len());
    wire.extend_from_slice(packet);
    if header.needs_checksum {
        let start = usize::from(header.checksum_start);
        let place = start + usize::from(header.checksum_offset);
        let checked = packet.get(start..).filter(|_| place + 2 <= packet.len());
        let sum = Sum::default().over(checked.ok_or(SplitError::Malformed)?);
        let is_udp = header.checksum_offset == 6;
        put(&mut wire, place, transport_checksum(sum, is_udp));
    }
    Ok(wire)
}

fn with_room(bytes: usize) -> BytesMut {
    BytesMut::with_capacity(bytes.next_multiple_of(PADDING))
}

/// No UDP checksum is written as 0, which would say that there is none.
fn transport_checksum(sum: Sum, is_udp: bool) -> [u8; 2] {
    match sum.checksum() {
        [0, 0] if is_udp => [0xff, 0xff],
        checksum => checksum,
    }
}

/// A super-packet taken apart.
struct Cut<'a> {
    is_v6: bool,
    protocol: u8,
    /// Where the transport header begins.
    transport: usize,
    headers: &'a [u8],
    payload: &'a [u8],
    segment: usize,
    id: u16,
    sequence: u32,
    flags: u8,
}

impl<'a> Cut<'a> {
    fn of(header: &VnetHeader, packet: &'a [u8], is_v6: bool, protocol: u8) -> Option<Self> {
        let transport = usize::from(header.checksum_start);
        let ip_header = if is_v6 {
            40
        } else {
            usize::from(packet.first()? & 0x0f) * 4
        };
        let version = packet.first()? >> 4;
        // IPv6 may have extension headers before TCP.
        let fits = version == if is_v6 { 6 } else { 4 }
            && ip_header >= 20
            && if is_v6 {
                transport >= ip_header
            } else {
                transport == ip_header
            };
        let after = packet.get(transport..).filter(|_| fits)?;
        let header_bytes = transport + transport_header(protocol, after)?;
        let (headers, payload) = packet.split_at_checked(header_bytes)?;
        let segment = usize::from(header.segment_bytes);
        (segment > 0).then_some(Self {
            is_v6,
            protocol,
            transport,
            headers,
            payload,
            segment,
            id: u16_at(packet, 4)?,
            sequence: u32_at(after, 4)?,
            flags: after.get(13).copied().unwrap_or_default(),
        })
    }

    fn wire_packet(&self, at: usize, payload: &[u8], is_last: bool) -> BytesMut {
        let total = self.headers.len() + payload.len();
        let mut wire = with_room(total);
        wire.extend_from_slice(self.headers);
        wire.extend_from_slice(payload);
        if !self.is_v6 {
            put(&mut wire, 4, self.id.wrapping_add(at as u16).to_be_bytes());
        }
        set_length(&mut wire, self.is_v6, self.transport, total);
        let transport_bytes = total - self.transport;
        if self.protocol == TCP {
            let offset = (at * self.segment) as u32;
            put(
                &mut wire,
                self.transport + 4,
                self.sequence.wrapping_add(offset).to_be_bytes(),
            );
            let mut flags = self.flags;
            if !is_last {
                flags &= !FIN_PSH;
            }
            if at > 0 {
                flags &= !CWR;
            }
            put(&mut wire, self.transport + 13, [flags]);
        } else {
            let length = u16::try_from(transport_bytes).unwrap_or(u16::MAX);
            put(&mut wire, self.transport + 4, length.to_be_bytes());
        }
        let place = self.transport + checksum_offset(self.protocol);
        put(&mut wire, place, [0, 0]);
        let sum = pseudo_header(&wire, self.is_v6, self.protocol, transport_bytes)
            .over(wire.get(self.transport..).unwrap_or_default());
        put(&mut wire, place, transport_checksum(sum, self.protocol == UDP));
        wire
    }
}
