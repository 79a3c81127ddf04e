//! The headers of a packet, as far as a router reads them.
//!
//! Source: RFC 791, RFC 8200, RFC 5095 (no source routing).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{Sum, array, byte, changed, number, put};

/// Bytes of an IPv4 header without options.
pub(crate) const V4_BYTES: usize = 20;
/// Bytes of an IPv6 header without extensions.
pub(crate) const V6_BYTES: usize = 40;
/// More extension headers than any honest packet has.
const MOST_EXTENSIONS: usize = 8;

/// Numbers of protocols.
pub(crate) mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP_V4: u8 = 1;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const ICMP_V6: u8 = 58;
    pub(crate) const OPTIONS: u8 = 60;
}

/// Which part of what its sender sent a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// The first fragment, which begins with the header of the upper protocol.
    First,
    /// Another fragment.
    Later,
}

/// The headers of a packet. All places and lengths lie within the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// From where.
    pub(crate) source: IpAddr,
    /// Where to, of the same family.
    pub(crate) destination: IpAddr,
    /// How many hops it has left: TTL or hop limit.
    pub(crate) hops: u8,
    /// Bytes of the whole packet; what follows is padding.
    pub(crate) total: usize,
    /// Bytes of its headers, with IPv6 extensions as far as they were understood.
    pub(crate) header: usize,
    /// The upper protocol.
    pub(crate) protocol: u8,
    /// Which part of it this is.
    pub(crate) part: Part,
    /// Whether a router may divide it.
    pub(crate) may_divide: bool,
}

/// Why a packet is not forwarded, whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// It is no packet, or one that wants to choose its own way.
    Malformed,
    /// Its source or destination is one that no router forwards.
    Address,
}

impl Head {
    /// Reads the headers of a packet.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, HeadError> {
        let head = match packet.first().map(|first| first >> 4) {
            Some(4) => read_v4(packet),
            Some(6) => read_v6(packet),
            Some(_) | None => None,
        };
        let head = head.ok_or(HeadError::Malformed)?;
        if is_forwarded(head.source) && is_forwarded(head.destination) {
            Ok(head)
        } else {
            Err(HeadError::Address)
        }
    }

    /// What follows the headers.
    pub(crate) fn upper<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.header..self.total).unwrap_or_default()
    }

    /// Whether it is ICMP of its own family.
    pub(crate) const fn is_icmp(&self) -> bool {
        match self.source {
            IpAddr::V4(_) => self.protocol == protocol::ICMP_V4,
            IpAddr::V6(_) => self.protocol == protocol::ICMP_V6,
        }
    }
}

fn read_v4(packet: &[u8]) -> Option<Head> {
    let header = usize::from(byte(packet, 0)? & 0x0f) * 4;
    let total = usize::from(number(packet, 2)?);
    let is_whole = header >= V4_BYTES && header <= total && total <= packet.len();
    if !is_whole || Sum::default().add(packet.get(..header)?).checksum() != 0 {
        return None;
    }
    let position = number(packet, 6)?;
    let (offset, more) = (usize::from(position & 0x1fff) * 8, position & 0x2000 != 0);
    if offset + (total - header) > usize::from(u16::MAX) || chooses_its_way(packet.get(V4_BYTES..header)?)? {
        return None;
    }
    Some(Head {
        source: Ipv4Addr::from(array::<4>(packet, 12)?).into(),
        destination: Ipv4Addr::from(array::<4>(packet, 16)?).into(),
        hops: byte(packet, 8)?,
        total,
        header,
        protocol: byte(packet, 9)?,
        part: part(offset, more),
        may_divide: position & 0x4000 == 0,
    })
}

const fn part(offset: usize, more: bool) -> Part {
    match (offset, more) {
        (0, false) => Part::Whole,
        (0, true) => Part::First,
        (_, _) => Part::Later,
    }
}

/// Whether one of the options is a loose or strict source route; `None` if they are malformed.
fn chooses_its_way(mut options: &[u8]) -> Option<bool> {
    loop {
        match options {
            [] | [0, ..] => return Some(false),
            [1, rest @ ..] => options = rest,
            [131 | 137, ..] => return Some(true),
            [_, length, ..] if *length >= 2 => options = options.get(usize::from(*length)..)?,
            [_, ..] => return None,
        }
    }
}

