//! What connectors may send and what becomes of it: dropped, counted, and the other sessions go on. Point 21.

use std::time::Duration;

use adit_model::{ConnectorId, SessionId};
use adit_testing::wait_for;
use adit_wire::{
    datagram::{Version, v2, v3},
    icmp::{EchoMessage, IcmpMessage, IcmpPacket},
};
use bytes::Bytes;

use crate::{
    counters::dropped,
    stage::{Peer, Stage, in_both_versions, works},
};

in_both_versions!(
    datagrams_of_every_wrong_size_break_nothing,
    datagrams_of_the_other_version_break_nothing,
    an_answer_before_any_question_is_dropped,
    a_connection_cannot_speak_for_a_session_of_another,
    a_flood_for_unknown_sessions_leaves_the_others_alone,
    a_user_who_takes_nothing_holds_a_bounded_queue,
    echoes_that_nobody_asked_for_are_dropped,
);

async fn counted(reason: &str, before: u64, at_least: u64) {
    wait_for("the count", async || dropped(reason) >= before + at_least).await;
}

async fn datagrams_of_every_wrong_size_break_nothing(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    let before = dropped("malformed");
    for length in [0, 1, 2, 15, 16, 17, 18, 19, 20, 25, 26] {
        for kind in [0_u8, 1, 2, 3, 4, 255] {
            let mut bytes = vec![kind; length];
            if let Some(last) = bytes.last_mut() {
                *last = kind;
            }
            peer.link.send_datagram(bytes.into());
        }
        works(&*flow, &peer, session).await;
    }
    counted("malformed", before, 20).await;
}

async fn datagrams_of_the_other_version_break_nothing(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    let payload = Bytes::from_static(b"of the other version");
    let before: u64 = ["malformed", "unknown_flow"].map(dropped).iter().sum();
    for _ in 0..10 {
        peer.link.send_datagram(match stage.version {
            Version::V2 => v3::ToEdge::Payload {
                session,
                payload: payload.clone(),
            }
            .encode(),
            Version::V3 => v2::ToEdge::Udp {
                session,
                payload: payload.clone(),
            }
            .encode(),
        });
    }
    works(&*flow, &peer, session).await;
    wait_for("the count", async || {
        let now: u64 = ["malformed", "unknown_flow"].map(dropped).iter().sum();
        now >= before + 10
    })
    .await;
}

async fn an_answer_before_any_question_is_dropped(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    let before = dropped("unasked");
    for _ in 0..5 {
        peer.send(session, b"unasked");
    }
    counted("unasked", before, 5).await;
    works(&*flow, &peer, session).await;
}

async fn a_connection_cannot_speak_for_a_session_of_another(stage: Stage) {
    let (mut owner, mut thief) = (stage.peer().await, stage.peer().await);
    let opening = stage.open();
    let (owner, thief, asked) = tokio::select! {
        asked = owner.asked() => (&mut owner, &mut thief, asked),
        asked = thief.asked() => (&mut thief, &mut owner, asked),
    };
    let session = owner.link.take(asked);
    let flow = opening.done().await.unwrap();
    works(&*flow, owner, session).await;
    // The thief has sessions of its own, so that the edge listens to it.
    let own = own_session(&stage, owner, thief).await;
    let before = dropped("unknown_flow");
    thief.send(session, b"stolen");
    counted("unknown_flow", before, 1).await;
    if stage.version == Version::V2 {
        thief.link.end_session(session, "stolen").await.unwrap();
    } else {
        thief.link.answer_v3(session, v3::Answer::CannotBind);
    }
    counted("unknown_flow", before, 2).await;
    works(&*flow, owner, session).await;
    works(&*own.0, thief, own.1).await;
}

