use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_secs(30);

fn stop(connector: u8, connection: u8) -> Stop {
    Stop {
        connector: ConnectorId::from_slice(&[connector; 16]).unwrap(),
        connection: ConnectionId::from_slice(&[connection; 16]).unwrap(),
    }
}

fn open_at(at: Stop) -> Session {
    let mut session = Session::new(Duration::ZERO, IDLE);
    session.ask(at, Asking::Repeated, Duration::ZERO);
    assert_eq!(
        session.handle_ready(at.connection, Duration::ZERO),
        Step::Opened { before: None }
    );
    session
}

#[test]
fn an_unanswered_registration_is_repeated_twice_and_given_up_after_five_seconds() {
    let mut session = Session::new(Duration::ZERO, IDLE);
    session.ask(stop(1, 1), Asking::Repeated, Duration::ZERO);
    let mut asked = Vec::new();
    for at in (0..=5000).step_by(250) {
        match session.handle_timeout(at * MS) {
            Todo::AskAgain => asked.push(at),
            Todo::Ended => break,
            Todo::Nothing => {}
        }
    }
    assert_eq!(asked, [1000, 2500]);
    assert_eq!(session.ended(), Some(&End::TimedOut));
}

#[test]
fn a_call_is_not_repeated() {
    let mut session = Session::new(Duration::ZERO, IDLE);
    session.ask(stop(1, 1), Asking::Once, Duration::ZERO);
    assert_eq!(session.handle_timeout(9999 * MS), Todo::Nothing);
    assert_eq!(session.handle_timeout(10_000 * MS), Todo::Ended);
}

#[test]
fn datagrams_in_either_direction_keep_a_session_and_silence_ends_it() {
    let (here, at) = (stop(1, 1), |seconds: u64| Duration::from_secs(seconds));
    let mut session = open_at(here);
    assert_eq!(session.handle_send(at(20)), Some(here));
    assert_eq!(session.handle_timeout(at(45)), Todo::Nothing);
    assert_eq!(session.handle_datagram(here.connection, at(45)), Arrival::Deliver);
    assert_eq!(session.handle_timeout(at(74)), Todo::Nothing);
    assert_eq!(session.handle_timeout(at(75)), Todo::Ended);
    assert_eq!(session.ended(), Some(&End::Idle));
    assert_eq!(session.handle_send(at(75)), None);
    assert!(idle_hint(IDLE) > IDLE, "the connector keeps it for longer");
}

#[test]
fn nothing_is_delivered_before_the_user_has_sent() {
    let here = stop(1, 1);
    let mut session = open_at(here);
    assert_eq!(session.handle_datagram(here.connection, 1 * MS), Arrival::Unasked);
    session.handle_send(2 * MS);
    assert_eq!(session.handle_datagram(here.connection, 3 * MS), Arrival::Deliver);
    let other = stop(1, 2).connection;
    assert_eq!(session.handle_datagram(other, 3 * MS), Arrival::Foreign);
}

#[test]
fn what_is_unasked_keeps_no_session_alive() {
    let here = stop(1, 1);
    let mut session = open_at(here);
    session.handle_datagram(here.connection, IDLE - MS);
    assert_eq!(session.handle_timeout(IDLE), Todo::Ended);
}

#[test]
fn a_session_moves_and_both_places_may_bring_datagrams_meanwhile() {
    let (old, new) = (stop(1, 1), stop(1, 2));
    let mut session = open_at(old);
    session.handle_send(1 * MS);
    session.ask(new, Asking::Repeated, 2 * MS);
    for from in [old, new] {
        assert_eq!(session.handle_datagram(from.connection, 3 * MS), Arrival::Deliver);
    }
    assert_eq!(session.handle_send(3 * MS), Some(new));
    assert_eq!(
        session.handle_ready(new.connection, 4 * MS),
        Step::Opened { before: Some(old) }
    );
    assert_eq!(session.handle_datagram(old.connection, 5 * MS), Arrival::Foreign);
    assert_eq!(
        session.handle_ready(new.connection, 5 * MS),
        Step::Same,
        "asked again"
    );
    assert_eq!(session.handle_ready(old.connection, 5 * MS), Step::Stray);
}

#[test]
fn what_a_call_asks_for_is_used_once_it_is_there() {
    let (old, new) = (stop(1, 1), stop(1, 2));
    let mut session = open_at(old);
    session.ask(new, Asking::Once, 2 * MS);
    assert_eq!(session.handle_send(3 * MS), Some(old));
    assert!(!session.handle_gone(old.connection), "it has left");
    assert_eq!(session.handle_send(3 * MS), Some(new), "there is no other");
    assert!(session.handle_gone(new.connection));
    assert_eq!((session.handle_send(4 * MS), session.at()), (None, Some(new)));
}

#[test]
fn a_connection_that_has_gone_brings_nothing() {
    let old = stop(1, 1);
    let mut session = open_at(old);
    session.handle_send(1 * MS);
    assert!(session.handle_gone(old.connection));
    session.ask(stop(1, 2), Asking::Repeated, 2 * MS);
    assert_eq!(session.handle_datagram(old.connection, 3 * MS), Arrival::Foreign);
}

