use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{peer::Peer, *};
use crate::hub::packet::samples;

const WINDOW: usize = 16 * 1024;
const MTU: u16 = 1280;

fn ends(six: bool) -> (SocketAddr, SocketAddr) {
    if six {
        (
            "[fd00:a::5]:4000".parse().unwrap(),
            "[fd00:b::7]:80".parse().unwrap(),
        )
    } else {
        ("10.10.0.5:4000".parse().unwrap(), "10.20.0.7:80".parse().unwrap())
    }
}

/// What a wire does to packets, one after the other, and then no more: 0 loses, 1 doubles, 2 to 5 delay, others nothing.
/// A wire that did so for ever could lose every copy of one segment.
type Faults = Vec<u8>;

/// Both ends, the wire between them, and the time.
struct World {
    end: Option<TcpEnd>,
    peer: Peer,
    now: Instant,
    began: Instant,
    faults: Faults,
    sent: usize,
    /// On the way, by when they arrive; to the peer or not.
    flying: BTreeMap<(Instant, usize), (bool, BytesMut)>,
    destination: SocketAddr,
    longest: usize,
    /// Whether the far end has more at every time.
    is_endless: bool,
    /// The end's.
    got: Vec<u8>,
    /// The peer's.
    peer_got: Vec<u8>,
}

impl World {
    fn new(six: bool, faults: Faults) -> Self {
        let (from, destination) = ends(six);
        let now = Instant::now();
        Self {
            end: None,
            peer: Peer::connect(from, destination, MTU.into(), now),
            now,
            began: now,
            faults,
            sent: 0,
            flying: BTreeMap::new(),
            destination,
            longest: 0,
            is_endless: false,
            got: Vec::new(),
            peer_got: Vec::new(),
        }
    }

    /// With the handshake done.
    fn open() -> Self {
        let mut world = Self::new(false, Vec::new());
        world.until("open", |world| {
            world.end.as_ref().is_some_and(TcpEnd::is_open) && world.peer.socket().may_send()
        });
        world
    }

    fn end(&mut self) -> &mut TcpEnd {
        self.end.as_mut().unwrap()
    }

    fn fly(&mut self, to_peer: bool, packet: BytesMut) {
        self.sent += 1;
        let fault = self.faults.get(self.sent).copied().unwrap_or(u8::MAX);
        let delay = match fault {
            0 => return,
            2..=5 => 7 * u64::from(fault),
            _ => 1,
        };
        let at = self.now + Duration::from_millis(delay);
        if fault == 1 {
            let later = at + Duration::from_millis(3);
            self.flying
                .insert((later, self.sent + 1_000_000), (to_peer, packet.clone()));
        }
        self.flying.insert((at, self.sent), (to_peer, packet));
    }

