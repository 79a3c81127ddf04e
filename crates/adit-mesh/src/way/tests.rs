use proptest::{collection::vec, prelude::*};

use super::*;
use CarrierKind::{Quic, Tls};

/// How long the path takes there and back.
const PATH: Duration = Duration::from_millis(20);
/// How long the opening of a carrier takes, and how long one that cannot be opened is waited for.
const OPENING: Duration = Duration::from_millis(60);
const FAILING: Duration = Duration::from_secs(3);

/// What gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Paths {
    udp: bool,
    quic: bool,
    tls: bool,
}

const ALL: Paths = Paths {
    udp: true,
    quic: true,
    tls: true,
};
const NO_UDP: Paths = Paths { udp: false, ..ALL };
const ONLY_TLS: Paths = Paths {
    udp: false,
    quic: false,
    tls: true,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    HeardByUdp,
    HeardByCarrier(CarrierKind),
    Opened(CarrierKind),
    Failed(CarrierKind),
}

/// A node, a hub and what lies between, in invented time.
struct World {
    start: Instant,
    now: Instant,
    ways: Ways,
    /// As the link has it: where datagrams go.
    sends_by: Way,
    paths: Paths,
    coming: Vec<(Instant, Event)>,
    changes: Vec<(Duration, Way)>,
    acts: usize,
}

impl World {
    fn new(paths: Paths, timing: Timing, places: usize) -> Self {
        let start = Instant::now();
        let mut world = Self {
            start,
            now: start,
            ways: Ways::new(timing, places, true, start),
            sends_by: Way::Udp,
            paths,
            coming: Vec::new(),
            changes: Vec::new(),
            acts: 0,
        };
        world.act(Act::Dial(0));
        world
    }

    fn gets_through(&self, way: Way) -> bool {
        match way {
            Way::Udp => self.paths.udp,
            Way::Quic => self.paths.quic,
            Way::Tls => self.paths.tls,
        }
    }

    fn later(&mut self, after: Duration, event: Event) {
        self.coming.push((self.now + after, event));
    }

    fn act(&mut self, act: Act) {
        self.acts += 1;
        match act {
            Act::Ask => self.speak(self.sends_by),
            Act::Dial(_) => {
                self.sends_by = Way::Udp;
                self.speak(Way::Udp);
            }
            Act::Probe(_) => self.speak(Way::Udp),
            Act::Take(kind) => {
                self.sends_by = kind.into();
                self.speak(kind.into());
            }
            Act::Open(kind) if self.gets_through(kind.into()) => self.later(OPENING, Event::Opened(kind)),
            Act::Open(kind) => self.later(FAILING, Event::Failed(kind)),
            Act::Close(kind) => self
                .coming
                .retain(|(_, event)| ![Event::Opened(kind), Event::Failed(kind)].contains(event)),
        }
    }

