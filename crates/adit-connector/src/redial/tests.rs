//! The dialling with invented time.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn drain(redial: &mut Redial) -> Vec<Action> {
    std::iter::from_fn(|| redial.poll_action()).collect()
}

fn dials(actions: &[Action]) -> Vec<(Attempt, usize)> {
    let dial = |action: &Action| match action {
        Action::Dial { attempt, edge } => Some((*attempt, *edge)),
        Action::Abandon(_) => None,
    };
    actions.iter().filter_map(dial).collect()
}

/// Lets time pass in the steps the core asks for, and tells when it dialled.
fn run_until(redial: &mut Redial, now: &mut Instant, end: Instant) -> Vec<(Instant, usize)> {
    let mut seen = Vec::new();
    while let Some(wake) = redial.poll_timeout().filter(|wake| *wake <= end) {
        *now = wake.max(*now);
        redial.handle_timeout(*now);
        seen.extend(dials(&drain(redial)).into_iter().map(|(_, edge)| (*now, edge)));
    }
    *now = end;
    seen
}

/// A slot that is up after its first dial at `start`.
fn up(edges: usize, start: Instant) -> Redial {
    let mut redial = Redial::new(edges, 0, Patience::Follower, 7, start);
    redial.handle_timeout(start);
    let won = dials(&drain(&mut redial))[0].0;
    assert!(redial.handle_dialled(won));
    redial.handle_registered();
    redial
}

#[test]
fn a_lost_connection_is_redialled_at_once_at_the_same_edge() {
    let start = Instant::now();
    let mut redial = up(3, start);
    assert_eq!(redial.poll_timeout(), None, "nothing to do while up");
    let lost = start + 60 * SECOND;
    redial.handle_lost(false, lost);
    assert_eq!(redial.poll_timeout(), Some(lost));
    redial.handle_timeout(lost);
    assert_eq!(
        dials(&drain(&mut redial))
            .iter()
            .map(|(_, edge)| *edge)
            .collect::<Vec<_>>(),
        [0]
    );
}

#[test]
fn an_edge_that_never_takes_the_registration_is_passed_over() {
    let start = Instant::now();
    let mut redial = up(2, start);
    redial.handle_lost(true, start + SECOND);
    redial.handle_timeout(start + SECOND);
    assert_eq!(dials(&drain(&mut redial))[0].1, 1);
}

#[test]
fn an_edge_that_closes_each_connection_at_once_is_not_dialled_at_once() {
    let start = Instant::now();
    let mut redial = up(1, start);
    redial.handle_lost(false, start);
    let wake = redial.poll_timeout().unwrap();
    assert!((start + SECOND.mul_f64(0.6)..=start + SECOND.mul_f64(0.75)).contains(&wake));
}

#[test]
fn during_an_outage_of_a_minute_there_is_more_than_a_fresh_dial_each_second() {
    let start = Instant::now();
    let mut redial = up(2, start);
    let mut now = start + 10 * SECOND;
    redial.handle_lost(false, now);
    let end = now + 60 * SECOND;
    let seen = run_until(&mut redial, &mut now, end);
    assert!(
        seen.windows(2)
            .all(|pair| pair[1].0 - pair[0].0 <= SECOND.mul_f64(0.75))
    );
    assert!(seen.len() >= 80 && seen.len() <= 101, "{}", seen.len());
    let edges: Vec<usize> = seen.iter().map(|(_, edge)| *edge).take(4).collect();
    assert_eq!(
        edges,
        [0, 1, 0, 1],
        "an edge that does not answer is not the only one tried"
    );
}

#[test]
fn a_long_outage_is_dialled_ever_less_but_every_fifteen_seconds() {
    let start = Instant::now();
    let mut redial = up(1, start);
    let mut now = start;
    redial.handle_lost(false, now);
    let seen = run_until(&mut redial, &mut now, start + 600 * SECOND);
    let last = seen.windows(2).last().unwrap();
    let gap = last[1].0 - last[0].0;
    assert!((12 * SECOND..=15 * SECOND).contains(&gap), "{gap:?}");
}

#[test]
fn the_scout_dials_every_two_seconds_however_long_it_takes() {
    let start = Instant::now();
    let (mut now, mut redial) = (start, Redial::new(1, 0, Patience::Scout, 7, start));
    let seen = run_until(&mut redial, &mut now, start + 3_600 * SECOND);
    assert!(seen.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 2 * SECOND));
}

#[test]
fn a_hint_ends_a_long_wait_but_not_one_that_an_edge_asked_for() {
    let start = Instant::now();
    let mut redial = up(1, start);
    let mut now = start;
    redial.handle_lost(false, now);
    run_until(&mut redial, &mut now, start + 600 * SECOND);
    // After the last dial, so that only the hint is near.
    now = redial.poll_timeout().unwrap();
    redial.handle_timeout(now);
    drain(&mut redial);
    redial.handle_hint(now);
    let wake = redial.next_dial;
    assert!(wake <= now + SECOND.mul_f64(0.35), "{:?}", wake - now);
    redial.handle_timeout(wake);
    let attempt = dials(&drain(&mut redial)).last().unwrap().0;
    assert!(redial.handle_dialled(attempt));
    redial.handle_refused(20 * SECOND, false, wake);
    redial.handle_hint(wake);
    assert!(redial.poll_timeout().unwrap() >= wake + 20 * SECOND);
}

