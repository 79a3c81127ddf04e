//! Two ends and what happens between them.

mod renewal;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::udp::{Endpoint, SendBatch};

/// One end with one peer.
struct End {
    host: Host,
    peer: Peer,
    demux: Demux<()>,
    address: Endpoint,
}

type Datagram = Vec<u8>;

impl End {
    fn classify(&self, from: Endpoint, datagram: &[u8]) -> Result<Incoming, Rejected> {
        self.host.classify(from.remote, datagram, Instant::now())
    }

    /// Takes in one datagram: what it answers, and the packet that was in it.
    fn take(
        &mut self,
        from: Endpoint,
        datagram: &[u8],
    ) -> Result<(Vec<Datagram>, Option<Datagram>), Rejected> {
        let message = match self.classify(from, datagram)? {
            Incoming::Initiation { from, message } if from == self.peer.key() => message,
            Incoming::Initiation { .. } => return Err(Rejected::NoSession),
            Incoming::Indexed { index, message } => {
                self.demux.find(index).ok_or(Rejected::NoSession)?;
                message
            }
            Incoming::Challenge(challenge) => return Ok((vec![challenge.to_vec()], None)),
        };
        let mut out = SendBatch::default();
        let packet = self.peer.receive(from, message, &mut out)?;
        Ok((self.gone(&out), packet.map(|packet| packet.to_vec())))
    }

    fn send(&mut self, packet: &[u8]) -> Vec<Datagram> {
        let mut out = SendBatch::default();
        self.peer.send(BytesMut::from(packet), &mut out).unwrap();
        self.gone(&out)
    }

    fn connect(&mut self) -> Vec<Datagram> {
        let mut out = SendBatch::default();
        self.peer.connect(&mut out);
        self.gone(&out)
    }

    fn tick(&mut self) -> Vec<Datagram> {
        let mut out = SendBatch::default();
        self.peer.tick(&mut out);
        self.gone(&out)
    }

    fn gone(&mut self, out: &SendBatch) -> Vec<Datagram> {
        if let Some(index) = self.peer.take_index() {
            self.demux.learn(index, ());
        }
        out.datagrams().map(|(_, datagram)| datagram.to_vec()).collect()
    }
}

fn address(last: u8) -> Endpoint {
    SocketAddr::from(([192, 0, 2, last], 51_820)).into()
}

fn ends_with(limits: HandshakeLimits, timing: Timing) -> (End, End) {
    let host = || Host::new(PrivateKey::generate().unwrap(), limits, Instant::now());
    let (left, right) = (host(), host());
    let config = |other: &Host, at| PeerConfig {
        key: other.public(),
        endpoint: Some(address(at)),
        keep_alive: None,
        waiting: 4,
        mtu: 1_420,
        timing,
    };
    let (to_right, to_left) = (config(&right, 2), config(&left, 1));
    let end = |host: Host, to: &PeerConfig, at| End {
        peer: Peer::new(&host, to),
        host,
        demux: Demux::default(),
        address: address(at),
    };
    (end(left, &to_right, 1), end(right, &to_left, 2))
}

fn ends() -> (End, End) {
    ends_with(HandshakeLimits::default(), Timing::default())
}

/// Carries these from one end to the other, and all answers, until none is left: the packets that arrived there.
fn carry(from: &mut End, to: &mut End, datagrams: Vec<Datagram>) -> Vec<Datagram> {
    let mut packets = Vec::new();
    for datagram in datagrams {
        let (answers, packet) = to.take(from.address, &datagram).unwrap();
        packets.extend(packet);
        carry(to, from, answers);
    }
    packets
}

fn connected() -> (End, End) {
    let (mut left, mut right) = ends();
    let initiation = left.connect();
    carry(&mut left, &mut right, initiation);
    assert!(left.peer.has_session() && right.peer.has_session());
    (left, right)
}

/// An IPv4 packet of this length whose bytes say which one it is.
fn packet(number: u16, length: usize) -> Datagram {
    let mut packet = vec![number as u8; length.max(22)];
    packet[0] = 0x45;
    let total = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packet[20..22].copy_from_slice(&number.to_be_bytes());
    packet
}