/// A session at `wanted`, where new ones go to either.
async fn own_session(
    stage: &Stage,
    other: &mut Peer,
    wanted: &mut Peer,
) -> (Box<dyn adit_net::private::PrivateDatagrams>, SessionId) {
    loop {
        let opening = stage.open();
        let (peer, is_wanted, asked) = tokio::select! {
            asked = other.asked() => (&*other, false, asked),
            asked = wanted.asked() => (&*wanted, true, asked),
        };
        let session = peer.link.take(asked);
        let flow = opening.done().await.unwrap();
        if is_wanted {
            return (flow, session);
        }
        drop(flow);
        if stage.version == Version::V2 {
            // It is told of the end.
            drop(other.link.next_call().await);
        }
    }
}

async fn a_flood_for_unknown_sessions_leaves_the_others_alone(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    let before = dropped("unknown_flow");
    for round in 0..20 {
        for _ in 0..50 {
            peer.send(SessionId::random(), b"flood");
        }
        if stage.version == Version::V3 {
            for _ in 0..50 {
                peer.link.answer_v3(SessionId::random(), v3::Answer::Ready);
            }
        }
        // Once it has come, those before it have been taken or lost.
        works(&*flow, &peer, session).await;
        assert!(dropped("unknown_flow") > before + round, "they are counted");
    }
}

async fn a_user_who_takes_nothing_holds_a_bounded_queue(stage: Stage) {
    let mut peer = stage.peer().await;
    let (slow, session) = stage.session(&mut peer).await;
    let (other, others) = stage.session(&mut peer).await;
    assert!(slow.send(Bytes::from_static(b"question")));
    peer.received().await;
    let before = dropped("slow_user");
    for _ in 0..16 {
        for _ in 0..50 {
            peer.send(session, b"answer");
        }
        works(&*other, &peer, others).await;
    }
    counted("slow_user", before, 1).await;
    let mut waiting = 0;
    while tokio::time::timeout(Duration::from_millis(200), slow.receive())
        .await
        .is_ok()
    {
        waiting += 1;
    }
    assert_eq!(waiting, 512);
    works(&*slow, &peer, session).await;
}

async fn echoes_that_nobody_asked_for_are_dropped(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    let to = "10.1.2.3:0".parse().unwrap();
    let pings = stage.dialer().icmp(to).await.unwrap();
    let (unknown, unasked) = (dropped("unknown_flow"), dropped("unasked"));
    for (id, message) in [
        (1, IcmpMessage::EchoReply as fn(EchoMessage) -> IcmpMessage),
        (999, IcmpMessage::EchoReply),
        (1, IcmpMessage::EchoRequest),
    ] {
        let message = message(EchoMessage {
            id,
            sequence: 1,
            payload: Bytes::from_static(b"unasked"),
        });
        let packet = IcmpPacket {
            source: "10.1.2.3".parse().unwrap(),
            destination: "192.0.0.8".parse().unwrap(),
            hops: 255,
            message,
        };
        peer.send_packet(packet.encode().unwrap());
    }
    counted("unknown_flow", unknown, 1).await;
    counted("unasked", unasked, 2).await;
    works(&*flow, &peer, session).await;
    drop(pings);
}

/// Point 21: of what an edge can send, a span is not one, so the type alone rules it out; what it does send is read here
/// by a decoder that takes nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_span_is_ever_sent_to_a_connector() {
    let stage = Stage::new(Version::V2).await;
    let mut peer = stage.peer_speaking(Version::V2, ConnectorId::random(), 0).await;
    let (flow, session) = stage.session(&mut peer).await;
    let trace = v2::Trace {
        trace: [1; 16],
        span: [2; 8],
        flags: 1,
    };
    let spans = Bytes::from_static(b"spans that nobody asked for");
    let before = dropped("unasked");
    peer.link
        .send_datagram(v2::ToEdge::Spans { spans, trace }.encode());
    counted("unasked", before, 1).await;
    // A payload that ends as a span does is still a payload.
    assert!(flow.send(Bytes::from_static(&[3; 40])));
    assert_eq!(peer.received().await, (session, Bytes::from_static(&[3; 40])));
    works(&*flow, &peer, session).await;
}