#[test]
fn the_first_dial_to_succeed_wins_and_the_others_are_given_up() {
    let start = Instant::now();
    let mut redial = Redial::new(1, 0, Patience::Follower, 1, start);
    let mut now = start;
    let mut begun = Vec::new();
    while begun.len() < 3 {
        now = redial.poll_timeout().unwrap().max(now);
        redial.handle_timeout(now);
        begun.extend(dials(&drain(&mut redial)).into_iter().map(|(attempt, _)| attempt));
    }
    assert!(redial.handle_dialled(begun[1]));
    assert_eq!(
        drain(&mut redial),
        [Action::Abandon(begun[0]), Action::Abandon(begun[2])]
    );
    assert!(!redial.handle_dialled(begun[2]), "too late");
}

#[test]
fn a_refusal_waits_as_long_as_the_edge_asks_and_goes_elsewhere_when_told() {
    let start = Instant::now();
    let mut redial = up(2, start);
    redial.handle_refused(20 * SECOND, true, start);
    let wake = redial.poll_timeout().unwrap();
    assert!((start + 20 * SECOND..=start + 22 * SECOND).contains(&wake));
    redial.handle_timeout(wake);
    assert_eq!(dials(&drain(&mut redial))[0].1, 1);
}

#[test]
fn refusals_in_a_row_wait_ever_longer_and_a_registration_forgets_them() {
    let start = Instant::now();
    let mut redial = up(1, start);
    let mut waits = Vec::new();
    let mut now = start;
    for _ in 0..8 {
        redial.handle_refused(Duration::ZERO, false, now);
        let wake = redial.poll_timeout().unwrap();
        waits.push(wake - now);
        now = wake;
        redial.handle_timeout(now);
        let attempt = dials(&drain(&mut redial))[0].0;
        assert!(redial.handle_dialled(attempt));
    }
    assert!(waits[0] <= Duration::from_millis(500), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 15 * SECOND), "{waits:?}");
    assert!(waits[7] >= 7 * SECOND, "{waits:?}");
    redial.handle_registered();
    redial.handle_refused(Duration::ZERO, false, now);
    assert!(redial.poll_timeout().unwrap() - now <= Duration::from_millis(500));
}

#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Fail(prop::sample::Index),
    Succeed(prop::sample::Index),
    Lose,
    Refuse(u64, bool),
    Hint,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_u64..3_000).prop_map(Event::Wait),
        2 => any::<prop::sample::Index>().prop_map(Event::Fail),
        2 => any::<prop::sample::Index>().prop_map(Event::Succeed),
        1 => Just(Event::Lose),
        2 => Just(Event::Hint),
        1 => (0_u64..30, any::<bool>()).prop_map(|(wait, elsewhere)| Event::Refuse(wait, elsewhere)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_dials_stay_within_their_bounds(
        events in proptest::collection::vec(any_event(), 0..80), edges in 1_usize..4, seed: u64,
    ) {
        let start = Instant::now();
        let (mut now, mut redial) = (start, Redial::new(edges, 2, Patience::Scout, seed, start));
        let (mut flying, mut is_up, mut last): (Vec<Attempt>, bool, Option<Instant>) = (Vec::new(), false, None);
        for event in events {
            match event {
                Event::Wait(millis) => now += Duration::from_millis(millis),
                Event::Fail(at) if !flying.is_empty() => {
                    let attempt = flying.remove(at.index(flying.len()));
                    redial.handle_dial_failed(attempt);
                }
                Event::Succeed(at) if !flying.is_empty() => {
                    let attempt = flying.remove(at.index(flying.len()));
                    is_up = redial.handle_dialled(attempt);
                    prop_assert!(is_up);
                }
                Event::Lose if is_up => { is_up = false; redial.handle_lost(false, now); }
                Event::Refuse(wait, elsewhere) if is_up => {
                    is_up = false;
                    redial.handle_refused(Duration::from_secs(wait), elsewhere, now);
                }
                Event::Hint => redial.handle_hint(now),
                Event::Fail(_) | Event::Succeed(_) | Event::Lose | Event::Refuse(..) => {}
            }
            redial.handle_timeout(now);
            for action in drain(&mut redial) {
                match action {
                    Action::Dial { attempt, edge } => {
                        prop_assert!(!is_up && edge < edges);
                        let gap = last.map(|last| now - last);
                        prop_assert!(gap.is_none_or(|gap| gap >= Duration::from_millis(249)), "{gap:?}");
                        last = Some(now);
                        flying.push(attempt);
                    }
                    Action::Abandon(attempt) => flying.retain(|flying| *flying != attempt),
                }
            }
            prop_assert!(flying.len() <= MAX_IN_FLIGHT);
            prop_assert_eq!(redial.poll_timeout().is_none(), is_up);
            prop_assert!(redial.poll_timeout().is_none_or(|wake| wake > now), "nothing is overdue");
        }
        redial.stop();
        let given_up = drain(&mut redial).len();
        prop_assert_eq!(given_up, flying.len());
        prop_assert_eq!(redial.poll_timeout(), None);
    }
}
