//! Sessions from their registration to their end. Points 19, 20 and 23 of what an edge is held to.

use std::time::Duration;

use adit_net::private::PrivateDialError;
use adit_testing::{scripted::Called, within};
use adit_wire::datagram::{Version, v3};
use bytes::Bytes;

use crate::stage::{LONG, Stage, in_both_versions, received, works};

in_both_versions!(
    a_session_carries_datagrams_both_ways,
    a_session_to_an_ipv6_address_says_so,
    a_session_ends_when_nothing_passes,
    sessions_do_not_mix,
    a_full_connector_is_named_in_the_refusal,
    another_connector_is_asked_when_one_is_full,
    what_the_connector_cannot_reach_is_refused,
    what_is_too_large_is_not_sent,
    a_user_who_goes_while_a_session_is_asked_for_leaves_nothing,
);

async fn a_session_carries_datagrams_both_ways(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open();
    let asked = peer.asked().await;
    assert_eq!(asked.to, "10.1.2.3:53".parse().unwrap());
    assert!(asked.idle > LONG, "the edge ends it first: {:?}", asked.idle);
    let session = peer.link.take(asked);
    let flow = opening.done().await.unwrap();
    works(&*flow, &peer, session).await;
    assert!(flow.send(Bytes::new()), "an empty datagram is one too");
    assert_eq!(peer.received().await, (session, Bytes::new()));
    peer.send(session, b"");
    assert_eq!(received(&*flow).await.unwrap(), "");
}

async fn a_session_to_an_ipv6_address_says_so(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open_to("[2001:db8::7]:5353", LONG);
    let asked = peer.asked().await;
    assert_eq!(asked.to, "[2001:db8::7]:5353".parse().unwrap());
    let session = peer.link.take(asked);
    let six = opening.done().await.unwrap();
    works(&*six, &peer, session).await;
    // An IPv4 address in IPv6's clothes is an IPv4 address.
    let opening = stage.open_to("[::ffff:10.1.2.3]:53", LONG);
    let asked = peer.asked().await;
    assert_eq!(asked.to, "10.1.2.3:53".parse().unwrap());
    peer.link.take(asked);
    opening.done().await.unwrap();
}

async fn a_session_ends_when_nothing_passes(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open_to("10.1.2.3:53", Duration::from_secs(1));
    let asked = peer.asked().await;
    let session = peer.link.take(asked);
    let flow = opening.done().await.unwrap();
    works(&*flow, &peer, session).await;
    assert_eq!(received(&*flow).await, None);
    assert!(!flow.send(Bytes::from_static(b"late")));
    if stage.version == Version::V2 {
        told_of_the_end(&mut peer, session).await;
    }
}

async fn told_of_the_end(peer: &mut crate::stage::Peer, session: adit_model::SessionId) {
    match peer.link.next_call().await {
        Called::SessionEnded(ended, _, waiting) => {
            assert_eq!(ended, session);
            waiting.answer(Ok(()));
        }
        other @ (Called::NewSession(..) | Called::Configuration(_)) => panic!("{other:?}"),
    }
}

async fn sessions_do_not_mix(stage: Stage) {
    let mut peer = stage.peer().await;
    let (one, first) = stage.session(&mut peer).await;
    let (other, second) = stage.session(&mut peer).await;
    assert_ne!(first, second);
    works(&*other, &peer, second).await;
    works(&*one, &peer, first).await;
    drop(one);
    peer.send(first, b"nobody waits for it");
    peer.send(second, b"for the other");
    assert_eq!(received(&*other).await.unwrap(), "for the other");
}

async fn a_full_connector_is_named_in_the_refusal(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open();
    let asked = peer.asked().await;
    peer.link.refuse_as_full(asked);
    let refused = opening.refused().await;
    assert!(matches!(refused, PrivateDialError::TooMany(_)), "{refused}");
}

async fn another_connector_is_asked_when_one_is_full(stage: Stage) {
    let (mut one, mut other) = (stage.peer().await, stage.peer().await);
    let opening = stage.open();
    let (full, free, asked) = tokio::select! {
        asked = one.asked() => (&mut one, &mut other, asked),
        asked = other.asked() => (&mut other, &mut one, asked),
    };
    full.link.refuse_as_full(asked);
    let asked = free.asked().await;
    let session = free.link.take(asked);
    works(&*opening.done().await.unwrap(), free, session).await;
}

async fn what_the_connector_cannot_reach_is_refused(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open();
    let asked = peer.asked().await;
    peer.link.refuse(asked);
    let PrivateDialError::Refused(words) = opening.refused().await else {
        panic!("it was refused");
    };
    let wanted = match stage.version {
        Version::V2 => "dial udp: network is unreachable",
        Version::V3 => "it could not open a socket to the address",
    };
    assert_eq!(words, wanted);
}

