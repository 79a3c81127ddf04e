//! Echo requests and what comes back. Point 22.

use std::net::IpAddr;

use adit_model::ConnectorId;
use adit_net::private::{Echo, EchoAnswer, PrivateEchoes};
use adit_testing::within;
use adit_wire::icmp::{EchoMessage, Expired, IcmpMessage, IcmpPacket};
use bytes::Bytes;

use crate::stage::{Peer, Stage, in_both_versions};

in_both_versions!(
    an_echo_comes_back_over_ipv4_and_ipv6,
    a_request_without_hops_is_told,
    two_users_never_share_an_echo_id,
    a_request_goes_to_another_replica_when_the_first_has_gone,
    what_does_not_fit_a_packet_is_not_sent,
);

fn echo(sequence: u16) -> Echo {
    Echo {
        sequence,
        payload: Bytes::from_static(b"0123456789"),
    }
}

async fn asked(peer: &Peer) -> (IcmpPacket, EchoMessage) {
    let packet = IcmpPacket::decode(peer.received_packet().await).unwrap();
    let IcmpMessage::EchoRequest(echo) = packet.message.clone() else {
        panic!("{packet:?}");
    };
    (packet, echo)
}

fn reply(peer: &Peer, request: &IcmpPacket, echo: EchoMessage) {
    let reply = IcmpPacket {
        source: request.destination,
        destination: request.source,
        hops: 255,
        message: IcmpMessage::EchoReply(echo),
    };
    peer.send_packet(reply.encode().unwrap());
}

async fn answer(pings: &dyn PrivateEchoes) -> EchoAnswer {
    within("an answer", pings.receive()).await.unwrap()
}

async fn an_echo_comes_back_over_ipv4_and_ipv6(stage: Stage) {
    let peer = stage.peer().await;
    for to in ["10.1.2.3:0", "[2001:db8::7]:0"] {
        let pings = stage.dialer().icmp(to.parse().unwrap()).await.unwrap();
        for sequence in [1, 2, 65_535] {
            assert!(pings.send(echo(sequence), 64));
            let (packet, request) = asked(&peer).await;
            assert_eq!(
                packet.destination,
                to.parse::<std::net::SocketAddr>().unwrap().ip()
            );
            assert_eq!((packet.hops, request.sequence), (64, sequence));
            reply(&peer, &packet, request);
            assert_eq!(answer(&*pings).await, EchoAnswer::Reply(echo(sequence)));
        }
    }
}

async fn a_request_without_hops_is_told(stage: Stage) {
    let peer = stage.peer().await;
    for (to, router) in [("10.1.2.3:0", "10.0.0.1"), ("[2001:db8::7]:0", "2001:db8::1")] {
        let (to, from): (std::net::SocketAddr, IpAddr) = (to.parse().unwrap(), router.parse().unwrap());
        let pings = stage.dialer().icmp(to).await.unwrap();
        assert!(pings.send(echo(7), 1));
        let (packet, request) = asked(&peer).await;
        assert_eq!(packet.hops, 1);
        let expired = Expired {
            destination: to.ip(),
            id: request.id,
            sequence: 7,
        };
        let told = IcmpPacket {
            source: from,
            destination: packet.source,
            hops: 255,
            message: IcmpMessage::TimeExceeded(expired),
        };
        peer.send_packet(told.encode().unwrap());
        assert_eq!(
            answer(&*pings).await,
            EchoAnswer::TimeExceeded { from, sequence: 7 }
        );
    }
}

async fn two_users_never_share_an_echo_id(stage: Stage) {
    let peer = stage.peer().await;
    let dialer = stage.dialer();
    let to = "10.1.2.3:0".parse().unwrap();
    let (one, other) = (dialer.icmp(to).await.unwrap(), dialer.icmp(to).await.unwrap());
    assert!(one.send(echo(1), 64));
    let (first, ones) = asked(&peer).await;
    assert!(other.send(echo(1), 64));
    let (second, others) = asked(&peer).await;
    assert_ne!(ones.id, others.id);
    // Answered the other way round, each user hears its own.
    let mark = |request: EchoMessage, payload| EchoMessage {
        payload: Bytes::from_static(payload),
        ..request
    };
    reply(&peer, &second, mark(others, b"other"));
    reply(&peer, &first, mark(ones.clone(), b"one"));
    let payload = async |pings: &dyn PrivateEchoes| match answer(pings).await {
        EchoAnswer::Reply(echo) => echo.payload,
        told @ EchoAnswer::TimeExceeded { .. } => panic!("{told:?}"),
    };
    assert_eq!(payload(&*one).await, "one");
    assert_eq!(payload(&*other).await, "other");
    // The id of one who has gone is nobody's.
    drop(one);
    let third = dialer.icmp(to).await.unwrap();
    assert!(third.send(echo(1), 64));
    assert_ne!(asked(&peer).await.1.id, ones.id);
}

async fn a_request_goes_to_another_replica_when_the_first_has_gone(stage: Stage) {
    let first = stage.peer().await;
    let pings = stage.dialer().icmp("10.1.2.3:0".parse().unwrap()).await.unwrap();
    assert!(pings.send(echo(1), 64));
    asked(&first).await;
    let second = stage.peer_of(ConnectorId::random(), 0).await;
    first.close();
    let mut sequence = 1;
    let packet = loop {
        sequence += 1;
        pings.send(echo(sequence), 64);
        if let Ok(asked) = tokio::time::timeout(std::time::Duration::from_millis(50), asked(&second)).await {
            break asked;
        }
        assert!(sequence < 100, "it never moved");
    };
    reply(&second, &packet.0, packet.1.clone());
    assert_eq!(answer(&*pings).await, EchoAnswer::Reply(echo(packet.1.sequence)));
}

async fn what_does_not_fit_a_packet_is_not_sent(stage: Stage) {
    let peer = stage.peer().await;
    let pings = stage.dialer().icmp("10.1.2.3:0".parse().unwrap()).await.unwrap();
    let large = Echo {
        sequence: 1,
        payload: Bytes::from(vec![0; 1253]),
    };
    assert!(!pings.send(large, 64));
    assert!(pings.send(echo(2), 64));
    assert_eq!(asked(&peer).await.1.sequence, 2);
}