fn read_v6(packet: &[u8]) -> Option<Head> {
    let total = V6_BYTES + usize::from(number(packet, 4)?);
    let packet = packet.get(..total)?;
    let (mut header, mut protocol, mut part_of) = (V6_BYTES, byte(packet, 6)?, Part::Whole);
    for walked in 0.. {
        let bytes = match protocol {
            protocol::HOP_BY_HOP | protocol::OPTIONS => (usize::from(byte(packet, header + 1)?) + 1) * 8,
            // Type 0 is the one that chooses its way.
            protocol::ROUTING if byte(packet, header + 2)? == 0 => return None,
            protocol::ROUTING => (usize::from(byte(packet, header + 1)?) + 1) * 8,
            protocol::AUTHENTICATION => (usize::from(byte(packet, header + 1)?) + 2) * 4,
            protocol::FRAGMENT => {
                let position = number(packet, header + 2)?;
                part_of = part(usize::from(position >> 3), position & 1 != 0);
                8
            }
            _ => break,
        };
        if walked == MOST_EXTENSIONS || packet.len() < header + bytes {
            return None;
        }
        protocol = byte(packet, header)?;
        header += bytes;
        if part_of == Part::Later {
            break;
        }
    }
    Some(Head {
        source: Ipv6Addr::from(array::<16>(packet, 8)?).into(),
        destination: Ipv6Addr::from(array::<16>(packet, 24)?).into(),
        hops: byte(packet, 7)?,
        total,
        header,
        protocol,
        part: part_of,
        may_divide: false,
    })
}

/// Whether a router forwards packets from and to an address at all: one machine's, and meant beyond its own link.
pub(crate) fn is_forwarded(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            // 240.0.0.0/4 is reserved and holds the broadcast address.
            first != 0 && first < 240 && !v4.is_loopback() && !v4.is_link_local() && !v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            // An IPv4 address in IPv6 form would be taken for the address itself.
            !(v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some())
        }
    }
}

/// Takes one hop from a packet that has been read and has more than one.
pub(crate) fn take_hop(packet: &mut [u8], head: &Head) -> Option<()> {
    let hops = head.hops.checked_sub(1)?;
    match head.source {
        IpAddr::V4(_) => {
            let before = u16::from_be_bytes([head.hops, head.protocol]);
            let after = u16::from_be_bytes([hops, head.protocol]);
            let sum = changed(number(packet, 10)?, before, after);
            let done = put(packet, 8, &[hops]) && put(packet, 10, &sum.to_be_bytes());
            done.then_some(())
        }
        IpAddr::V6(_) => put(packet, 7, &[hops]).then_some(()),
    }
}

