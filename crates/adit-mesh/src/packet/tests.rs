//! Cutting and joining undo each other.

use std::collections::HashMap;

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

/// One packet as a test wants it; its checksums are right.
#[derive(Debug, Clone)]
struct Wire {
    is_v6: bool,
    is_tcp: bool,
    flow: u8,
    id: u16,
    may_fragment: bool,
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    options: Vec<u8>,
    payload: Vec<u8>,
}

impl Wire {
    fn bytes(&self) -> Vec<u8> {
        let mut transport = vec![0x30, 0x39, 0x14, self.flow];
        if self.is_tcp {
            transport.extend(self.sequence.to_be_bytes());
            transport.extend(self.acknowledged.to_be_bytes());
            transport.extend([
                (5 + self.options.len() as u8 / 4) << 4,
                self.flags,
                1,
                2,
                0,
                0,
                0,
                0,
            ]);
            transport.extend(&self.options);
        } else {
            transport.extend((8 + self.payload.len() as u16).to_be_bytes());
            transport.extend([0, 0]);
        }
        transport.extend(&self.payload);
        let protocol = if self.is_tcp { 6 } else { 17 };
        let mut packet = if self.is_v6 {
            let mut header = vec![0x60, 1, 2, 3];
            header.extend((transport.len() as u16).to_be_bytes());
            header.extend([protocol, 63]);
            header.extend([[0xfd; 16], [self.flow; 16]].concat());
            header
        } else {
            let mut header = vec![0x45, 0];
            header.extend((20 + transport.len() as u16).to_be_bytes());
            header.extend(self.id.to_be_bytes());
            header.extend(if self.may_fragment { [0, 0] } else { [0x40, 0] });
            header.extend([63, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 1, self.flow]);
            let checksum = Sum::default().over(&header).checksum();
            header[10..12].copy_from_slice(&checksum);
            header
        };
        let at = packet.len();
        packet.extend(&transport);
        let place = at + if self.is_tcp { 16 } else { 6 };
        let sum = pseudo(&packet, protocol, transport.len()).over(&packet[at..]);
        let checksum = match sum.checksum() {
            [0, 0] if !self.is_tcp => [0xff, 0xff],
            checksum => checksum,
        };
        packet[place..place + 2].copy_from_slice(&checksum);
        packet
    }
}

fn pseudo(packet: &[u8], protocol: u8, transport: usize) -> Sum {
    let addresses = if packet[0] >> 4 == 6 {
        &packet[8..40]
    } else {
        &packet[12..20]
    };
    Sum::default()
        .over(addresses)
        .add_u16(protocol.into())
        .add_u16(transport as u16)
}

/// Whether a packet is what a wire may carry: lengths and checksums fit.
fn is_right(packet: &[u8]) -> bool {
    let (at, protocol) = if packet[0] >> 4 == 6 {
        (40, packet[6])
    } else {
        (20, packet[9])
    };
    let header_is_right = packet[0] >> 4 == 6 || Sum::default().over(&packet[..20]).is_right();
    header_is_right
        && length(packet) == Some(packet.len())
        && pseudo(packet, protocol, packet.len() - at)
            .over(&packet[at..])
            .is_right()
        && (protocol == 6
            || usize::from(u16::from_be_bytes([packet[at + 4], packet[at + 5]])) == packet.len() - at)
}

/// Streams of packets as they come off a link: mostly in order, sometimes with something in between.
fn wires() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = (
        0u8..4,
        prop_oneof![8 => Just(0x10u8), 1 => Just(0x18), 1 => Just(0x11), 1 => Just(0x02), 1 => Just(0x90)],
        prop_oneof![6 => Just(500usize), 1 => Just(0), 2 => 1usize..500],
        prop_oneof![12 => Just(0u32), 1 => Just(7)],
        prop_oneof![12 => Just(0u32), 1 => Just(9)],
        prop_oneof![12 => Just(false), 1 => Just(true)],
    );
    (prop::collection::vec(one, 1..120), any::<u32>(), any::<u16>()).prop_map(|(shapes, start, id)| {
        let mut sequences = [start; 4];
        let mut ids = [id; 4];
        shapes
            .into_iter()
            .enumerate()
            .map(|(at, (flow, flags, size, skip, acknowledged, is_damaged))| {
                let place = usize::from(flow);
                sequences[place] = sequences[place].wrapping_add(skip);
                let wire = Wire {
                    is_v6: flow % 2 == 1,
                    is_tcp: flow < 2,
                    flow,
                    id: ids[place],
                    may_fragment: flow == 2,
                    sequence: sequences[place],
                    acknowledged,
                    flags,
                    options: vec![1; if flow == 1 { 12 } else { 0 }],
                    payload: vec![at as u8; size],
                };
                sequences[place] = sequences[place].wrapping_add(size as u32);
                ids[place] = ids[place].wrapping_add(1 + skip as u16);
                let mut bytes = wire.bytes();
                if is_damaged {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                bytes
            })
            .collect()
    })
}

/// Packets by flow, in order; ids of unfragmentable ones, which mean nothing, made 0.
fn by_flow(packets: impl IntoIterator<Item = Vec<u8>>) -> HashMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
    for mut packet in packets {
        let key = if packet[0] >> 4 == 6 {
            packet[6..40].to_vec()
        } else {
            if packet[6] & 0x40 != 0 {
                packet[4..6].fill(0);
                packet[10..12].fill(0);
            }
            packet[9..10].iter().chain(&packet[12..20]).copied().collect()
        };
        flows.entry(key).or_default().push(packet);
    }
    flows
}

