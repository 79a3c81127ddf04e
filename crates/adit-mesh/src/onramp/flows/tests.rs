use std::net::SocketAddr;

use adit_core::mesh::forwarding::{Proxied, Who};
use adit_model::{AccountId, DeviceId, TunnelId, TunnelKey, VirtualNetworkId};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::{
    hub::packet::{
        bytes::put,
        head::{Head, V4_BYTES, protocol, sum_header},
        samples,
    },
    onramp::write,
};

const V4: [&str; 2] = ["10.10.0.5", "10.30.0.7"];
const V6: [&str; 2] = ["fd00:a::5", "fd00:c::7"];

fn handed(packet: &[u8]) -> Handed {
    let account = AccountId::random();
    let tunnel = TunnelKey {
        account,
        tunnel: TunnelId::random(),
    };
    let network = VirtualNetworkId::random();
    let who = Who::Device(account, DeviceId::random());
    Handed::new(BytesMut::from(packet), who, Proxied { tunnel, network }, 1420).unwrap()
}

/// What becomes of a packet of no flow.
fn alone(packet: &[u8]) -> Step {
    step(handed(packet), |_| false)
}

#[test]
fn the_first_packet_of_each_kind_begins_a_flow_and_the_next_ones_are_of_it() {
    for ([from, to], echo) in [(V4, 8), (V6, 128)] {
        let packets = [
            (
                samples::syn(from, to, 2, &[2, 4, 5, 180]),
                Protocol::Tcp,
                (1000, 2000),
            ),
            (
                samples::udp(from, to, 64, b"question"),
                Protocol::Udp,
                (1000, 2000),
            ),
            (samples::icmp(from, to, echo, 0, b"ping"), Protocol::Echo, (7, 0)),
        ];
        for (packet, protocol, (source, destination)) in packets {
            let Step::Open(key, arrival) = alone(&packet) else {
                panic!("{protocol:?} begins no flow");
            };
            assert_eq!(key.protocol, protocol);
            assert_eq!(key.source, SocketAddr::new(from.parse().unwrap(), source));
            assert_eq!(key.destination, SocketAddr::new(to.parse().unwrap(), destination));
            assert_eq!(key.account, arrival.handed.to.tunnel.account);
            match arrival.content {
                Content::Segment => assert_eq!(arrival.handed.packet, packet),
                Content::Datagram(payload) => assert_eq!(payload, "question"),
                Content::Echo(echo) => assert_eq!((echo.sequence, &echo.payload[..]), (9, &b"ping"[..])),
            }
            let again = step(arrival.handed, |known| *known == key);
            assert!(matches!(again, Step::Deliver(same, _) if same == key));
        }
    }
}

#[test]
fn segments_of_no_flow_are_answered_with_a_reset_and_resets_are_not() {
    for [from, to] in [V4, V6] {
        for flags in [0x10, 0x18, 0x11, 0x12, 0] {
            assert!(
                matches!(alone(&samples::syn(from, to, flags, &[])), Step::Reset(_)),
                "{flags}"
            );
        }
        for flags in [4, 0x14] {
            let step = alone(&samples::syn(from, to, flags, &[]));
            assert!(matches!(step, Step::Refuse(_, Lost::Stray, None)), "{flags}");
        }
        let mut damaged = samples::syn(from, to, 2, &[2, 4, 5, 180]);
        *damaged.last_mut().unwrap() ^= 1;
        assert!(matches!(alone(&damaged), Step::Refuse(_, Lost::Malformed, None)));
    }
}

#[test]
fn a_reset_says_what_it_is_about() {
    for [from, to] in [V4, V6] {
        let reset = write::reset_of(&handed(&samples::syn(from, to, 2, &[]))).unwrap();
        let back = handed(&reset);
        assert_eq!(back.head.source, to.parse::<std::net::IpAddr>().unwrap());
        let said = segment(&back).unwrap();
        assert_eq!((said.src_port, said.dst_port), (2000, 1000));
        assert_eq!(said.control, TcpControl::Rst);
        assert_eq!(
            (said.seq_number.0, said.ack_number.map(|number| number.0)),
            (0, Some(2))
        );
        let to_ack = write::reset_of(&handed(&samples::syn(from, to, 0x10, &[]))).unwrap();
        let back = handed(&to_ack);
        assert_eq!(segment(&back).unwrap().ack_number, None);
        assert!(write::reset_of(&back).is_none(), "a reset is not answered");
    }
}

