//! UDP sessions. Points 19, 20 and 23.

use std::time::Duration;

use adit_model::SessionId;
use adit_testing::within;
use adit_wire::datagram::Version;
use bytes::Bytes;
use tokio::net::UdpSocket;

use super::stage::{LONG, Stage, in_both_versions, origin};

in_both_versions!(
    datagrams_pass_both_ways_and_each_session_has_a_socket,
    an_ipv6_origin_is_reached,
    what_is_too_large_for_a_tunnel_is_dropped_and_the_session_lives,
    an_empty_datagram_is_one,
    a_session_at_the_flow_limit_is_refused_and_has_a_place_once_one_is_free,
    strangers_do_not_get_in,
    the_virtual_dns_service_leads_to_the_resolver_that_is_named,
);

async fn datagrams_pass_both_ways_and_each_session_has_a_socket(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let one = stage.session(to).await;
    let other = stage.session(to).await;
    let port = stage.exchange(one, &origin).await;
    assert_ne!(stage.exchange(other, &origin).await, port);
    assert_eq!(stage.exchange(one, &origin).await, port);
}

async fn an_ipv6_origin_is_reached(version: Version) {
    let Ok(origin) = UdpSocket::bind("[::1]:0").await else {
        return adit_testing::skip("an_ipv6_origin_is_reached", "no IPv6 on loopback");
    };
    let stage = Stage::new(version).await;
    let session = stage.session(origin.local_addr().unwrap()).await;
    stage.exchange(session, &origin).await;
}

async fn what_is_too_large_for_a_tunnel_is_dropped_and_the_session_lives(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    stage.send(session, b"question");
    let (_, connector) = within("the question", origin.recv_from(&mut [0; 64]))
        .await
        .unwrap();
    for length in [1281, 1500, 9000] {
        origin.send_to(&vec![1; length], connector).await.unwrap();
    }
    origin.send_to(b"small", connector).await.unwrap();
    assert_eq!(stage.received().await, (session, Bytes::from_static(b"small")));
    // The largest passes once the path has been probed for it.
    let large = Bytes::from(vec![2; 1280]);
    let arrived = within("the largest", async {
        loop {
            origin.send_to(&large, connector).await.unwrap();
            let next = tokio::time::timeout(Duration::from_millis(200), stage.received());
            if let Ok(received) = next.await {
                return received;
            }
        }
    });
    assert_eq!(arrived.await, (session, large));
}

async fn an_empty_datagram_is_one(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    stage.send(session, b"");
    let (length, from) = within("it", origin.recv_from(&mut [0; 64])).await.unwrap();
    assert_eq!(length, 0);
    origin.send_to(b"", from).await.unwrap();
    assert_eq!(stage.received().await, (session, Bytes::new()));
}

async fn a_session_at_the_flow_limit_is_refused_and_has_a_place_once_one_is_free(version: Version) {
    let stage = Stage::with(version, 1, |config| config.private.max_active_flows = Some(1)).await;
    let (origin, to) = origin().await;
    let first = SessionId::random();
    stage.register(first, to, Duration::from_secs(1)).await.unwrap();
    let refusal = stage.register(SessionId::random(), to, LONG).await.unwrap_err();
    match version {
        Version::V2 => assert_eq!(
            refusal,
            "failed to start udp session due to rate limiting: too many active flows"
        ),
        Version::V3 => assert_eq!(refusal, "TooMany"),
    }
    stage.exchange(first, &origin).await;
    // After its idle time.
    let next = SessionId::random();
    within("a place", async {
        while stage.register(next, to, LONG).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    stage.exchange(next, &origin).await;
}

async fn strangers_do_not_get_in(version: Version) {
    let stage = Stage::new(version).await;
    let (origin, to) = origin().await;
    let session = stage.session(to).await;
    stage.send(session, b"question");
    let (_, connector) = within("the question", origin.recv_from(&mut [0; 64]))
        .await
        .unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(b"stranger", connector).await.unwrap();
    origin.send_to(b"origin", connector).await.unwrap();
    assert_eq!(stage.received().await, (session, Bytes::from_static(b"origin")));
}

async fn the_virtual_dns_service_leads_to_the_resolver_that_is_named(version: Version) {
    let (resolver, named) = origin().await;
    let stage = Stage::with(version, 1, |config| config.private.dns_resolvers = vec![named]).await;
    let session = stage.session("[2606:4700:cf1:2000::1]:53".parse().unwrap()).await;
    stage.exchange(session, &resolver).await;
}
