//! Echo requests and what comes back. Point 22. They take net.ipv4.ping_group_range or CAP_NET_RAW.

use std::net::IpAddr;
use std::time::Duration;

use adit_testing::skip;
use adit_wire::datagram::Version;
use adit_wire::icmp::{EchoMessage, Expired, IcmpMessage, IcmpPacket};
use bytes::Bytes;

use super::stage::{Stage, in_both_versions, origin};

in_both_versions!(
    an_echo_comes_back_with_the_id_that_it_had,
    a_request_without_hops_is_told,
    two_who_ask_with_one_id_have_answers_of_their_own,
    nothing_is_answered_where_echoes_are_not_wanted,
);

/// Whether this machine lets this process send echo requests, one way or the other.
fn may_ping() -> bool {
    [socket2::Type::DGRAM, socket2::Type::RAW]
        .into_iter()
        .any(|kind| {
            socket2::Socket::new(socket2::Domain::IPV4, kind, Some(socket2::Protocol::ICMPV4)).is_ok()
        })
}

fn addresses() -> Vec<(IpAddr, IpAddr)> {
    let mut addresses = vec![("192.0.0.8".parse().unwrap(), "127.0.0.1".parse().unwrap())];
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        addresses.push(("100:0:0:1::1".parse().unwrap(), "::1".parse().unwrap()));
    }
    addresses
}

fn request(source: IpAddr, destination: IpAddr, id: u16, sequence: u16, hops: u8) -> IcmpPacket {
    IcmpPacket {
        source,
        destination,
        hops,
        message: IcmpMessage::EchoRequest(EchoMessage {
            id,
            sequence,
            payload: Bytes::from_static(b"0123456789abcdef"),
        }),
    }
}

async fn answer(stage: &Stage) -> IcmpPacket {
    IcmpPacket::decode(stage.received_packet().await).unwrap()
}

/// What the answer to a request must be.
fn answered(request: &IcmpPacket) -> IcmpPacket {
    let IcmpMessage::EchoRequest(echo) = request.message.clone() else {
        panic!("{request:?}");
    };
    IcmpPacket {
        source: request.destination,
        destination: request.source,
        hops: 255,
        message: IcmpMessage::EchoReply(echo),
    }
}

async fn an_echo_comes_back_with_the_id_that_it_had(version: Version) {
    if !may_ping() {
        return skip(
            "an_echo_comes_back_with_the_id_that_it_had",
            "this process may not ping",
        );
    }
    let stage = Stage::new(version).await;
    for (from, to) in addresses() {
        for sequence in [1, 2, 65_535] {
            let request = request(from, to, 777, sequence, 64);
            stage.send_packet(request.encode().unwrap());
            assert_eq!(answer(&stage).await, answered(&request));
        }
    }
}

async fn a_request_without_hops_is_told(version: Version) {
    if !may_ping() {
        return skip("a_request_without_hops_is_told", "this process may not ping");
    }
    let stage = Stage::new(version).await;
    for (from, to) in addresses() {
        for hops in [0, 1] {
            stage.send_packet(request(from, to, 9, 4, hops).encode().unwrap());
            let told = answer(&stage).await;
            let expired = Expired {
                destination: to,
                id: 9,
                sequence: 4,
            };
            assert_eq!(told.message, IcmpMessage::TimeExceeded(expired));
            // It is the connector's machine that says so.
            assert_eq!((told.source, told.destination), (to, from));
        }
    }
}

async fn two_who_ask_with_one_id_have_answers_of_their_own(version: Version) {
    if !may_ping() {
        return skip(
            "two_who_ask_with_one_id_have_answers_of_their_own",
            "this process may not ping",
        );
    }
    let stage = Stage::new(version).await;
    let to = "127.0.0.1".parse().unwrap();
    let requests = ["10.0.0.1", "10.0.0.2"].map(|from| request(from.parse().unwrap(), to, 5, 6, 64));
    for request in &requests {
        stage.send_packet(request.encode().unwrap());
    }
    let mut answers = vec![answer(&stage).await, answer(&stage).await];
    answers.sort_by_key(|packet| packet.destination);
    assert_eq!(answers, requests.iter().map(answered).collect::<Vec<_>>());
}

async fn nothing_is_answered_where_echoes_are_not_wanted(version: Version) {
    let stage = Stage::with(version, 1, |config| config.private.icmp = false).await;
    let packet = request(
        "192.0.0.8".parse().unwrap(),
        "127.0.0.1".parse().unwrap(),
        1,
        1,
        1,
    );
    stage.send_packet(packet.encode().unwrap());
    // Datagrams of one connection are taken in turn: what follows would come after the answer.
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    stage.exchange(session, &origin).await;
    let nothing = tokio::time::timeout(Duration::from_millis(100), stage.at[0].quic().receive_datagram());
    assert!(nothing.await.is_err());
}
