use adit_model::{AccountId, ConnectorId, TunnelId, TunnelKey};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::mesh::session::Credential;

const KEY: PeerKey = PeerKey::from_bytes([3; 32]);

fn at(millis: u64) -> Duration {
    Duration::from_millis(1_000_000 + millis)
}

fn claim() -> Claim {
    Claim {
        site: TunnelKey {
            account: AccountId::from_bytes([0; 16]),
            tunnel: TunnelId::from_slice(&[1; 16]).unwrap(),
        },
        replica: ConnectorId::from_slice(&[2; 16]).unwrap(),
        key: KEY,
        by: Credential::Identity,
    }
}

fn beat(seq: u64) -> NodeSaid {
    NodeSaid::Beat {
        seq,
        round_trip: None,
    }
}

fn admitted() -> ServerSession {
    let mut session = ServerSession::new(at(0));
    let judged = session.said(at(0), NodeSaid::Claim(claim()));
    assert_eq!(judged, Ok(ServerAct::Judge(claim())));
    session.admitted(at(0));
    session
}

#[test]
fn a_stranger_has_ten_seconds() {
    let session = ServerSession::new(at(0));
    assert_eq!(session.deadline(), Some(at(10_000)));
    assert_eq!(session.timeout(at(9_999)), None);
    assert_eq!(session.timeout(at(10_000)), Some(Timeout::Registration));
}

#[test]
fn nothing_counts_before_the_claim_and_no_second_one_after_it() {
    for said in [
        beat(1),
        NodeSaid::Acknowledged { version: 0 },
        NodeSaid::Key(KEY),
        NodeSaid::Leaving,
    ] {
        let mut session = ServerSession::new(at(0));
        assert_eq!(session.said(at(1), said), Err(BrokenRule::NotAdmitted));
        let mut session = ServerSession::new(at(0));
        session.said(at(0), NodeSaid::Claim(claim())).unwrap();
        assert_eq!(session.said(at(1), said), Err(BrokenRule::NotAdmitted));
    }
    assert_eq!(
        admitted().said(at(1), NodeSaid::Claim(claim())),
        Err(BrokenRule::SecondClaim)
    );
}

#[test]
fn a_claim_that_is_being_judged_does_not_time_out() {
    let mut session = ServerSession::new(at(0));
    session.said(at(9_999), NodeSaid::Claim(claim())).unwrap();
    assert_eq!((session.deadline(), session.timeout(at(60_000))), (None, None));
}

#[test]
fn three_missed_beats_and_the_guard_end_a_session() {
    let mut session = admitted();
    for seq in 1..=20 {
        assert_eq!(session.said(at(seq * 500), beat(seq)), Ok(ServerAct::Answer(seq)));
    }
    assert_eq!(session.timeout(at(11_999)), None);
    assert_eq!(session.timeout(at(12_000)), Some(Timeout::Silence));
}

#[test]
fn a_node_far_away_is_waited_for_longer() {
    let mut session = admitted();
    let far = NodeSaid::Beat {
        seq: 1,
        round_trip: Some(Duration::from_millis(600)),
    };
    session.said(at(0), far).unwrap();
    assert_eq!(session.deadline(), Some(at(3_900)));
}

#[test]
fn beats_count_up() {
    let mut session = admitted();
    assert_eq!(session.said(at(1), beat(0)), Ok(ServerAct::Answer(0)));
    assert_eq!(session.said(at(2), beat(7)), Ok(ServerAct::Answer(7)));
    assert_eq!(session.said(at(3), beat(7)), Err(BrokenRule::Beats));
}

#[test]
fn only_what_was_sent_is_acknowledged() {
    let mut session = admitted();
    session.configured(2);
    let ack = |version| NodeSaid::Acknowledged { version };
    assert_eq!(session.said(at(1), ack(1)), Ok(ServerAct::NoteAcknowledged(1)));
    assert_eq!(session.said(at(1), ack(2)), Ok(ServerAct::NoteAcknowledged(2)));
    assert_eq!(session.said(at(1), ack(3)), Err(BrokenRule::Acknowledgement));
}

#[test]
fn keys_change_at_most_every_ten_seconds() {
    let mut session = admitted();
    let key = NodeSaid::Key(KEY);
    assert_eq!(session.said(at(0), key), Ok(ServerAct::ChangeKey(KEY)));
    assert_eq!(session.said(at(10_000), key), Ok(ServerAct::ChangeKey(KEY)));
    assert_eq!(session.said(at(19_999), key), Err(BrokenRule::Keys));
}

#[test]
fn a_flood_ends_the_session() {
    let mut session = admitted();
    let broken = (1..=60).find_map(|seq| session.said(at(10), beat(seq)).err());
    assert_eq!(broken, Some(BrokenRule::Flood));
    let mut session = admitted();
    for seq in 1..=600 {
        session.said(at(seq * 25), beat(seq)).unwrap();
    }
}

fn any_said() -> impl Strategy<Value = NodeSaid> {
    prop_oneof![
        Just(NodeSaid::Claim(claim())),
        (any::<u64>(), proptest::option::of(any::<u64>())).prop_map(|(seq, millis)| NodeSaid::Beat {
            seq,
            round_trip: millis.map(Duration::from_millis),
        }),
        (0..5_u64).prop_map(|version| NodeSaid::Acknowledged { version }),
        Just(NodeSaid::Key(KEY)),
        Just(NodeSaid::Leaving),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_a_stranger_gets_nothing_and_silence_ends_all(
        steps in vec((0..3_000_u64, any_said()), 0..40), admit: bool,
    ) {
        let (mut session, mut now, mut is_admitted) = (ServerSession::new(at(0)), 0, false);
        for (later, said) in steps {
            now += later;
            if session.timeout(at(now)).is_some() {
                return Ok(());
            }
            match session.said(at(now), said) {
                Ok(ServerAct::Judge(_)) => {
                    prop_assert!(!is_admitted);
                    if !admit {
                        return Ok(());
                    }
                    session.admitted(at(now));
                    is_admitted = true;
                }
                Ok(_) => prop_assert!(is_admitted),
                Err(_) => return Ok(()),
            }
        }
        // No node can make itself be waited for longer than this.
        prop_assert!(session.timeout(at(now + 10_000)).is_some());
    }
}
