//! Points 17, 18 and 23 of the checklist, for TCP.

use adit_net::private::PrivateDialError;
use adit_testing::{cloudflared::Protocol, origin::pattern, within};
use adit_wire::FlowKind;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{Stage, destination, over_both_transports};

const LARGE: usize = 5_000_000;

over_both_transports!(
    a_flow_goes_to_the_routed_address_and_carries_bytes_both_ways,
    a_refused_dial_is_told_with_the_reason,
    a_connector_that_has_too_many_flows_is_told_apart,
    a_large_answer_is_whole_after_the_client_has_ended_its_side,
    a_flow_that_is_dropped_is_reset_on_both_sides,
    a_dial_that_a_connection_swallowed_goes_to_another_one,
);

async fn a_flow_goes_to_the_routed_address_and_carries_bytes_both_ways(stage: Stage) {
    let mut connector = stage.connector().await;
    for to in ["10.1.2.3:5432", "127.0.0.1:22"] {
        let dialling = stage.dial(to);
        let asked = connector.next().await;
        assert_eq!(asked.head.kind, FlowKind::Tcp);
        assert_eq!(destination(&asked, stage.protocol), to);
        let (mut from_edge, mut to_edge) = asked.answer(200, HeaderMap::new()).await;
        let mut flow = dialling.outcome().await.unwrap();
        flow.write_all(b"ping").await.unwrap();
        assert_eq!(
            within("a ping", from_edge.chunk()).await.unwrap().unwrap(),
            "ping"
        );
        to_edge.write("pong").await.unwrap();
        let mut pong = [0; 4];
        within("a pong", flow.read_exact(&mut pong)).await.unwrap();
        assert_eq!(&pong, b"pong");
        to_edge.finish();
        assert_eq!(within("the end", flow.read(&mut pong)).await.unwrap(), 0);
        assert_eq!(within("the edge's end", from_edge.chunk()).await, Ok(None));
    }
}

async fn a_refused_dial_is_told_with_the_reason(stage: Stage) {
    let mut connector = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:1");
    connector.next().await.fail("dial tcp 10.1.2.3:1: refused").await;
    let PrivateDialError::Refused(words) = dialling.error().await else {
        panic!("another reason")
    };
    match stage.protocol {
        Protocol::Quic => assert_eq!(words, "dial tcp 10.1.2.3:1: refused"),
        // This transport carries no words.
        Protocol::Http2 => assert_eq!(words, "the connector could not reach the origin"),
    }
}

async fn a_connector_that_has_too_many_flows_is_told_apart(stage: Stage) {
    let mut connector = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:80");
    connector.next().await.too_many_flows().await;
    let expected = PrivateDialError::TooMany("the connector has as many as it may");
    assert_eq!(dialling.error().await, expected);
}

async fn a_large_answer_is_whole_after_the_client_has_ended_its_side(stage: Stage) {
    let mut connector = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:80");
    let (mut from_edge, mut to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    let mut flow = dialling.outcome().await.unwrap();
    flow.write_all(b"GET").await.unwrap();
    flow.shutdown().await.unwrap();
    assert!(flow.write_all(b"more").await.is_err());
    assert_eq!(
        within("the request", from_edge.chunk()).await.unwrap().unwrap(),
        "GET"
    );
    // A connector ends the whole flow at the first end of either side.
    let sending = async {
        for piece in pattern(LARGE).chunks(100_000) {
            to_edge.write(piece.to_vec()).await.unwrap();
        }
    };
    let reading = async {
        let mut answer = vec![0; LARGE];
        within("the answer", flow.read_exact(&mut answer)).await.unwrap();
        assert!(answer == pattern(LARGE), "not what was sent");
    };
    tokio::select! {
        ended = from_edge.chunk() => panic!("the edge ended its side: {ended:?}"),
        _ = async { tokio::join!(sending, reading) } => {}
    }
    to_edge.finish();
    assert_eq!(within("the end", flow.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(within("the edge's end", from_edge.chunk()).await, Ok(None));
}

async fn a_flow_that_is_dropped_is_reset_on_both_sides(stage: Stage) {
    let mut connector = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:80");
    let (mut from_edge, mut to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    drop(dialling.outcome().await.unwrap());
    within("the reset", from_edge.chunk()).await.unwrap_err();
    within("the stop", async { while to_edge.write("x").await.is_ok() {} }).await;
}

async fn a_dial_that_a_connection_swallowed_goes_to_another_one(stage: Stage) {
    let mut first = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:80");
    let swallowed = first.next().await;
    let mut second = stage.connector().await;
    drop(first);
    let asked = second.next().await;
    assert_eq!(destination(&asked, stage.protocol), "10.1.2.3:80");
    let (_from_edge, _to_edge) = asked.answer(200, HeaderMap::new()).await;
    dialling.outcome().await.unwrap();
    drop(swallowed);
}

#[tokio::test]
async fn what_no_route_leads_to_is_told_from_what_is_forbidden_and_what_is_down() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead("0.0.0.0/0").await;
    stage.lead("fe80::/10").await;
    let own = stage.edge.edge.addresses().connectors;
    for to in [
        "169.254.169.254:80".to_owned(),
        "[::ffff:169.254.169.254]:80".to_owned(),
        "[fe80::1]:80".to_owned(),
        "0.0.0.0:80".to_owned(),
        format!("[::1]:{}", own.port()),
    ] {
        let error = stage.dial(&to).error().await;
        assert!(matches!(error, PrivateDialError::Forbidden(_)), "{to}: {error}");
    }
    let error = stage.dial("[2001:db8::1]:80").error().await;
    assert_eq!(
        error,
        PrivateDialError::NoRoute("[2001:db8::1]:80".parse().unwrap())
    );
    assert_eq!(
        stage.dial("10.1.2.3:80").error().await,
        PrivateDialError::NoConnector
    );
}

#[tokio::test]
async fn own_listeners_are_refused_unless_they_are_listed() {
    let stage = Stage::with(Protocol::Quic, |config| config.private.allow = Vec::new()).await;
    let to = stage.edge.http().to_string();
    assert!(matches!(
        stage.dial(&to).error().await,
        PrivateDialError::Forbidden(_)
    ));
    let mapped = format!("[::ffff:127.0.0.1]:{}", stage.edge.http().port());
    assert!(matches!(
        stage.dial(&mapped).error().await,
        PrivateDialError::Forbidden(_)
    ));
}

#[tokio::test]
async fn an_account_has_so_many_flows_and_no_more() {
    let stage = Stage::with(Protocol::Quic, |config| config.private.max_account_flows = 1).await;
    let mut connector = stage.connector().await;
    let dialling = stage.dial("10.1.2.3:80");
    let (_from_edge, _to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    let flow = dialling.outcome().await.unwrap();
    let error = stage.dial("10.1.2.3:80").error().await;
    assert_eq!(
        error,
        PrivateDialError::TooMany("the account has as many as it may")
    );
    drop(flow);
    let dialling = stage.dial("10.1.2.3:80");
    let (_from_edge, _to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    dialling.outcome().await.unwrap();
}