/// Writes the checksum of an IPv4 header.
pub(crate) fn sum_header(header: &mut [u8]) -> Option<()> {
    let ok = put(header, 10, &[0, 0]);
    let sum = Sum::default().add(header).checksum();
    (ok && put(header, 10, &sum.to_be_bytes())).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    #[test]
    fn the_headers_of_both_families_are_read() {
        let four = samples::udp("10.10.0.5", "10.20.0.7", 64, b"hello");
        let head = Head::read(&four).unwrap();
        assert_eq!((head.total, head.header, head.hops), (33, 20, 64));
        assert_eq!((head.protocol, head.part), (protocol::UDP, Part::Whole));
        assert!(head.may_divide && head.upper(&four).ends_with(b"hello"));
        let six = samples::udp("fd00:a::5", "fd00:b::7", 9, b"hello");
        let head = Head::read(&six).unwrap();
        assert_eq!((head.total, head.header, head.hops), (53, 40, 9));
        assert!(!head.may_divide && head.upper(&six).ends_with(b"hello"));
    }

    #[test]
    fn padding_is_no_part_of_a_packet_and_a_part_is_no_packet() {
        for (from, to) in [("10.10.0.5", "10.20.0.7"), ("fd00:a::5", "fd00:b::7")] {
            let mut packet = samples::udp(from, to, 64, b"hello");
            let whole = packet.len();
            packet.extend([0; 15]);
            assert_eq!(Head::read(&packet).unwrap().total, whole);
            for end in 0..whole {
                assert_eq!(Head::read(&packet[..end]), Err(HeadError::Malformed), "{end}");
            }
        }
    }

    #[test]
    fn addresses_of_a_link_a_group_or_the_machine_itself_are_not_forwarded() {
        let good = [("10.10.0.5", "10.20.0.7"), ("fd00:a::5", "fd00:b::7")];
        let bad = [
            [
                "0.0.0.0",
                "127.0.0.1",
                "169.254.169.254",
                "224.0.0.251",
                "255.255.255.255",
            ],
            ["::", "::1", "fe80::1", "ff02::fb", "::ffff:10.10.0.5"],
        ];
        for ((from, to), bad) in good.into_iter().zip(bad) {
            assert!(Head::read(&samples::udp(from, to, 64, b"")).is_ok());
            for bad in bad {
                for packet in [samples::udp(bad, to, 64, b""), samples::udp(from, bad, 64, b"")] {
                    assert_eq!(Head::read(&packet), Err(HeadError::Address), "{bad}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_checksum_and_a_chosen_way_are_malformed() {
        let mut packet = samples::udp("10.10.0.5", "10.20.0.7", 64, b"");
        packet[8] = 63;
        assert_eq!(Head::read(&packet), Err(HeadError::Malformed));
        for (kind, fits) in [(7, true), (131, false), (137, false)] {
            let packet = samples::with_options(&[1, kind, 3, 4]);
            assert_eq!(Head::read(&packet).is_ok(), fits, "{kind}");
        }
        assert!(Head::read(&samples::with_options(&[7, 0, 0, 0])).is_err());
        assert!(Head::read(&samples::with_options(&[7, 9, 0, 0])).is_err());
    }

    #[test]
    fn extensions_are_walked_and_a_chosen_way_is_malformed() {
        let with = |chain: &[(u8, &[u8])]| samples::with_extensions(chain);
        let packet = with(&[
            (protocol::HOP_BY_HOP, &[0; 7]),
            (protocol::OPTIONS, &[200, 0, 0, 0, 0, 0, 0]),
        ]);
        assert!(
            Head::read(&packet).is_err(),
            "an extension that ends beyond the packet"
        );
        let packet = with(&[
            (protocol::HOP_BY_HOP, &[0; 7]),
            (protocol::ROUTING, &[0, 2, 0, 0, 0, 0, 0]),
        ]);
        let head = Head::read(&packet).unwrap();
        assert_eq!((head.protocol, head.header), (protocol::UDP, 56));
        let packet = with(&[(protocol::ROUTING, &[0, 0, 0, 0, 0, 0, 0])]);
        assert_eq!(Head::read(&packet), Err(HeadError::Malformed));
        let packet = with(&[(protocol::FRAGMENT, &[0, 0, 1, 0, 0, 0, 1])]);
        assert_eq!(Head::read(&packet).unwrap().part, Part::First);
        let packet = with(&[(protocol::FRAGMENT, &[0, 1, 0, 0, 0, 0, 1])]);
        assert_eq!(Head::read(&packet).unwrap().part, Part::Later);
        let endless: Vec<(u8, &[u8])> = vec![(protocol::OPTIONS, &[0; 7]); 9];
        assert_eq!(Head::read(&with(&endless)), Err(HeadError::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_lengths_lie_within_the_packet(
            mut packet in prop::collection::vec(any::<u8>(), 0..120),
            version in prop::sample::select(vec![0x45_u8, 0x46, 0x4f, 0x60]),
        ) {
            if let Some(first) = packet.first_mut() {
                *first = version;
            }
            if let Ok(head) = Head::read(&packet) {
                prop_assert!(head.header <= head.total && head.total <= packet.len());
            }
        }

        #[test]
        fn a_hop_less_is_still_a_good_packet(hops in 2_u8.., payload: Vec<u8>, six: bool) {
            let (from, to) = if six { ("fd00:a::5", "fd00:b::7") } else { ("10.10.0.5", "10.20.0.7") };
            let mut packet = samples::udp(from, to, hops, &payload);
            let head = Head::read(&packet).unwrap();
            take_hop(&mut packet, &head).unwrap();
            prop_assert_eq!(Head::read(&packet).unwrap(), Head { hops: hops - 1, ..head });
        }
    }
}
