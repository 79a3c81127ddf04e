use proptest::{collection::vec, prelude::*};

use super::*;

fn at(millis: u64) -> Duration {
    Duration::from_millis(5_000 + millis)
}

const fn config(version: u64) -> EdgeSaid {
    EdgeSaid::Config { version, beat: BEAT }
}

fn linked() -> ClientSession {
    let mut session = ClientSession::new(at(0));
    assert_eq!(session.said(at(0), EdgeSaid::Challenge), Ok(ClientAct::Prove));
    assert!(!session.is_linked());
    assert_eq!(session.said(at(0), config(1)), Ok(ClientAct::Apply));
    assert!(session.is_linked());
    session
}

#[test]
fn an_edge_that_does_not_let_the_node_in_has_ten_seconds() {
    let mut session = ClientSession::new(at(0));
    session.said(at(9_000), EdgeSaid::Challenge).unwrap();
    assert_eq!(session.beat_due(at(9_500)), None);
    assert_eq!(
        (session.deadline(), session.is_over(at(9_999))),
        (at(10_000), false)
    );
    assert!(session.is_over(at(10_000)));
}

#[test]
fn it_beats_twice_a_second_from_the_moment_it_is_let_in() {
    let mut session = linked();
    let beats: Vec<_> = (0..=1_500)
        .filter_map(|millis| {
            let beat = session.beat_due(at(millis))?;
            session.said(at(millis), EdgeSaid::Heard(beat)).unwrap();
            Some((millis, beat))
        })
        .collect();
    assert_eq!(beats, [(0, 1), (500, 2), (1_000, 3), (1_500, 4)]);
}

#[test]
fn one_in_a_hurry_beats_at_once_and_then_as_ever() {
    let mut session = linked();
    session.beat_due(at(0)).unwrap();
    assert_eq!(session.beat_due(at(100)), None);
    session.hurry(at(100));
    assert_eq!(session.beat_due(at(100)), Some(2));
    assert_eq!(session.beat_due(at(599)), None);
    assert_eq!(session.beat_due(at(600)), Some(3));
}

#[test]
fn a_silent_edge_is_given_up_after_two_seconds() {
    let mut session = linked();
    for millis in (0..2_000).step_by(500) {
        session.beat_due(at(millis)).unwrap();
    }
    assert!(!session.is_over(at(1_999)));
    assert!(session.is_over(at(2_000)));
}

#[test]
fn the_edge_sets_the_beat_within_bounds() {
    for (asked, kept) in [(0, 50), (100, 100), (3_600_000, 60_000)] {
        let mut session = linked();
        session.beat_due(at(0)).unwrap();
        let config = EdgeSaid::Config {
            version: 2,
            beat: Duration::from_millis(asked),
        };
        session.said(at(0), config).unwrap();
        session.beat_due(at(500)).unwrap();
        assert_eq!(session.beat_due(at(500 + kept - 1)), None);
        assert_eq!(session.beat_due(at(500 + kept)), Some(3));
    }
}

#[test]
fn an_older_configuration_changes_nothing() {
    let mut session = linked();
    assert_eq!(session.said(at(1), config(3)), Ok(ClientAct::Apply));
    assert_eq!(session.said(at(1), config(2)), Ok(ClientAct::Skip));
    assert_eq!(session.said(at(1), config(3)), Ok(ClientAct::Skip));
}

#[test]
fn the_round_trip_is_measured_by_beats_that_were_sent() {
    let mut session = linked();
    assert_eq!(
        session.said(at(0), EdgeSaid::Heard(77)),
        Ok(ClientAct::Measured(None))
    );
    session.beat_due(at(0)).unwrap();
    let measured = session.said(at(40), EdgeSaid::Heard(1));
    assert_eq!(measured, Ok(ClientAct::Measured(Some(Duration::from_millis(40)))));
    session.beat_due(at(500)).unwrap();
    session.said(at(620), EdgeSaid::Heard(2)).unwrap();
    assert_eq!(session.round_trip(), Some(Duration::from_millis(50)));
}

#[test]
fn an_edge_that_speaks_out_of_turn_ends_the_session() {
    for said in [config(1), EdgeSaid::Heard(1)] {
        assert_eq!(ClientSession::new(at(0)).said(at(0), said), Err(OutOfTurn));
    }
    assert_eq!(linked().said(at(0), EdgeSaid::Challenge), Err(OutOfTurn));
}

proptest! {
    #[test]
    fn whatever_an_edge_says_time_moves_on_and_silence_ends_all(
        steps in vec((0..2_000_u64, 0..3_u8, any::<u64>(), any::<u32>()), 0..40),
    ) {
        let (mut session, mut now) = (ClientSession::new(at(0)), 0);
        for (later, what, number, beat) in steps {
            now += later;
            let said = match what {
                0 => EdgeSaid::Challenge,
                1 => EdgeSaid::Config { version: number, beat: Duration::from_millis(beat.into()) },
                _ => EdgeSaid::Heard(number),
            };
            if session.said(at(now), said).is_err() {
                return Ok(());
            }
            session.beat_due(at(now));
            prop_assert!(session.deadline() > at(now) || session.is_over(at(now)));
        }
        prop_assert!(session.is_over(at(now) + Duration::from_secs(200)));
    }
}
