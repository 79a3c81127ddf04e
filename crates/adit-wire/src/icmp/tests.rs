use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*};

use super::*;

fn any_pair() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<[Ipv4Addr; 2]>().prop_map(|[one, other]| (one.into(), other.into())),
        any::<[Ipv6Addr; 2]>().prop_map(|[one, other]| (one.into(), other.into())),
    ]
}

prop_compose! {
    fn any_packet()(
        (source, destination) in any_pair(),
        hops: u8, id: u16, sequence: u16, payload in vec(any::<u8>(), 0..1232), kind in 0..3,
    ) -> IcmpPacket {
        let echo = EchoMessage { id, sequence, payload: payload.into() };
        let message = match kind {
            0 => IcmpMessage::EchoRequest(echo),
            1 => IcmpMessage::EchoReply(echo),
            _ => IcmpMessage::TimeExceeded(Expired { destination: source, id, sequence }),
        };
        IcmpPacket { source, destination, hops, message }
    }
}

proptest! {
    #[test]
    fn a_packet_is_read_back(packet in any_packet()) {
        let bytes = packet.encode().unwrap();
        prop_assert_eq!(IcmpPacket::decode(bytes), Ok(packet));
    }

    #[test]
    fn what_follows_a_packet_is_no_part_of_it(packet in any_packet(), more in vec(any::<u8>(), 1..9)) {
        let bytes = [&packet.encode().unwrap()[..], &more].concat();
        prop_assert_eq!(IcmpPacket::decode(bytes.into()), Ok(packet));
    }

    #[test]
    fn a_packet_cut_anywhere_is_refused(packet in any_packet(), cut: prop::sample::Index) {
        let bytes = packet.encode().unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(IcmpPacket::decode(bytes.slice(..cut)).is_err());
    }

    #[test]
    fn a_changed_bit_of_the_message_is_noticed(packet in any_packet(), at: prop::sample::Index, bit in 0..8_u8) {
        let header = Protocol::of(packet.destination).header_bytes();
        let mut bytes = packet.encode().unwrap().to_vec();
        let at = header + at.index(bytes.len() - header);
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(IcmpPacket::decode(bytes.into()), Err(IcmpError::Checksum));
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>, version in prop::sample::select(&[0x45_u8, 0x4F, 0x60])) {
        let _ = IcmpPacket::decode(bytes.clone().into());
        let _ = IcmpPacket::decode([&[version][..], &bytes].concat().into());
    }
}

fn ping(source: &str, destination: &str) -> IcmpPacket {
    IcmpPacket {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        hops: 64,
        message: IcmpMessage::EchoRequest(EchoMessage {
            id: 0x1234,
            sequence: 1,
            payload: Bytes::from_static(b"abcdefgh"),
        }),
    }
}

/// Made by another program from the same values.
#[test]
fn packets_are_as_other_stacks_make_them() {
    let v4 = "450000240000400040014ea3c0000201c6336401\
              08005435123400016162636465666768";
    let v6 = "6000000000103a4020010db800000000000000000000000120010db8000000000000000000000002\
              80008075123400016162636465666768";
    let hex = |packet: &IcmpPacket| -> String {
        let bytes = packet.encode().unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(hex(&ping("192.0.2.1", "198.51.100.1")), v4);
    assert_eq!(hex(&ping("2001:db8::1", "2001:db8::2")), v6);
}

#[test]
fn families_do_not_mix() {
    assert_eq!(ping("192.0.2.1", "2001:db8::2").encode(), None);
    assert_eq!(ping("2001:db8::1", "192.0.2.1").encode(), None);
}

#[test]
fn what_is_no_echo_is_refused() {
    let change = |at: usize, to: u8| {
        let mut bytes = ping("2001:db8::1", "2001:db8::2").encode().unwrap().to_vec();
        bytes[at] = to;
        IcmpPacket::decode(bytes.into())
    };
    assert_eq!(change(6, 17), Err(IcmpError::NotIcmp), "UDP");
    assert_eq!(change(6, 44), Err(IcmpError::Fragment));
    assert_eq!(change(0, 0x50), Err(IcmpError::NotIcmp), "IP 5");

    let mut fragment = ping("192.0.2.1", "198.51.100.1").encode().unwrap().to_vec();
    fragment[6] = 0x20;
    fragment[10..12].copy_from_slice(&[0, 0]);
    let sum = checksum::Checksum::default().add(&fragment[..20]).value();
    fragment[10..12].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(IcmpPacket::decode(fragment.into()), Err(IcmpError::Fragment));
}

#[test]
fn an_echo_fills_a_packet_and_no_more() {
    for to in ["198.51.100.1", "2001:db8::2"] {
        let to: IpAddr = to.parse().unwrap();
        let payload = Bytes::from(vec![0; IcmpPacket::max_payload(to, 1280)]);
        let echo = EchoMessage {
            id: 1,
            sequence: 1,
            payload,
        };
        let message = IcmpMessage::EchoRequest(echo);
        let packet = IcmpPacket {
            source: to,
            destination: to,
            hops: 1,
            message,
        };
        assert_eq!(packet.encode().unwrap().len(), 1280);
    }
}
