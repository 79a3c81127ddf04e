//! What forgers, replayers and floods get.

use std::net::UdpSocket;

use super::*;

#[test]
fn replayed_and_forged_datagrams_are_dropped_and_move_nobody() {
    let mut world = World::new(1);
    world.a.send(&packets::udp(A, B, 64, b"once"));
    assert!(!world.b.receive().is_empty());
    let genuine = world.a.sent.last().unwrap().clone();
    let before = world.hub.endpoint(&world.a.key());

    let thief = UdpSocket::bind("127.0.0.1:0").unwrap();
    thief.send_to(&genuine, world.hub.address()).unwrap();
    until("the replay is dropped", || {
        world.dropped(Dropped::Rejected(Rejected::Replay)) == 1
    });
    for at in [8, 20, genuine.len() - 1] {
        let mut forged = genuine.clone();
        forged[at] ^= 1;
        thief.send_to(&forged, world.hub.address()).unwrap();
    }
    until("what was forged is dropped", || {
        world.dropped(Dropped::Rejected(Rejected::Forged))
            + world.dropped(Dropped::Rejected(Rejected::Replay))
            == 4
    });
    // The first messages of all handshakes, from somewhere else.
    for datagram in world.a.sent.iter().filter(|datagram| datagram[0] == 1) {
        thief.send_to(datagram, world.hub.address()).unwrap();
    }
    until("the handshake is dropped", || {
        world.dropped(Dropped::Rejected(Rejected::Replay))
            + world.dropped(Dropped::Rejected(Rejected::Forged))
            == 5
    });
    assert_eq!(world.hub.endpoint(&world.a.key()), before);
    world.works();
}

#[test]
fn datagrams_of_strangers_are_counted_and_nothing_else_happens() {
    let mut world = World::new(1);
    let mut stranger = Client::of(&world.hub);
    stranger.begin();
    until("the stranger is dropped", || {
        world.dropped(Dropped::Stranger) == 1
    });
    stranger.throw(b"GET / HTTP/1.1\r\n\r\n");
    stranger.throw(&[]);
    stranger.throw(&[4; 3]);
    until("the rest is dropped", || {
        world.dropped(Dropped::Rejected(Rejected::Malformed)) >= 2
    });
    let mut foreign = stranger.sent[0].clone();
    foreign[120] ^= 1;
    stranger.throw(&foreign);
    until("a handshake for another key is dropped", || {
        world.dropped(Dropped::Rejected(Rejected::ForeignKey)) == 1
    });
    let mut nobodys = vec![4, 0, 0, 0, 1, 2, 3, 4];
    nobodys.resize(80, 0);
    stranger.throw(&nobodys);
    until("a session of nobody is dropped", || {
        world.dropped(Dropped::Stranger) == 2
    });
    world.works();
}

#[test]
fn every_beginning_of_a_datagram_is_harmless() {
    let mut world = World::new(1);
    world.a.send(&packets::udp(A, B, 64, b"whole"));
    assert!(!world.b.receive().is_empty());
    let datagrams = world.a.sent.clone();
    for datagram in &datagrams {
        for end in 0..datagram.len() {
            world.a.throw(&datagram[..end]);
        }
    }
    world.works();
}

#[test]
fn a_flood_of_handshakes_leaves_everyone_elses_packets_alone() {
    let limits = HandshakeLimits {
        per_address: 5,
        total: 10,
        proven: 10,
        examined: 50,
    };
    let mut world = World::with(HubConfig {
        handshakes: limits,
        ..config(1)
    });
    let mut stranger = Client::of(&world.hub);
    let began = std::time::Instant::now();
    // More than is answered, then more than is looked at; no more at once than the socket holds.
    until("some are not looked at", || {
        for _ in 0..100 {
            stranger.begin();
        }
        world.works();
        world.dropped(Dropped::Rejected(Rejected::Flood)) > 0
    });
    let seconds = began.elapsed().as_secs() + 2;
    let paid_for = world.dropped(Dropped::Stranger);
    assert!(paid_for <= 10 * seconds, "few cost more than a hash: {paid_for}");
    world.works();
}