#[test]
fn a_packet_that_waited_for_the_handshake_arrives() {
    let (mut left, mut right) = ends();
    let initiation = left.send(&packet(1, 100));
    assert!(left.send(&packet(2, 100)).is_empty(), "one handshake is enough");
    let response = right.take(left.address, &initiation[0]).unwrap().0;
    let rest = left.take(right.address, &response[0]).unwrap().0;
    assert_eq!(
        carry(&mut left, &mut right, rest),
        [packet(1, 100), packet(2, 100)]
    );
}

#[test]
fn no_more_packets_wait_than_may() {
    let (mut left, _) = ends();
    for number in 0..4 {
        left.send(&packet(number, 100));
    }
    let unsent = left
        .peer
        .send(BytesMut::from(&packet(4, 100)[..]), &mut SendBatch::default());
    assert_eq!(unsent, Err(Unsent::NoSession));
}

#[test]
fn nothing_is_sent_to_a_peer_whose_address_is_unknown() {
    let (left, right) = ends();
    let config = PeerConfig {
        key: right.host.public(),
        endpoint: None,
        keep_alive: Some(25),
        waiting: 4,
        mtu: 1_420,
        timing: Timing::default(),
    };
    let mut peer = Peer::new(&left.host, &config);
    let mut out = SendBatch::default();
    assert_eq!(
        peer.send(BytesMut::from(&packet(1, 50)[..]), &mut out),
        Err(Unsent::NoEndpoint)
    );
    peer.connect(&mut out);
    peer.tick(&mut out);
    assert!(out.is_empty());
}

#[test]
fn the_length_of_a_packet_is_told_in_steps_of_16_and_never_beyond_the_mtu() {
    let (mut left, _right) = connected();
    assert_eq!(left.send(&packet(1, 33))[0].len(), 48 + OVERHEAD);
    assert_eq!(left.send(&packet(1, 1_420))[0].len(), 1_420 + OVERHEAD);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// `fate` says for each datagram how many copies arrive, and how far back each is put.
    #[test]
    fn what_arrives_over_a_bad_link_arrives_once_and_whole(
        lengths in prop::collection::vec(22usize..1_421, 1..80),
        fate in prop::collection::vec(prop::collection::vec(0usize..40, 0..3), 80),
    ) {
        let (mut left, mut right) = connected();
        let mut link: Vec<(usize, usize, Datagram)> = Vec::new();
        for (number, length) in lengths.iter().enumerate() {
            let datagram = left.send(&packet(number as u16, *length)).remove(0);
            for delay in &fate[number] {
                link.push((number + delay, number, datagram.clone()));
            }
        }
        link.sort();
        let mut arrived = vec![false; lengths.len()];
        for (_, number, datagram) in &link {
            match right.take(left.address, datagram) {
                Ok((_, got)) => {
                    prop_assert_eq!(got, Some(packet(*number as u16, lengths[*number])));
                    prop_assert!(!std::mem::replace(&mut arrived[*number], true));
                }
                Err(error) => {
                    prop_assert_eq!(error, Rejected::Replay);
                    prop_assert!(arrived[*number]);
                }
            }
        }
        for (number, copies) in fate.iter().take(lengths.len()).enumerate() {
            prop_assert_eq!(arrived[number], !copies.is_empty());
        }
    }

    #[test]
    fn a_changed_message_is_dropped_and_changes_nothing(at: prop::sample::Index, change in 1u8..) {
        let (mut left, mut right) = connected();
        let good = left.send(&packet(7, 200)).remove(0);
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= change;
        prop_assert!(right.take(address(66), &bad).is_err());
        prop_assert_eq!(right.peer.endpoint(), Some(left.address));
        let (_, got) = right.take(left.address, &good).unwrap();
        prop_assert_eq!(got, Some(packet(7, 200)));
    }

    #[test]
    fn a_changed_handshake_is_dropped(at: prop::sample::Index, change in 1u8..) {
        let (mut left, mut right) = ends();
        let mut initiation = left.connect().remove(0);
        // The last 16 bytes, the second MAC, count only under load.
        let at = at.index(initiation.len() - 16);
        initiation[at] ^= change;
        prop_assert!(right.take(left.address, &initiation).is_err());
        prop_assert!(!right.peer.has_session());
    }

    #[test]
    fn no_datagram_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..6) {
        let (_, mut right) = ends();
        let _ = right.take(address(1), &bytes);
        let typed = [&[kind, 0, 0, 0], &bytes[..]].concat();
        let _ = right.take(address(1), &typed);
    }
}

