//! Two links on loopback whose devices are sockets of the test: each datagram is a packet with its offload header.

use std::{
    net::Ipv4Addr,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    time::{Duration, Instant},
};

use super::*;
use crate::{boot_time::BootTime, packet::VnetHeader};

/// One node: its link, and what its kernel would hold.
struct Node {
    link: Link,
    gate: Arc<Gate>,
    device: UnixDatagram,
    address: Ipv4Addr,
}

const PATIENCE: Duration = Duration::from_secs(10);

/// A queue of a device: the link's end, and the kernel's.
fn queue() -> (OwnedFd, UnixDatagram) {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (theirs.into(), ours)
}

fn start(key: PrivateKey, address: [u8; 4], peer: LinkPeer) -> Node {
    let (theirs, device) = queue();
    start_with(vec![theirs], device, key, address, peer)
}

fn start_with(
    queues: Vec<OwnedFd>,
    device: UnixDatagram,
    key: PrivateKey,
    address: [u8; 4],
    peer: LinkPeer,
) -> Node {
    let gate = Arc::new(Gate::open());
    let link = Link::start(LinkConfig {
        tun: Tun::of_sockets(queues),
        key,
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        mark: None,
        mtu: 1_420,
        peers: vec![peer],
        gate: Arc::clone(&gate),
    });
    Node {
        link: link.unwrap(),
        gate,
        device,
        address: address.into(),
    }
}

/// Two nodes: only the first knows where the other is.
fn two() -> (Node, Node) {
    let (left, right) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let known = |key: &PrivateKey, prefix: &str, endpoint| LinkPeer {
        key: key.public(),
        endpoint,
        prefixes: vec![prefix.parse().unwrap()],
        keep_alive: None,
    };
    let to_left = known(&left, "10.0.1.0/24", None);
    let mut to_right = known(&right, "10.0.2.0/24", None);
    let right = start(right, [10, 0, 2, 1], to_left);
    to_right.endpoint = Some(right.link.local_addr().unwrap());
    (start(left, [10, 0, 1, 1], to_right), right)
}

/// A UDP packet of the kernel of `from`.
fn packet(from: Ipv4Addr, to: Ipv4Addr, number: u8) -> Vec<u8> {
    let mut packet = vec![number; 128];
    packet[..12].copy_from_slice(&[0x45, 0, 0, 128, 0, number, 0x40, 0, 64, 17, 0, 0]);
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet
}

impl Node {
    fn write(&self, packet: &[u8]) {
        let whole = [&VnetHeader::default().write()[..], packet].concat();
        self.device.send(&whole).unwrap();
    }

    fn read(&self) -> Vec<u8> {
        let mut buffer = vec![0; 70_000];
        let bytes = self.device.recv(&mut buffer).unwrap();
        buffer[VnetHeader::BYTES..bytes].to_vec()
    }

    fn send(&self, to: &Node, number: u8) -> Vec<u8> {
        let packet = packet(self.address, to.address, number);
        self.write(&packet);
        packet
    }

    fn dropped(&self, kind: Dropped) -> u64 {
        let all = self.link.stats().dropped;
        all.into_iter().find(|(dropped, _)| *dropped == kind).unwrap().1
    }