async fn what_is_too_large_is_not_sent(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    assert!((1000..=1280).contains(&flow.max_bytes()), "{}", flow.max_bytes());
    assert!(!flow.send(Bytes::from(vec![0; 1281])));
    works(&*flow, &peer, session).await;
}

async fn a_user_who_goes_while_a_session_is_asked_for_leaves_nothing(stage: Stage) {
    let mut peer = stage.peer().await;
    let opening = stage.open();
    let asked = peer.asked().await;
    drop(opening);
    // Another one's place is free again, and the answer to the first does no harm.
    let session = peer.link.take(asked);
    if stage.version == Version::V2 {
        told_of_the_end(&mut peer, session).await;
    }
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
}

/// Point 19: the connector's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_ends_a_session_of_version_2_by_call() {
    let stage = Stage::new(Version::V2).await;
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    let (other, others) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    peer.link
        .end_session(session, "session idle for 2s")
        .await
        .unwrap();
    assert_eq!(received(&*flow).await, None);
    assert!(!flow.send(Bytes::from_static(b"late")));
    drop(flow);
    works(&*other, &peer, others).await;
    assert!(peer.link.try_next_call().is_none(), "it is not told what it said");
    // Once more, and one that never was: no harm.
    peer.link.end_session(session, "again").await.unwrap();
    works(&*other, &peer, others).await;
}

/// Point 19: the user's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_of_version_2_is_told_that_a_user_has_gone() {
    let stage = Stage::new(Version::V2).await;
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    drop(flow);
    told_of_the_end(&mut peer, session).await;
}

/// Point 20: a registration by datagram may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_is_not_answered_is_repeated() {
    let stage = Stage::new(Version::V3).await;
    let mut peer = stage.peer().await;
    let opening = stage.open();
    let lost = peer.asked().await;
    let again = peer.asked().await;
    assert_eq!(lost.session, again.session);
    let session = peer.link.take(again);
    let flow = opening.done().await.unwrap();
    // The answer to the first comes late: it is known already.
    peer.link.take(lost);
    works(&*flow, &peer, session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_never_answers_costs_five_seconds() {
    let stage = Stage::new(Version::V3).await;
    let mut peer = stage.peer().await;
    let opening = stage.open();
    for _ in 0..3 {
        peer.asked().await;
    }
    assert_eq!(opening.refused().await, PrivateDialError::TimedOut);
    // What it says then is for nobody.
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
}

/// Point 20: every code of an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_code_of_an_answer_has_its_words() {
    let stage = Stage::new(Version::V3).await;
    let mut peer = stage.peer().await;
    for (answer, wanted) in [
        (v3::Answer::Unreachable, "the address cannot be reached"),
        (v3::Answer::Failed, "it did not say why"),
        (v3::Answer::Other(77), "code 77"),
    ] {
        let opening = stage.open();
        let asked = peer.asked().await;
        peer.link.answer_v3(asked.session, answer);
        assert_eq!(
            opening.refused().await,
            PrivateDialError::Refused(wanted.to_owned())
        );
    }
    let opening = stage.open();
    let session = peer.asked().await.session;
    let answer = v3::RegistrationAnswer {
        session,
        answer: v3::Answer::Failed,
        error: "no\x1b[31m route".to_owned(),
    };
    peer.link.send_datagram(v3::ToEdge::Answer(answer).encode());
    let refused = opening.refused().await;
    assert_eq!(refused, PrivateDialError::Refused("no[31m route".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_over_http2_carries_neither_and_the_user_hears_what_to_do() {
    use crate::support::scripted::Scene;
    use adit_testing::cloudflared::Protocol;

    let scene = Scene::new(Protocol::Http2).await;
    let dialer = scene.edge.edge.dialer_into(&scene.tunnel.key).unwrap();
    let to = "10.1.2.3:53".parse().unwrap();
    let refused = within("a refusal", dialer.udp(to, LONG)).await.err().unwrap();
    assert_eq!(refused, PrivateDialError::NoConnector);
    let _connector = scene.connector().await;
    let refused = within("a refusal", dialer.udp(to, LONG)).await.err().unwrap();
    assert_eq!(refused, PrivateDialError::OnlyHttp2);
    assert!(refused.to_string().contains("--protocol quic"), "{refused}");
    let refused = within("a refusal", dialer.icmp(to)).await.err().unwrap();
    assert_eq!(refused, PrivateDialError::OnlyHttp2);
}