#[test]
fn a_replayed_handshake_is_dropped() {
    let (mut left, mut right) = ends();
    let initiation = left.connect().remove(0);
    right.take(left.address, &initiation).unwrap();
    assert_eq!(
        right.take(address(66), &initiation).unwrap_err(),
        Rejected::Replay
    );
    assert_eq!(right.peer.endpoint(), Some(left.address));
}

#[test]
fn a_peer_moves_with_its_authentic_messages_only() {
    let (mut left, mut right) = connected();
    let first = left.send(&packet(1, 60)).remove(0);
    right.take(address(9), &first).unwrap();
    assert_eq!(right.peer.endpoint(), Some(address(9)));
    assert_eq!(right.take(address(66), &first).unwrap_err(), Rejected::Replay);
    assert_eq!(right.peer.endpoint(), Some(address(9)));
}

#[test]
fn keys_change_while_packets_flow() {
    let timing = Timing {
        rekey: Some(Duration::from_millis(20)),
        ..Timing::default()
    };
    let (mut left, mut right) = ends_with(HandshakeLimits::default(), timing);
    let initiation = left.connect();
    carry(&mut left, &mut right, initiation);
    let (mut changes, deadline) = (0, Instant::now() + Duration::from_secs(10));
    let mut number = 0u16;
    while changes < 3 {
        assert!(Instant::now() < deadline, "the keys did not change");
        number = number.wrapping_add(1);
        let there = left.send(&packet(number, 80));
        assert_eq!(carry(&mut left, &mut right, there), [packet(number, 80)]);
        let back = right.send(&packet(number, 90));
        assert_eq!(carry(&mut right, &mut left, back), [packet(number, 90)]);
        let due = left.tick();
        changes += usize::from(due.iter().any(|datagram| datagram[0] == 1));
        carry(&mut left, &mut right, due);
    }
    left.demux.sweep(&left.host);
    assert!(left.demux.len() <= 8, "indices of ended sessions are forgotten");
}

#[test]
fn packets_under_the_old_keys_still_arrive_after_a_change() {
    let (mut left, mut right) = connected();
    let late = left.send(&packet(1, 60)).remove(0);
    let initiation = left.connect();
    carry(&mut left, &mut right, initiation);
    assert_eq!(right.take(left.address, &late).unwrap().1, Some(packet(1, 60)));
}

#[test]
fn under_load_a_handshake_needs_a_cookie() {
    for limits in [
        HandshakeLimits {
            per_address: 0,
            ..HandshakeLimits::default()
        },
        HandshakeLimits {
            total: 0,
            ..HandshakeLimits::default()
        },
    ] {
        let (mut left, mut right) = ends_with(limits, Timing::default());
        let mut tries = 0;
        while !right.peer.has_session() {
            tries += 1;
            assert!(tries <= 3, "a cookie is enough");
            let initiation = left.connect();
            // The response would need a cookie of its own: only the way there is under load.
            let answers = right.take(left.address, &initiation[0]).unwrap().0;
            if answers[0][0] == 3 {
                assert!(!right.peer.has_session());
                left.take(address(66), &answers[0]).unwrap();
                assert_eq!(
                    left.peer.endpoint(),
                    Some(right.address),
                    "a cookie proves nobody's address"
                );
            } else {
                break;
            }
        }
        assert!(tries > 1, "the first handshake had no cookie");
    }
}

#[test]
fn a_cookie_is_of_no_use_at_another_address() {
    let limits = HandshakeLimits {
        per_address: 0,
        ..HandshakeLimits::default()
    };
    let (mut left, mut right) = ends_with(limits, Timing::default());
    let first = left.connect();
    let challenge = right.take(left.address, &first[0]).unwrap().0;
    left.take(right.address, &challenge[0]).unwrap();
    let second = left.connect();
    let answer = right.take(address(66), &second[0]).unwrap().0;
    assert_eq!(answer[0][0], 3, "another cookie");
}

