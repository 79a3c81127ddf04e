//! The header that a TUN device with offloads puts before each packet.
//! Source: Virtual I/O Device (VIRTIO) 1.3, section 5.1.6, in its legacy form: the machine's byte order, 10 bytes.

const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCP_V4: u8 = 1;
const GSO_TCP_V6: u8 = 4;
const GSO_UDP: u8 = 5;
/// Beside the type: the TCP packet carries congestion marks.
const GSO_ECN: u8 = 0x80;

/// What is still to be done to a packet: its checksum, and cutting it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// The checksum holds the sum of the pseudo header; the rest is to be added from `checksum_start` to the end.
    pub needs_checksum: bool,
    /// What it is a super-packet of.
    pub segments: Segments,
    /// How long its headers are, in bytes. A hint.
    pub header_bytes: u16,
    /// How much payload each wire packet gets but the last, in bytes.
    pub segment_bytes: u16,
    /// Where the checksum begins to count: where the transport header is.
    pub checksum_start: u16,
    /// Where the checksum is, counted from there.
    pub checksum_offset: u16,
}

/// What a packet is to be cut into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Segments {
    /// It is one wire packet.
    #[default]
    None,
    /// TCP over IPv4.
    TcpV4,
    /// TCP over IPv6.
    TcpV6,
    /// UDP over either.
    Udp,
    /// Something that no device of ours was asked for.
    Unknown,
}

impl VnetHeader {
    /// How long it is, in bytes.
    pub const BYTES: usize = 10;

    /// The header of these bytes.
    #[must_use]
    pub fn read(bytes: [u8; Self::BYTES]) -> Self {
        let [flags, kind, numbers @ ..] = bytes;
        let [h0, h1, g0, g1, s0, s1, o0, o1] = numbers;
        Self {
            needs_checksum: flags & NEEDS_CHECKSUM != 0,
            segments: match kind & !GSO_ECN {
                GSO_NONE => Segments::None,
                GSO_TCP_V4 => Segments::TcpV4,
                GSO_TCP_V6 => Segments::TcpV6,
                GSO_UDP => Segments::Udp,
                _ => Segments::Unknown,
            },
            header_bytes: u16::from_ne_bytes([h0, h1]),
            segment_bytes: u16::from_ne_bytes([g0, g1]),
            checksum_start: u16::from_ne_bytes([s0, s1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> [u8; Self::BYTES] {
        let [h0, h1] = self.header_bytes.to_ne_bytes();
        let [g0, g1] = self.segment_bytes.to_ne_bytes();
        let [s0, s1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        let flags = if self.needs_checksum { NEEDS_CHECKSUM } else { 0 };
        let kind = match self.segments {
            Segments::None => GSO_NONE,
            Segments::TcpV4 => GSO_TCP_V4,
            Segments::TcpV6 => GSO_TCP_V6,
            Segments::Udp => GSO_UDP,
            Segments::Unknown => !GSO_ECN,
        };
        [flags, kind, h0, h1, g0, g1, s0, s1, o0, o1]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_was_read(bytes: [u8; 10]) {
            let header = VnetHeader::read(bytes);
            prop_assert_eq!(VnetHeader::read(header.write()), header);
        }
    }
}