    /// Everything that happens now, then on to when something does.
    fn step(&mut self) {
        while let Some(first) = self.flying.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            let (to_peer, packet) = first.remove();
            if to_peer {
                self.peer.take(&packet);
            } else if let Some(end) = &mut self.end {
                end.take(packet);
            } else {
                let now = self.now;
                self.end = TcpEnd::accept(packet, self.destination, WINDOW, MTU, 9, now);
            }
        }
        for packet in self.peer.poll(self.now) {
            self.fly(false, packet);
        }
        let (now, mut made) = (self.now, Vec::new());
        if let Some(end) = &mut self.end {
            end.ingress(now);
            if self.is_endless && end.is_open() {
                end.write(|place| place.len());
            }
            made = end.egress(now, 8);
        }
        for packet in made {
            self.longest = self.longest.max(packet.len());
            self.fly(true, packet);
        }
        let next = [
            self.flying.keys().next().map(|(at, _)| *at),
            self.end.as_mut().and_then(|end| end.next(now)),
            self.peer.next(now),
        ];
        let next = next.into_iter().flatten().min();
        let least = now + Duration::from_micros(100);
        self.now = next.unwrap_or(now + Duration::from_secs(1)).max(least);
    }

    /// Reads what there is on both sides.
    fn read(&mut self) {
        if let Some(end) = &mut self.end {
            while end.incoming() == Incoming::Bytes {
                end.read(|bytes| {
                    self.got.extend_from_slice(bytes);
                    bytes.len()
                });
            }
        }
        let socket = self.peer.socket();
        while socket.can_recv() {
            socket
                .recv(|bytes| (self.peer_got.extend_from_slice(bytes), (bytes.len(), ())).1)
                .unwrap();
        }
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        for _ in 0..200_000 {
            if is_so(self) {
                return;
            }
            self.step();
        }
        panic!("never: {what}; {:?} have passed", self.now - self.began);
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

/// Writes what is left of something.
fn write_down(end: &mut TcpEnd, all: &[u8], done: &mut usize) {
    while end.room() > 0 && *done < all.len() {
        end.write(|place| {
            let count = place.len().min(all.len() - *done);
            place[..count].copy_from_slice(&all[*done..*done + count]);
            *done += count;
            count
        });
    }
}

/// Bytes both ways and both ends. The member ends first, or last.
fn both_ways(faults: Faults, up: usize, down: usize, six: bool, member_first: bool) {
    let (up, down) = (bytes(up), bytes(down));
    let (mut upped, mut downed) = (0, 0);
    let mut world = World::new(six, faults);
    world.until("both have everything", |world| {
        world.read();
        let up_done = world.got.len() == up.len();
        let socket = world.peer.socket();
        if socket.can_send() {
            upped += socket.send_slice(&up[upped..]).unwrap();
        }
        let may_end = member_first || world.peer_got.len() == down.len();
        if upped == up.len() && may_end && world.peer.socket().may_send() {
            world.peer.socket().close();
        }
        if let Some(end) = world.end.as_mut().filter(|end| end.is_open()) {
            write_down(end, &down, &mut downed);
            if downed == down.len() && (!member_first || up_done) {
                end.finish();
            }
        }
        let ended = world
            .end
            .as_mut()
            .is_some_and(|end| end.incoming() == Incoming::End);
        up_done && ended && world.peer_got.len() == down.len() && !world.peer.socket().may_recv()
    });
    assert!(world.got == up && world.peer_got == down);
    assert!(world.longest <= MTU.into());
    world.until("the end is over", |world| world.end().is_over());
}

#[test]
fn two_ends_that_have_both_gone_back_agree_again() {
    // Both have sent again what the other has, and lost an acknowledgement of it.
    let faults = [
        0, 1, 1, 6, 1, 2, 6, 2, 3, 6, 6, 6, 6, 0, 0, 6, 0, 2, 2, 2, 2, 2, 2, 5, 3, 0, 0,
    ];
    both_ways(faults.to_vec(), 3660, 8149, true, false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_arrive_whole_both_ways_and_both_sides_end_whatever_the_wire_does(
        faults in prop::collection::vec(0_u8..20, 0..400),
        up in 0_usize..60_000,
        down in 0_usize..60_000,
        six: bool,
        member_first: bool,
    ) {
        both_ways(faults, up, down, six, member_first);
    }

    #[test]
    fn no_segment_panics_whatever_its_numbers_and_options_are(
        segments in prop::collection::vec((
            any::<u8>(),
            any::<[u16; 3]>(),
            prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 3, 4, 5, 8, 10, 14, 255]), 0..40),
            any::<[i16; 2]>(),
            0_usize..100,
        ), 1..30),
        wait in 0_u64..3000,
    ) {
        let mut world = World::open();
        world.end().write(|place| { place.fill(1); place.len() });
        for _ in 0..20 {
            world.step();
        }
        // Numbers near those that count, so that something comes of them.
        let later = world.now + Duration::from_secs(50);
        let sample = world.end().egress(later, 8);
        let (theirs, ours) = sample.first().map_or((0, 0), |packet| {
            let at = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
            (at(28), at(24))
        });
        let mut now = later;
        for (flags, [window, urgent, far], mut options, [sequence, acknowledged], payload) in segments {
            options.resize(options.len() / 4 * 4, 1);
            let far = if far % 8 == 0 { u32::from(far) << 16 } else { 0 };
            let number = |near: u32, by: i16| near.wrapping_add_signed(by.into()).wrapping_add(far);
            let words = u8::try_from(5 + options.len() / 4).unwrap();
            let upper = [
                &[0x0f, 0xa0, 0, 80][..],
                &number(theirs, sequence / 64).to_be_bytes(),
                &number(ours, acknowledged / 64).to_be_bytes(),
                &[words << 4, flags],
                &window.to_be_bytes(),
                &[0, 0],
                &urgent.to_be_bytes(),
                &options,
                &vec![7; payload],
            ].concat();
            let packet = samples::tcp("10.10.0.5", "10.20.0.7", upper);
            let end = world.end();
            end.take(BytesMut::from(&packet[..]));
            end.ingress(now);
            end.read(|bytes| bytes.len() / 2);
            end.egress(now, 8);
            now += Duration::from_millis(wait);
        }
    }
}

#[test]
fn a_member_that_has_ended_still_gets_what_the_far_end_says() {
    let mut world = World::open();
    world.peer.socket().send_slice(b"the question").unwrap();
    world.peer.socket().close();
    world.until("the end of the question", |world| {
        world.read();
        world.end().incoming() == Incoming::End
    });
    let answer = bytes(100_000);
    let mut done = 0;
    world.until("the answer", |world| {
        write_down(world.end(), &answer, &mut done);
        world.read();
        world.peer_got.len() == answer.len()
    });
    assert!(!world.end().is_over());
    world.end().finish();
    world.until("the end", |world| {
        world.end().is_over() && !world.peer.socket().may_recv()
    });
    assert_eq!(
        (&world.got[..], &world.peer_got[..]),
        (&b"the question"[..], &answer[..])
    );
}