#[test]
fn a_cookie_buys_no_more_handshakes_than_its_address_may_have() {
    let limits = HandshakeLimits {
        per_address: 2,
        total: 0,
        ..HandshakeLimits::default()
    };
    let (mut left, mut right) = ends_with(limits, Timing::default());
    let first = left.connect();
    let challenge = right.take(left.address, &first[0]).unwrap().0;
    left.take(right.address, &challenge[0]).unwrap();
    let rejected = (0..5).filter_map(|_| {
        let initiation = left.connect();
        right.take(left.address, &initiation[0]).err()
    });
    assert_eq!(rejected.collect::<Vec<_>>(), [Rejected::Flood; 3]);
}

#[test]
fn what_is_beyond_all_limits_is_dropped_unread() {
    let limits = HandshakeLimits {
        examined: 1,
        ..HandshakeLimits::default()
    };
    let (mut left, mut right) = ends_with(limits, Timing::default());
    let (first, second) = (left.connect(), left.connect());
    right.take(left.address, &first[0]).unwrap();
    assert_eq!(right.take(left.address, &second[0]).unwrap_err(), Rejected::Flood);
    let later = Instant::now() + Duration::from_secs(2);
    right.host.tick(later);
    assert!(
        right
            .host
            .classify(left.address.remote, &second[0], later)
            .is_ok()
    );
}

#[test]
fn a_handshake_for_another_key_is_dropped() {
    let (mut left, _) = ends();
    let (_, mut stranger) = ends();
    let initiation = left.connect();
    assert_eq!(
        stranger.take(left.address, &initiation[0]).unwrap_err(),
        Rejected::ForeignKey
    );
}

#[test]
fn a_peer_is_small_enough_for_a_thousand_of_them() {
    // Its 8 sessions with their replay windows are within.
    assert!(size_of::<Peer>() <= 32 << 10, "{} bytes", size_of::<Peer>());
}

#[test]
fn one_host_tells_its_peers_apart() {
    let hub = Host::new(
        PrivateKey::generate().unwrap(),
        HandshakeLimits::default(),
        Instant::now(),
    );
    let mut demux = Demux::default();
    let mut nodes = Vec::new();
    for at in 0..3u8 {
        let (mut node, _) = ends();
        let config = PeerConfig {
            key: hub.public(),
            endpoint: Some(address(100)),
            keep_alive: Some(25),
            waiting: 1,
            mtu: 1_420,
            timing: Timing::default(),
        };
        node.peer = Peer::new(&node.host, &config);
        let known = PeerConfig {
            key: node.host.public(),
            endpoint: None,
            waiting: 0,
            ..config
        };
        let mut peer = Peer::new(&hub, &known);
        let initiation = node.send(&packet(at.into(), 64)).remove(0);
        let Ok(Incoming::Initiation { from, message }) =
            hub.classify(address(at).remote, &initiation, Instant::now())
        else {
            panic!("an initiation is one");
        };
        assert_eq!(from, node.host.public());
        let mut out = SendBatch::default();
        peer.receive(address(at), message, &mut out).unwrap();
        demux.learn(peer.take_index().unwrap(), at);
        let response = out.datagrams().next().unwrap().1.to_vec();
        nodes.push((node, peer, response));
    }
    for (at, (mut node, mut peer, response)) in nodes.into_iter().enumerate() {
        for datagram in node.take(address(100), &response).unwrap().0 {
            let Ok(Incoming::Indexed { index, message }) =
                hub.classify(address(at as u8).remote, &datagram, Instant::now())
            else {
                panic!("data has an index");
            };
            assert_eq!(demux.find(index), Some(at as u8));
            let got = peer
                .receive(address(at as u8), message, &mut SendBatch::default())
                .unwrap();
            assert!(got.is_none_or(|got| got[..] == packet(at as u16, 64)));
        }
        assert_eq!(peer.stats().received_packets, 1);
    }
    demux.retain(|at| at == 1);
    assert_eq!(demux.len(), 1);
}
