//! One end changes its key.

use super::*;

/// Two connected ends, and the far one once more as it is for the near one's next key.
fn three() -> (End, End, End, PrivateKey) {
    let (left, right) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let next = PrivateKey::generate().unwrap();
    let end = |own: &PrivateKey, other: &PrivateKey, at, there| {
        let host = Host::new(own.clone(), HandshakeLimits::default(), Instant::now());
        End {
            peer: Peer::new(&host, &config(other, there)),
            host,
            demux: Demux::default(),
            address: address(at),
        }
    };
    let mut near = end(&left, &right, 1, 2);
    let mut far = end(&right, &left, 2, 1);
    let initiation = near.connect();
    carry(&mut near, &mut far, initiation);
    (near, far, end(&right, &next, 2, 1), next)
}

fn config(of: &PrivateKey, at: u8) -> PeerConfig {
    PeerConfig {
        key: of.public(),
        endpoint: Some(address(at)),
        keep_alive: None,
        waiting: 4,
        mtu: 1_420,
        timing: Timing::default(),
    }
}

impl End {
    fn renew(&mut self, key: &PrivateKey, far: &End) -> Vec<Datagram> {
        self.host = self.host.with_key(key.clone(), Instant::now());
        let config = PeerConfig {
            key: far.host.public(),
            ..config(key, 2)
        };
        let mut out = SendBatch::default();
        self.peer.renew(&self.host, &config, &mut out);
        self.gone(&out)
    }
}

#[test]
fn packets_pass_both_ways_while_a_key_changes() {
    let (mut near, mut far, mut far_next, next) = three();
    let initiation = near.renew(&next, &far);
    assert!(near.peer.has_session(), "the former key carries on");

    let sent = near.send(&packet(1, 40));
    assert_eq!(carry(&mut near, &mut far, sent), [packet(1, 40)]);
    let back = far.send(&packet(2, 40));
    assert_eq!(carry(&mut far, &mut near, back), [packet(2, 40)]);
    let late = far.send(&packet(3, 40));

    carry(&mut near, &mut far_next, initiation);
    let sent = near.send(&packet(4, 40));
    assert_eq!(carry(&mut near, &mut far_next, sent), [packet(4, 40)]);
    let back = far_next.send(&packet(5, 40));
    assert_eq!(carry(&mut far_next, &mut near, back), [packet(5, 40)]);
    assert_eq!(
        carry(&mut far, &mut near, late),
        [packet(3, 40)],
        "it was on its way"
    );
}

#[test]
fn a_former_key_is_forgotten_some_seconds_after_the_new_one_has_a_session() {
    let (mut near, mut far, mut far_next, next) = three();
    let initiation = near.renew(&next, &far);
    let ticks = 5_000 / TICK.as_millis();
    for _ in 0..2 * ticks {
        near.tick();
    }
    let back = far.send(&packet(1, 40));
    assert_eq!(
        carry(&mut far, &mut near, back),
        [packet(1, 40)],
        "nothing has replaced it"
    );

    carry(&mut near, &mut far_next, initiation);
    for _ in 0..ticks {
        near.tick();
    }
    let late = far.send(&packet(2, 40));
    assert!(near.take(far.address, &late[0]).is_err());
    assert!(near.peer.has_session());
}

#[test]
fn a_key_that_changes_again_before_its_first_session_leaves_packets_with_the_one_that_has_one() {
    let (mut near, mut far, mut far_next, next) = three();
    near.renew(&PrivateKey::generate().unwrap(), &far);
    let initiation = near.renew(&next, &far);
    let sent = near.send(&packet(1, 40));
    assert_eq!(carry(&mut near, &mut far, sent), [packet(1, 40)]);
    carry(&mut near, &mut far_next, initiation);
    let sent = near.send(&packet(2, 40));
    assert_eq!(carry(&mut near, &mut far_next, sent), [packet(2, 40)]);
}

#[test]
fn a_handshake_for_the_former_key_is_dropped() {
    let (mut near, mut far, _, next) = three();
    near.renew(&next, &far);
    let initiation = far.connect();
    assert!(near.take(far.address, &initiation[0]).is_err());
}