    fn wait_for_dropped(&self, kind: Dropped, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.dropped(kind) < count {
            assert!(Instant::now() < deadline, "nothing was dropped as {kind}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn packets_pass_both_ways_once_one_side_has_dialled() {
    let (left, right) = two();
    let first = left.send(&right, 1);
    assert_eq!(right.read(), first);
    let answer = right.send(&left, 2);
    assert_eq!(left.read(), answer);
    let there = right.link.stats().peers[0].endpoint.unwrap();
    assert_eq!(there.remote, left.link.local_addr().unwrap());
}

#[test]
fn packets_stay_in_order() {
    let (left, right) = two();
    for number in 0..100 {
        left.send(&right, number);
    }
    for number in 0..100 {
        assert_eq!(right.read(), packet(left.address, right.address, number));
    }
}

#[test]
fn nothing_of_the_site_passes_while_the_gate_is_shut() {
    let (left, right) = two();
    left.send(&right, 1);
    right.read();

    left.gate.close();
    left.send(&right, 2);
    left.wait_for_dropped(Dropped::NotForwarding, 1);
    right.send(&left, 3);
    left.wait_for_dropped(Dropped::NotForwarding, 2);

    left.gate.set_until(BootTime::NEVER);
    let passed = left.send(&right, 4);
    assert_eq!(right.read(), passed);
    let back = right.send(&left, 5);
    assert_eq!(left.read(), back);
}

#[test]
fn the_nodes_own_packets_pass_while_those_of_its_site_do_not() {
    let (left, right) = two();
    left.send(&right, 1);
    right.read();

    left.gate.set_until(BootTime::now());
    left.gate.set_own(vec![left.address.into()]);
    let host: Ipv4Addr = [10, 0, 1, 9].into();
    left.write(&packet(host, right.address, 2));
    left.wait_for_dropped(Dropped::NotForwarding, 1);
    right.write(&packet(right.address, host, 3));
    left.wait_for_dropped(Dropped::NotForwarding, 2);

    let passed = left.send(&right, 4);
    assert_eq!(right.read(), passed);
    let back = right.send(&left, 5);
    assert_eq!(left.read(), back);
}

#[test]
fn what_waits_for_a_handshake_when_the_gate_shuts_does_not_pass() {
    let (left, right) = two();
    left.link.set_hub(([127, 0, 0, 1], 9).into());
    left.send(&right, 1);
    let deadline = Instant::now() + PATIENCE;
    while left.dropped(Dropped::NotForwarding) == 0 {
        assert!(Instant::now() < deadline, "the packet does not wait");
        left.gate.set_until(BootTime::NEVER);
        left.gate.close();
    }
    left.link.set_hub(right.link.local_addr().unwrap());
    left.gate.set_until(BootTime::NEVER);
    let passed = left.send(&right, 2);
    assert_eq!(right.read(), passed);
}

#[test]
fn every_queue_of_a_device_leads_to_the_peers() {
    let (left_key, right_key) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let to = |key: &PrivateKey, endpoint| LinkPeer {
        key: key.public(),
        endpoint,
        prefixes: vec!["10.0.0.0/8".parse().unwrap()],
        keep_alive: None,
    };
    let right = start(right_key.clone(), [10, 0, 2, 1], to(&left_key, None));
    let ((first, device), (second, other)) = (queue(), queue());
    let peer = to(&right_key, right.link.local_addr().ok());
    let left = start_with(vec![first, second], device, left_key, [10, 0, 1, 1], peer);
    let passed = left.send(&right, 1);
    assert_eq!(right.read(), passed);
    let passed = packet(left.address, right.address, 2);
    other
        .send(&[&VnetHeader::default().write()[..], &passed].concat())
        .unwrap();
    assert_eq!(right.read(), passed);
}

#[test]
fn a_packet_from_an_address_that_is_not_behind_its_sender_is_dropped() {
    let (left, right) = two();
    left.write(&packet([10, 0, 2, 9].into(), right.address, 1));
    right.wait_for_dropped(Dropped::ForeignSource, 1);
    let passed = left.send(&right, 2);
    assert_eq!(right.read(), passed);
}

#[test]
fn a_packet_that_leads_nowhere_is_dropped() {
    let (left, right) = two();
    left.write(&packet(left.address, [192, 0, 2, 1].into(), 1));
    left.write(b"not a packet");
    left.wait_for_dropped(Dropped::NoRoute, 2);
    // The right one does not know yet where the left one is.
    right.send(&left, 1);
    right.wait_for_dropped(Dropped::NoSession, 1);
}

#[test]
fn a_peer_that_moved_is_dialled_at_its_new_place() {
    let (left, right) = two();
    left.link.set_hub(([127, 0, 0, 1], 9).into());
    left.send(&right, 1);
    left.link.set_hub(right.link.local_addr().unwrap());
    let (waited, later) = (packet(left.address, right.address, 1), left.send(&right, 2));
    assert_eq!([right.read(), right.read()], [waited, later]);
    assert!(
        !left
            .link
            .set_endpoint(PeerKey::from_bytes([9; 32]), ([127, 0, 0, 1], 9).into())
    );
}

#[test]
fn what_is_no_message_is_dropped_and_holds_up_nothing() {
    let (left, right) = two();
    let stranger = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = right.link.local_addr().unwrap();
    stranger.send_to(b"hello", to).unwrap();
    stranger
        .send_to(&[&[4, 0, 0, 0][..], &[7; 60]].concat(), to)
        .unwrap();
    right.wait_for_dropped(Dropped::Malformed, 1);
    right.wait_for_dropped(Dropped::UnknownSession, 1);
    let passed = left.send(&right, 1);
    assert_eq!(right.read(), passed);
}

#[test]
fn a_stopped_link_leaves_no_thread() {
    let (left, right) = two();
    left.send(&right, 1);
    right.read();
    left.link.stop();
    assert!(left.device.send(&[0; 30]).is_err(), "the device is closed");
}

#[test]
fn packets_pass_while_the_node_changes_its_key() {
    let (left, right) = two();
    let first = left.send(&right, 1);
    assert_eq!(right.read(), first);
    // The far end does not know the new key: what it knows the node by stays in use.
    left.link.set_key(PrivateKey::generate().unwrap());
    for number in 2..10 {
        let packet = left.send(&right, number);
        assert_eq!(right.read(), packet);
        let packet = right.send(&left, number);
        assert_eq!(left.read(), packet);
    }
    assert_eq!(left.dropped(Dropped::NoSession), 0);
}