#[test]
fn fragments_and_other_protocols_are_refused_and_told_so() {
    let mut first = samples::udp(V4[0], V4[1], 64, b"12345678");
    put(&mut first, 6, &[0x20, 0]);
    sum_header(&mut first[..V4_BYTES]).unwrap();
    let first6 = samples::with_extensions(&[(protocol::FRAGMENT, &[0, 0, 1, 0, 0, 0, 1])]);
    for packet in [first, first6] {
        let step = alone(&packet);
        assert!(matches!(
            step,
            Step::Refuse(_, Lost::Fragment, Some(Problem::Prohibited))
        ));
    }
    let extended = samples::with_extensions(&[(protocol::OPTIONS, &[0; 7])]);
    let sctp = samples::packet(V4[0], V4[1], 64, 132, &[0; 12]);
    for packet in [extended, sctp] {
        let step = alone(&packet);
        assert!(matches!(
            step,
            Step::Refuse(_, Lost::Protocol, Some(Problem::Prohibited))
        ));
    }
    for kind in [0, 3, 11, 13] {
        let step = alone(&samples::icmp(V4[0], V4[1], kind, 0, &[0; 28]));
        assert!(matches!(step, Step::Refuse(_, _, None)), "{kind}");
    }
}

#[test]
fn what_is_damaged_or_has_no_port_goes_nowhere() {
    for ([from, to], header) in [(V4, 20), (V6, 40)] {
        let whole = samples::udp(from, to, 64, b"hello");
        for at in header..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            let step = alone(&damaged);
            assert!(matches!(step, Step::Refuse(_, Lost::Malformed, None)), "{at}");
        }
        for port in [header, header + 2] {
            let mut without = samples::syn(from, to, 2, &[]);
            without[port..port + 2].fill(0);
            assert!(matches!(alone(&without), Step::Refuse(_, Lost::Malformed, None)));
        }
    }
    let mut unsummed = samples::udp(V4[0], V4[1], 64, b"hello");
    unsummed[26..28].fill(0);
    assert!(
        matches!(alone(&unsummed), Step::Open(..)),
        "IPv4 may leave it out"
    );
    let mut unsummed = samples::udp(V6[0], V6[1], 64, b"hello");
    unsummed[46..48].fill(0);
    assert!(matches!(alone(&unsummed), Step::Refuse(..)), "IPv6 may not");
}

proptest! {
    #[test]
    fn a_datagram_that_was_made_is_one_that_is_read(payload in prop::collection::vec(any::<u8>(), 0..1400), six: bool) {
        let [from, to] = if six { V6 } else { V4 };
        let [from, to] = [(from, 9), (to, 65_535)].map(|(ip, port)| SocketAddr::new(ip.parse().unwrap(), port));
        let payload = Bytes::from(payload);
        let packet = write::datagram(from, to, &payload).unwrap();
        prop_assert_eq!(Head::read(&packet).unwrap().may_divide, !six);
        let Step::Open(key, Arrival { content: Content::Datagram(read), .. }) = alone(&packet) else {
            return Err(TestCaseError::fail("it opens no flow of datagrams"));
        };
        prop_assert_eq!((key.source, key.destination, read), (from, to, payload));
    }

    #[test]
    fn no_packet_panics(
        mut upper in prop::collection::vec(any::<u8>(), 0..100),
        protocol in prop::sample::select(vec![1_u8, 6, 17, 58]),
        six: bool,
        is_running: bool,
    ) {
        let [from, to] = if six { V6 } else { V4 };
        // Half of them have a header that is long enough.
        if let Some(words) = upper.get_mut(12) {
            *words = 0x50 | (*words & 0xf);
        }
        let step = step(handed(&samples::packet(from, to, 64, protocol, &upper)), |_| is_running);
        if let Step::Reset(handed) = step {
            let _ = write::reset_of(&handed);
        }
    }
}