#[test]
fn a_full_connector_is_not_asked_again_until_the_session_was_open() {
    let mut session = Session::new(Duration::ZERO, IDLE);
    session.ask(stop(1, 1), Asking::Repeated, Duration::ZERO);
    let step = session.handle_refusal(stop(1, 1).connection, End::TooMany);
    assert_eq!(step, Step::Elsewhere);
    assert_eq!(session.refused(), [stop(1, 1).connector]);
    session.ask(stop(2, 2), Asking::Repeated, Duration::ZERO);
    session.handle_ready(stop(2, 2).connection, Duration::ZERO);
    assert!(session.refused().is_empty());
}

#[test]
fn a_refusal_ends_a_session_with_the_connectors_words() {
    let mut session = Session::new(Duration::ZERO, IDLE);
    session.ask(stop(1, 1), Asking::Once, Duration::ZERO);
    let no = || End::Refused("no".to_owned());
    assert_eq!(session.handle_refusal(stop(2, 2).connection, no()), Step::Stray);
    assert_eq!(session.handle_refusal(stop(1, 1).connection, no()), Step::Ended);
    assert_eq!(session.ended(), Some(&no()));
}

#[test]
fn only_the_connection_that_has_a_session_can_end_it() {
    let (old, new) = (stop(1, 1), stop(2, 2));
    let mut session = open_at(old);
    let idle = || "session idle for 2s".to_owned();
    assert_eq!(session.handle_unregistered(new.connection, idle()), Step::Stray);
    session.ask(new, Asking::Once, 1 * MS);
    assert_eq!(
        session.handle_unregistered(old.connection, idle()),
        Step::Same,
        "it has left"
    );
    session.handle_ready(new.connection, 2 * MS);
    assert_eq!(session.handle_unregistered(new.connection, idle()), Step::Ended);
    assert_eq!(session.ended(), Some(&End::Unregistered(idle())));
}

#[derive(Debug, Clone)]
enum Event {
    Ask(u8, bool),
    Ready(u8),
    TooMany(u8),
    Refused(u8),
    Unregistered(u8),
    Gone(u8),
    Send,
    Datagram(u8),
    Wait(u16),
    End,
}

fn any_event() -> impl Strategy<Value = Event> {
    let connection = 0_u8..4;
    prop_oneof![
        (connection.clone(), any::<bool>()).prop_map(|(at, repeated)| Event::Ask(at, repeated)),
        connection.clone().prop_map(Event::Ready),
        connection.clone().prop_map(Event::TooMany),
        connection.clone().prop_map(Event::Refused),
        connection.clone().prop_map(Event::Unregistered),
        connection.clone().prop_map(Event::Gone),
        Just(Event::Send),
        connection.prop_map(Event::Datagram),
        (0_u16..12_000).prop_map(Event::Wait),
        Just(Event::End),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_an_end_is_final_and_nothing_comes_unasked(events in prop::collection::vec(any_event(), 0..60)) {
        let mut session = Session::new(Duration::ZERO, IDLE);
        let (mut now, mut has_sent, mut quiet_since) = (Duration::ZERO, false, Duration::ZERO);
        let id = |at: u8| stop(at / 2, at).connection;
        for event in events {
            let ended = session.ended().cloned();
            match event {
                Event::Ask(at, repeated) => {
                    let asking = if repeated { Asking::Repeated } else { Asking::Once };
                    session.ask(stop(at / 2, at), asking, now);
                }
                Event::Ready(at) => {
                    if session.handle_ready(id(at), now) == (Step::Opened { before: None }) {
                        quiet_since = now;
                    }
                }
                Event::TooMany(at) => { session.handle_refusal(id(at), End::TooMany); }
                Event::Refused(at) => { session.handle_refusal(id(at), End::Refused(String::new())); }
                Event::Unregistered(at) => { session.handle_unregistered(id(at), String::new()); }
                Event::Gone(at) => { session.handle_gone(id(at)); }
                Event::Send => if session.handle_send(now).is_some() {
                    has_sent = true;
                    quiet_since = now;
                },
                Event::Datagram(at) => if session.handle_datagram(id(at), now) == Arrival::Deliver {
                    prop_assert!(has_sent && ended.is_none());
                    quiet_since = now;
                },
                Event::Wait(time) => {
                    now += u32::from(time) * MS;
                    let was_open = session.is_open();
                    if session.handle_timeout(now) == Todo::Ended && was_open {
                        prop_assert!(now - quiet_since >= IDLE);
                    }
                    prop_assert!(!session.is_open() || now - quiet_since < IDLE);
                }
                Event::End => session.end(End::Closed),
            }
            if ended.is_some() {
                prop_assert_eq!(session.ended().cloned(), ended);
                prop_assert!(session.at().is_none());
            }
        }
    }
}