fn join(packets: &[Vec<u8>], joins_udp: bool) -> Vec<(VnetHeader, Vec<u8>)> {
    let mut coalescer = Coalescer::new(joins_udp);
    for packet in packets {
        coalescer.push(BytesMut::from(&packet[..]));
    }
    assert_eq!(coalescer.len(), packets.len());
    let (mut joined, mut counted) = (Vec::new(), 0);
    coalescer.drain(|header, slices, count| {
        counted += count;
        joined.push((*header, slices.iter().flat_map(|slice| slice.to_vec()).collect()));
    });
    assert_eq!(counted, packets.len());
    assert!(coalescer.is_empty());
    joined
}

fn cut(header: &VnetHeader, packet: &[u8]) -> Vec<Vec<u8>> {
    let mut wires = Vec::new();
    split(header, packet, |wire| wires.push(wire.to_vec())).unwrap();
    wires
}

proptest! {
    #[test]
    fn cutting_what_was_joined_gives_the_same_packets(packets in wires(), joins_udp: bool) {
        let joined = join(&packets, joins_udp);
        for (header, packet) in &joined {
            prop_assert!(packet.len() <= 65_535);
            prop_assert!(joins_udp || header.segments != Segments::Udp);
        }
        let again = joined.iter().flat_map(|(header, packet)| cut(header, packet));
        prop_assert_eq!(by_flow(again), by_flow(packets));
    }

    #[test]
    fn every_piece_of_a_super_packet_is_right(
        is_v6: bool,
        is_tcp: bool,
        id: u16,
        sequence: u32,
        flags in prop_oneof![Just(0x10u8), Just(0x19), Just(0x98)],
        payload in prop::collection::vec(any::<u8>(), 1..20_000),
        segment in 1u16..2_000,
    ) {
        let options = vec![1; if is_tcp { 12 } else { 0 }];
        let wire = Wire {
            is_v6, is_tcp, flow: 1, id, may_fragment: false, sequence, acknowledged: 5, flags, options,
            payload: payload.clone(),
        };
        let packet = wire.bytes();
        let transport = if is_v6 { 40u16 } else { 20 };
        let header = VnetHeader {
            needs_checksum: true,
            segments: match (is_tcp, is_v6) {
                (false, _) => Segments::Udp,
                (true, false) => Segments::TcpV4,
                (true, true) => Segments::TcpV6,
            },
            header_bytes: 0,
            segment_bytes: segment,
            checksum_start: transport,
            checksum_offset: if is_tcp { 16 } else { 6 },
        };
        let headers = usize::from(transport) + if is_tcp { 32 } else { 8 };

        let pieces = cut(&header, &packet);

        prop_assert_eq!(pieces.len(), payload.len().div_ceil(segment.into()));
        let mut whole: Vec<u8> = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            prop_assert!(is_right(piece));
            if !is_v6 {
                prop_assert_eq!(u16::from_be_bytes([piece[4], piece[5]]), id.wrapping_add(at as u16));
            }
            if is_tcp {
                let tcp = &piece[usize::from(transport)..];
                let place = sequence.wrapping_add(whole.len() as u32);
                prop_assert_eq!(u32::from_be_bytes(*tcp[4..].first_chunk().unwrap()), place);
                let is_last = at + 1 == pieces.len();
                prop_assert_eq!(tcp[13] & 0x09, if is_last { flags & 0x09 } else { 0 });
                prop_assert_eq!(tcp[13] & 0x80, if at == 0 { flags & 0x80 } else { 0 });
            }
            whole.extend(&piece[headers..]);
        }
        prop_assert_eq!(whole, payload);
    }

    #[test]
    fn no_header_and_packet_panic(
        header: [u8; 10],
        first in prop_oneof![Just(0x45u8), Just(0x60), any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let packet = [&[first], &rest[..]].concat();
        let mut cut = 0;
        let _ = split(&VnetHeader::read(header), &packet, |_| cut += 1);
        prop_assert!(cut <= packet.len());
        let mut coalescer = Coalescer::new(true);
        coalescer.push(BytesMut::from(&packet[..]));
        coalescer.push(BytesMut::from(&packet[..]));
        coalescer.drain(|_, _, _| {});
    }
}

fn stream(count: u32, payload: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|at| Wire {
            is_v6: false,
            is_tcp: true,
            flow: 9,
            id: at as u16,
            may_fragment: true,
            sequence: at * payload as u32,
            acknowledged: 1,
            flags: 0x10,
            options: Vec::new(),
            payload: vec![at as u8; payload],
        })
        .map(|wire| wire.bytes())
        .collect()
}

#[test]
fn a_stream_becomes_few_super_packets() {
    let joined = join(&stream(90, 1_380), true);
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0].0.segment_bytes, 1_380);
    assert_eq!(joined[0].1.len(), 40 + 47 * 1_380);
}

#[test]
fn a_damaged_packet_stays_alone_and_damaged() {
    let mut packets = stream(3, 100);
    packets[1][60] ^= 1;
    let joined = join(&packets, true);
    assert_eq!(joined.len(), 3);
    assert_eq!(joined[1], (VnetHeader::default(), packets[1].clone()));
}

#[test]
fn a_packet_gets_the_checksum_that_the_kernel_left_out() {
    let right = stream(1, 101).remove(0);
    let mut partial = right.clone();
    let sum = pseudo(&right, 6, right.len() - 20).partial();
    partial[36..38].copy_from_slice(&sum);
    let header = VnetHeader {
        needs_checksum: true,
        checksum_start: 20,
        checksum_offset: 16,
        ..VnetHeader::default()
    };
    assert_eq!(cut(&header, &partial), [right]);
}

#[test]
fn an_offload_that_nobody_asked_for_is_refused() {
    let header = VnetHeader {
        segments: Segments::Unknown,
        ..VnetHeader::default()
    };
    assert_eq!(
        split(&header, &stream(1, 10)[0], |_| {}),
        Err(SplitError::Unknown)
    );
}