#[test]
fn nothing_is_taken_that_nobody_reads_and_nothing_is_lost_by_that() {
    let mut world = World::open();
    let up = bytes(200_000);
    let mut upped = 0;
    for _ in 0..2_000 {
        let socket = world.peer.socket();
        upped += socket.send_slice(&up[upped..]).unwrap();
        world.step();
    }
    assert!(upped <= WINDOW + 64 * 1024, "both buffers are full: {upped}");
    world.until("everything", |world| {
        world.read();
        upped += world.peer.socket().send_slice(&up[upped..]).unwrap();
        world.got.len() == up.len()
    });
    assert!(world.got == up);
}

#[test]
fn a_reset_of_either_side_ends_the_other_at_once() {
    let mut world = World::open();
    world.peer.socket().abort();
    world.until("the member's reset", |world| world.end().is_over());
    assert_eq!(world.end().incoming(), Incoming::Over);

    let mut world = World::open();
    let before = world.now;
    world.end().write(|place| place.len());
    world.end().reset();
    assert!(world.end().is_over());
    world.until("the far end's reset", |world| !world.peer.socket().is_open());
    assert!(world.now - before < Duration::from_millis(100));
}

#[test]
fn a_handshake_that_is_not_completed_ends() {
    let mut world = World::new(false, Vec::new());
    let (now, destination) = (world.now, world.destination);
    let syn = world.peer.poll(now).remove(0);
    let mut end = TcpEnd::accept(syn, destination, WINDOW, MTU, 1, now).unwrap();
    let mut at = now;
    let mut answers = 0;
    while !end.is_over() {
        answers += end.egress(at, 8).len();
        assert!(!end.is_open() && at < now + Duration::from_secs(11));
        at = end.next(at).unwrap_or(at).max(at + Duration::from_millis(1));
        end.ingress(at);
    }
    assert!(
        (2..10).contains(&answers),
        "it is said again, and not often: {answers}"
    );
}

#[test]
fn a_member_that_vanishes_or_takes_nothing_is_let_go() {
    let mut world = World::open();
    let began = world.now;
    let mut at = began;
    let end = world.end();
    while !end.is_over() {
        end.egress(at, 8);
        at = end.next(at).unwrap_or(at).max(at + Duration::from_millis(1));
        end.ingress(at);
    }
    assert!((began + Duration::from_secs(100)..began + Duration::from_secs(130)).contains(&at));

    let mut world = World::open();
    let began = world.now;
    // It answers all the time and reads nothing.
    world.until("the end", |world| {
        let end = world.end();
        if end.room() > 0 {
            end.write(|place| place.len());
        }
        end.is_over()
    });
    let waited = world.now - began;
    assert!(
        (Duration::from_secs(100)..Duration::from_secs(200)).contains(&waited),
        "{waited:?}"
    );
}

#[test]
fn a_member_that_is_slow_is_not_let_go_however_long_it_takes() {
    let mut world = World::open();
    world.is_endless = true;
    let (began, mut last) = (world.now, world.now);
    world.until("ten minutes", |world| {
        // It reads so seldom that there is always more than it can take.
        if world.now - last >= Duration::from_secs(20) {
            last = world.now;
            world.read();
        }
        assert!(!world.end().is_over(), "{:?}", world.now - began);
        world.now - began >= Duration::from_secs(600)
    });
}

#[test]
fn a_path_that_takes_less_gets_less() {
    let mut world = World::open();
    world.end().set_mtu(700);
    let down = bytes(20_000);
    let mut done = 0;
    world.longest = 0;
    world.until("everything", |world| {
        write_down(world.end(), &down, &mut done);
        world.read();
        world.peer_got.len() == down.len()
    });
    assert!(world.peer_got == down);
    assert_eq!(world.longest, 700);
}

#[test]
fn only_a_syn_for_its_destination_begins_a_flow() {
    let now = Instant::now();
    let accept = |packet: Vec<u8>, to: &str| {
        let packet = BytesMut::from(&packet[..]);
        TcpEnd::accept(packet, to.parse().unwrap(), WINDOW, MTU, 1, now).is_some()
    };
    let syn = |flags, options: &[u8]| samples::syn("10.10.0.5", "10.20.0.7", flags, options);
    assert!(accept(syn(2, &[2, 4, 5, 180]), "10.20.0.7:2000"));
    assert!(!accept(syn(2, &[2, 4, 5, 180]), "10.20.0.8:2000"));
    assert!(!accept(syn(2, &[2, 4, 5, 180]), "10.20.0.7:2001"));
    for flags in [0x10, 0x12, 4, 0] {
        assert!(!accept(syn(flags, &[2, 4, 5, 180]), "10.20.0.7:2000"), "{flags}");
    }
    let mut damaged = syn(2, &[2, 4, 5, 180]);
    *damaged.last_mut().unwrap() ^= 1;
    assert!(!accept(damaged, "10.20.0.7:2000"));
}