    fn speak(&mut self, way: Way) {
        if !self.gets_through(way) {
            return;
        }
        self.later(
            PATH,
            match way {
                Way::Udp => Event::HeardByUdp,
                Way::Quic => Event::HeardByCarrier(Quic),
                Way::Tls => Event::HeardByCarrier(Tls),
            },
        );
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::HeardByUdp if self.ways.way() == Way::Udp => self.ways.handle_answer(self.now),
            Event::HeardByUdp => {
                // Only handshakes are answered there then.
                self.sends_by = Way::Udp;
                self.ways.handle_returned(self.now);
            }
            Event::HeardByCarrier(kind) if self.ways.way() == kind.into() => {
                self.ways.handle_answer(self.now);
            }
            Event::HeardByCarrier(_) => {}
            Event::Opened(kind) => self.ways.handle_opened(kind, self.now),
            Event::Failed(kind) => self.ways.handle_failed(kind, self.now),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(20);
            let now = self.now;
            self.coming.sort();
            let due = self.coming.partition_point(|(at, _)| *at <= now);
            for (_, event) in self.coming.drain(..due).collect::<Vec<_>>() {
                self.hear(event);
            }
            if (self.now - self.start)
                .as_millis()
                .is_multiple_of(TICK.as_millis())
            {
                self.ways.handle_tick(self.now);
            }
            let mut burst = 0;
            while let Some(act) = self.ways.poll_act() {
                self.act(act);
                burst += 1;
                assert!(burst < 10, "it never rests");
            }
            assert_eq!(self.sends_by, self.ways.way(), "the link and the decision agree");
            if self.changes.last().map_or(Way::Udp, |(_, way)| *way) != self.ways.way() {
                self.changes.push((self.now - self.start, self.ways.way()));
            }
        }
    }

    /// How long it takes until this way is taken.
    fn time_until(&mut self, way: Way) -> Duration {
        let began = self.now;
        while self.ways.way() != way {
            assert!(self.now - began < Duration::from_secs(1000), "never on {way}");
            self.run(Duration::from_millis(20));
        }
        self.now - began
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn where_udp_gets_through_nothing_else_is_tried() {
    let mut world = World::new(ALL, Timing::default(), 2);
    world.run(seconds(300));
    assert_eq!(world.changes, []);
    assert!(world.acts < 320, "{} questions in 300 s", world.acts);
}

#[test]
fn without_udp_quic_is_taken_and_without_that_tls_within_five_seconds() {
    for (paths, way) in [(NO_UDP, Way::Quic), (ONLY_TLS, Way::Tls)] {
        // At the start, and in the midst.
        let mut world = World::new(paths, Timing::default(), 1);
        assert!(world.time_until(way) <= seconds(4));
        for before in [seconds(10), Duration::from_millis(10_900)] {
            let mut world = World::new(ALL, Timing::default(), 1);
            world.run(before);
            world.paths = paths;
            assert!(world.time_until(way) <= seconds(4));
        }
    }
}

#[test]
fn when_udp_is_back_it_is_taken_again_within_a_probe_and_carriers_are_closed() {
    let mut world = World::new(ONLY_TLS, Timing::default(), 3);
    world.run(seconds(100));
    assert_eq!(world.ways.way(), Way::Tls);
    world.paths = ALL;
    assert!(world.time_until(Way::Udp) <= seconds(65));
    world.run(seconds(10));
    assert!(matches!(
        (world.ways.quic, world.ways.tls),
        (Carrier::Shut { .. }, Carrier::Shut { .. })
    ));
}

#[test]
fn an_edge_that_restarts_is_met_again_over_udp() {
    let gone = Paths {
        udp: false,
        quic: false,
        tls: false,
    };
    for outage in [2_000, 2_700, 5_000, 5_400, 31_000_u64] {
        let mut world = World::new(ALL, Timing::default(), 1);
        world.run(seconds(10));
        world.paths = gone;
        world.run(Duration::from_millis(outage));
        world.paths = ALL;
        world.run(seconds(60));
        assert_eq!(world.changes, [], "{outage} ms");
    }
}

#[test]
fn quic_takes_over_from_tls_when_it_works() {
    let mut world = World::new(ONLY_TLS, Timing::default(), 1);
    world.run(seconds(10));
    world.paths = NO_UDP;
    assert!(world.time_until(Way::Quic) <= seconds(65));
    world.paths = ONLY_TLS;
    assert!(world.time_until(Way::Tls) <= seconds(8), "and back");
}

#[test]
fn udp_that_fails_again_and_again_is_probed_less_often() {
    let mut world = World::new(ONLY_TLS, Timing::default(), 1);
    let mut waits = Vec::new();
    for _ in 0..6 {
        world.time_until(Way::Tls);
        world.paths = ALL;
        waits.push(world.time_until(Way::Udp).as_secs_f32().round());
        world.paths = ONLY_TLS;
    }
    assert!(
        waits[0] <= 61.0 && waits[1] >= 100.0 && waits[5] >= 400.0,
        "{waits:?}"
    );
    world.paths = ALL;
    world.time_until(Way::Udp);
    world.run(seconds(200));
    world.paths = ONLY_TLS;
    world.time_until(Way::Tls);
    world.paths = ALL;
    assert!(
        world.time_until(Way::Udp) <= seconds(61),
        "what held for long is trusted again"
    );
}

#[test]
fn without_carriers_all_addresses_are_tried_in_turn() {
    let start = Instant::now();
    let mut ways = Ways::new(Timing::default(), 3, false, start);
    let mut acts = Vec::new();
    for tick in 0..50_u32 {
        ways.handle_tick(start + TICK * tick);
        acts.extend(std::iter::from_fn(|| ways.poll_act()));
    }
    acts.retain(|act| *act != Act::Ask);
    assert_eq!(
        acts[..4],
        [Act::Dial(0), Act::Dial(1), Act::Dial(2), Act::Dial(0)]
    );
    assert!(acts.iter().all(|act| matches!(act, Act::Dial(_))));
}

#[test]
fn a_hub_elsewhere_is_dialled_at_once() {
    let mut world = World::new(ONLY_TLS, Timing::default(), 1);
    world.run(seconds(10));
    world.paths = ALL;
    world.ways.handle_places(2, true, world.now);
    let acts: Vec<Act> = std::iter::from_fn(|| world.ways.poll_act()).collect();
    assert_eq!(acts, [Act::Close(Tls), Act::Dial(0)]);
    for act in acts {
        world.act(act);
    }
    world.run(seconds(30));
    assert_eq!(world.ways.way(), Way::Udp);
}

#[test]
fn a_hub_that_is_heard_and_does_not_answer_is_given_more_time_and_no_more() {
    let mut world = World::new(ALL, Timing::default(), 1);
    world.run(seconds(10));
    world.paths = NO_UDP;
    for _ in 0..7 {
        world.ways.handle_stir(world.now);
        world.run(Duration::from_millis(980));
    }
    assert_eq!(world.ways.way(), Way::Udp);
    for _ in 0..4 {
        world.ways.handle_stir(world.now);
        world.run(Duration::from_millis(980));
    }
    assert_eq!(world.ways.way(), Way::Quic);
}

fn paths() -> impl Strategy<Value = Paths> {
    any::<(bool, bool, bool)>().prop_map(|(udp, quic, tls)| Paths { udp, quic, tls })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happened_before_the_best_way_is_taken_in_the_end(
        episodes in vec((paths(), 1_u64..40), 1..12), last in paths(), places in 1_usize..4,
    ) {
        let mut world = World::new(ALL, Timing { probe_every: seconds(10), ..Timing::default() }, places);
        for (paths, time) in episodes {
            world.paths = paths;
            world.run(seconds(time));
        }
        world.paths = last;
        world.run(seconds(8 * 10 + 120));
        let best = [Way::Udp, Way::Quic, Way::Tls].into_iter().find(|way| world.gets_through(*way));
        if let Some(best) = best {
            prop_assert_eq!(world.ways.way(), best);
        }
    }

    #[test]
    fn a_way_that_works_is_never_left_for_a_worse_one(
        episodes in vec(paths(), 1..10),
    ) {
        let mut world = World::new(ALL, Timing::default(), 1);
        for paths in episodes {
            world.paths = Paths { udp: true, ..paths };
            world.run(seconds(7));
        }
        prop_assert_eq!(world.changes, []);
    }
}
