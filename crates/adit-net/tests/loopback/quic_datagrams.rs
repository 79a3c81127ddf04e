//! Datagrams beside the streams.

use adit_net::quic::{CloseCause, DatagramRefused};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::support::{QuicPair, within};

#[tokio::test]
async fn datagrams_arrive_and_too_large_ones_are_refused() {
    let pair = QuicPair::start().await;
    pair.edge.offer_datagram(Bytes::from_static(b"one")).unwrap();
    pair.edge.offer_datagram(Bytes::from_static(b"two")).unwrap();
    let arrived = within("a datagram", pair.connector.receive_datagram()).await;
    assert_eq!(arrived.unwrap(), "one");
    let arrived = within("a datagram", pair.connector.receive_datagram()).await;
    assert_eq!(arrived.unwrap(), "two");
    assert_eq!(pair.connector.try_receive_datagram(), None);
    let large = Bytes::from(vec![0; 60_000]);
    assert_eq!(pair.edge.offer_datagram(large), Err(DatagramRefused::TooLarge));
}

#[tokio::test]
async fn what_waits_to_be_sent_stays_and_the_newest_is_refused() {
    let pair = QuicPair::start().await;
    // The runtime has one thread: nothing is sent before this test waits.
    let mut sent = 0_u16;
    let refused = loop {
        let datagram = Bytes::from([&sent.to_be_bytes()[..], &[0; 1000]].concat());
        match pair.edge.offer_datagram(datagram) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 1000, "there must be a bound");
    };
    assert_eq!(refused, DatagramRefused::Full);
    let first = within("a datagram", pair.connector.receive_datagram()).await;
    assert_eq!(first.unwrap()[..2], [0, 0]);
}

#[tokio::test]
async fn a_closed_connection_says_so() {
    let pair = QuicPair::start().await;
    pair.edge.close(0, "");
    assert_eq!(
        pair.edge.offer_datagram(Bytes::new()),
        Err(DatagramRefused::Closed)
    );
    let received = within("the end", pair.edge.receive_datagram()).await;
    assert_eq!(received, Err(CloseCause::Local));
    assert_eq!(pair.edge.try_receive_datagram(), None);
}

#[tokio::test]
async fn what_nobody_takes_is_dropped_until_somebody_does() {
    let pair = QuicPair::start().await;
    pair.connector
        .offer_datagram(Bytes::from_static(b"early"))
        .unwrap();
    // A stream's bytes travel behind the datagrams that are there already.
    let (mut writer, _reader) = pair.connector.open_stream().await.unwrap();
    writer.write_all(b"after it").await.unwrap();
    tokio::select! {
        biased;
        never = pair.edge.discard_datagrams() => match never {},
        stream = within("the stream", pair.edge.accept_stream()) => { stream.unwrap(); }
    }
    pair.edge.take_datagrams();
    pair.connector
        .offer_datagram(Bytes::from_static(b"late"))
        .unwrap();
    let arrived = within("a datagram", pair.edge.receive_datagram()).await;
    assert_eq!(arrived.unwrap(), "late");
}
