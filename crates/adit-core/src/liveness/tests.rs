use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn quic() -> Patience {
    Patience::quic(Duration::from_millis(1))
}

fn signs(heard: u64, owed: bool, working: bool) -> Signs {
    Signs { heard, owed, working }
}

#[test]
fn silence_of_a_working_quic_connection_makes_it_suspect_after_half_a_second() {
    let mut connection = Liveness::new(Duration::ZERO, 7);
    assert_eq!(
        connection.look(10 * MS, signs(7, true, true), quic()).health,
        Health::Healthy
    );
    assert_eq!(
        connection.look(509 * MS, signs(7, true, true), quic()).health,
        Health::Healthy
    );
    assert_eq!(
        connection.look(510 * MS, signs(7, true, true), quic()).health,
        Health::Suspect
    );
    assert_eq!(
        connection.look(520 * MS, signs(8, true, true), quic()).health,
        Health::Healthy
    );
}

#[test]
fn a_long_path_is_given_three_probe_timeouts() {
    let patience = Patience::quic(Duration::from_millis(300));
    assert_eq!(patience.suspect_after, Duration::from_millis(3 * (600 + 26)));
}

#[test]
fn a_connection_that_owes_nothing_may_be_silent_for_ever() {
    let mut connection = Liveness::new(Duration::ZERO, 0);
    for second in 1..100 {
        let verdict = connection.look(second * 1000 * MS, signs(0, false, true), quic());
        assert_eq!((verdict.health, verdict.ask), (Health::Healthy, false));
    }
}

#[test]
fn http2_is_asked_while_it_works_in_silence() {
    let mut connection = Liveness::new(Duration::ZERO, 0);
    let ask =
        |connection: &mut Liveness, at: u32, signs| connection.look(at * MS, signs, Patience::HTTP2).ask;
    assert!(!ask(&mut connection, 100, signs(0, false, true)));
    assert!(
        !ask(&mut connection, 500, signs(1, false, true)),
        "it was heard a moment ago"
    );
    assert!(!ask(&mut connection, 900, signs(1, false, true)));
    assert!(ask(&mut connection, 1000, signs(1, false, true)));
    // Its question is open now: it is not asked twice, and after a second it is suspect.
    let verdict = connection.look(1100 * MS, signs(1, true, true), Patience::HTTP2);
    assert_eq!((verdict.ask, verdict.health), (false, Health::Healthy));
    let verdict = connection.look(2100 * MS, signs(1, true, true), Patience::HTTP2);
    assert_eq!((verdict.ask, verdict.health), (false, Health::Suspect));
}

#[test]
fn http2_is_asked_each_five_seconds_while_it_is_idle() {
    let mut connection = Liveness::new(Duration::ZERO, 0);
    let verdict = connection.look(1000 * MS, signs(0, false, false), Patience::HTTP2);
    assert_eq!((verdict.ask, verdict.next), (false, Some(4000 * MS)));
    let verdict = connection.look(5000 * MS, signs(0, false, false), Patience::HTTP2);
    assert_eq!((verdict.ask, verdict.next), (true, Some(5000 * MS)));
}

#[test]
fn an_idle_quic_connection_is_left_alone_until_it_works() {
    let mut connection = Liveness::new(Duration::ZERO, 0);
    assert_eq!(
        connection.look(10 * MS, signs(0, false, false), quic()).next,
        None
    );
    assert_eq!(
        connection.look(20 * MS, signs(0, false, true), quic()).next,
        Some(LOOK)
    );
}

#[test]
fn a_doubted_connection_is_asked_at_once_and_trusted_when_it_is_heard() {
    let mut connection = Liveness::new(Duration::ZERO, 3);
    connection.doubt();
    // What had come before the question is no answer to it.
    let verdict = connection.look(1000 * MS, signs(4, false, false), quic());
    assert_eq!((verdict.ask, verdict.health), (true, Health::Doubted));
    let verdict = connection.look(1100 * MS, signs(4, true, false), quic());
    assert_eq!(
        (verdict.ask, verdict.health, verdict.next),
        (false, Health::Doubted, Some(LOOK))
    );
    let verdict = connection.look(1200 * MS, signs(5, false, false), quic());
    assert_eq!(
        (verdict.ask, verdict.health, verdict.next),
        (false, Health::Healthy, None)
    );
}

#[test]
fn a_doubted_connection_that_stays_silent_becomes_suspect() {
    let mut connection = Liveness::new(Duration::ZERO, 3);
    connection.doubt();
    connection.look(1000 * MS, signs(3, false, false), quic());
    connection.look(1100 * MS, signs(3, true, false), quic());
    assert_eq!(
        connection.look(1600 * MS, signs(3, true, false), quic()).health,
        Health::Suspect
    );
}

#[test]
fn a_tally_owes_what_was_asked_since_the_peer_was_heard() {
    let mut tally = Tally::default();
    assert!(!tally.owed(0, 0));
    assert!(tally.owed(1, 0));
    assert!(!tally.owed(1, 1));
    assert!(!tally.owed(5, 2), "asked and heard in one moment");
    assert!(tally.owed(6, 2));
}

proptest! {
    #[test]
    fn whoever_is_heard_is_never_suspect(steps in prop::collection::vec((1_u64..2000, any::<bool>(), any::<bool>()), 1..50)) {
        let (mut now, mut connection) = (Duration::ZERO, Liveness::new(Duration::ZERO, 0));
        for (heard, (step, owed, working)) in (1..).zip(steps) {
            now += Duration::from_millis(step);
            let verdict = connection.look(now, signs(heard, owed, working), Patience::HTTP2);
            prop_assert_eq!(verdict.health, Health::Healthy);
        }
    }

    #[test]
    fn a_working_connection_is_looked_at_again_soon(now: u32, owed: bool) {
        let mut connection = Liveness::new(Duration::ZERO, 0);
        let verdict = connection.look(Duration::from_millis(now.into()), signs(0, owed, true), Patience::HTTP2);
        prop_assert_eq!(verdict.next, Some(LOOK));
    }
}
