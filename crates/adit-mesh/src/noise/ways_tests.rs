//! Which way a peer goes with, where UDP and carriers meet.

use std::{net::SocketAddr, time::Instant};

use bytes::BytesMut;

use super::*;
use crate::{
    carrier::{Board, Line},
    udp::{Endpoint, SendBatch},
};

/// One end, and how it is reached.
struct Side {
    host: Host,
    peer: Peer,
    demux: Demux<()>,
    udp: Endpoint,
    line: Line,
}

type Sent = Vec<(Endpoint, Vec<u8>)>;

impl Side {
    /// What a call on the peer sends, and by which way.
    fn does(&mut self, act: impl FnOnce(&mut Peer, &mut SendBatch)) -> Sent {
        let mut out = SendBatch::default();
        act(&mut self.peer, &mut out);
        if let Some(index) = self.peer.take_index() {
            self.demux.learn(index, ());
        }
        let sent = out.datagrams().map(|(to, bytes)| (to, bytes.to_vec()));
        sent.collect()
    }

    /// Takes these in as coming from there; what is answered, and where to.
    fn takes(&mut self, from: Endpoint, sent: Sent) -> Sent {
        let mut answers = Vec::new();
        for (_, datagram) in sent {
            let incoming = self.host.classify(from.remote, &datagram, Instant::now());
            let (Incoming::Initiation { message, .. } | Incoming::Indexed { message, .. }) =
                incoming.unwrap()
            else {
                panic!("a challenge");
            };
            answers.extend(self.does(|peer, out| {
                peer.receive(from, message, out).unwrap();
            }));
        }
        answers
    }
}

/// A node, which leads, and a hub.
fn sides() -> (Side, Side) {
    let hosts = [(); 2].map(|()| {
        Host::new(
            PrivateKey::generate().unwrap(),
            HandshakeLimits::default(),
            Instant::now(),
        )
    });
    let keys = [hosts[1].public(), hosts[0].public()];
    let [mut node, hub] = [1, 2]
        .into_iter()
        .zip(hosts)
        .zip(keys)
        .map(|((last, host), key)| {
            let config = PeerConfig {
                key,
                endpoint: None,
                keep_alive: None,
                waiting: 4,
                mtu: 1_420,
                timing: Timing::default(),
            };
            let address = SocketAddr::from(([192, 0, 2, last], 51_820));
            Side {
                peer: Peer::new(&host, &config),
                host,
                demux: Demux::default(),
                udp: address.into(),
                line: Board::new().0.open(address).unwrap(),
            }
        })
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| unreachable!());
    node.peer.lead();
    node.peer.set_endpoint(hub.udp);
    (node, hub)
}

/// A session by UDP.
fn connected() -> (Side, Side) {
    let (mut node, mut hub) = sides();
    let initiation = node.does(Peer::connect);
    let response = hub.takes(node.udp, initiation);
    let done = node.takes(hub.udp, response);
    hub.takes(node.udp, done);
    assert_eq!(hub.peer.endpoint(), Some(node.udp));
    (node, hub)
}

/// The same, by a carrier since.
fn carried() -> (Side, Side) {
    let (mut node, mut hub) = connected();
    let (at_node, at_hub) = (node.line.endpoint(), hub.line.endpoint());
    node.peer.set_endpoint(at_node);
    let question = node.does(Peer::ask);
    assert_eq!(question[0].0, at_node);
    let answer = hub.takes(at_hub, question);
    assert_eq!(answer[0].0, at_hub, "an answer goes back the same way");
    assert_eq!(hub.peer.endpoint(), Some(at_hub), "the hub goes with the node");
    assert!(node.takes(at_node, answer).is_empty());
    assert_eq!(node.peer.stats().answers_by_carrier, 1);
    (node, hub)
}

#[test]
fn what_comes_late_by_the_way_that_was_left_leads_nobody_back() {
    let (mut node, mut hub) = carried();
    let late = hub.does(|peer, out| peer.send(packet(), out).unwrap());
    node.takes(hub.udp, late);
    assert_eq!(node.peer.endpoint(), Some(node.line.endpoint()));
}

#[test]
fn an_unanswered_probe_changes_nothing_at_either_end() {
    let (mut node, mut hub) = carried();
    let to = hub.udp;
    let probe = node.does(|peer, out| peer.probe(to, out));
    assert_eq!(probe[0].0, to);
    let response = hub.takes(node.udp, probe);
    assert_eq!(response[0].0, node.udp, "answered where it came from");
    assert_eq!(hub.peer.endpoint(), Some(hub.line.endpoint()));
    assert_eq!(node.peer.endpoint(), Some(node.line.endpoint()));
    // The old session goes on.
    let question = node.does(Peer::ask);
    let at_hub = hub.line.endpoint();
    assert_eq!(hub.takes(at_hub, question).len(), 1);
}

#[test]
fn an_answered_probe_leads_both_ends_back_to_udp() {
    let (mut node, mut hub) = carried();
    let to = hub.udp;
    let probe = node.does(|peer, out| peer.probe(to, out));
    let response = hub.takes(node.udp, probe);
    let done = node.takes(hub.udp, response);
    assert_eq!(node.peer.endpoint(), Some(hub.udp));
    assert_eq!(done[0].0, hub.udp);
    hub.takes(node.udp, done);
    assert_eq!(hub.peer.endpoint(), Some(node.udp));
}

#[test]
fn without_a_session_a_question_is_a_handshake() {
    let (mut node, mut hub) = sides();
    let sent = node.does(Peer::ask);
    assert_eq!(hub.takes(node.udp, sent).len(), 1);
}

fn packet() -> BytesMut {
    let mut packet = BytesMut::zeroed(32);
    packet[0] = 0x45;
    packet[3] = 32;
    packet
}
