//! How much travels at once.

use adit_net::quic::QuicConnection;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::support::{QuicPair, within};

/// The streams that are written in one turn, each a few bytes.
const STREAMS: u64 = 64;

async fn next_stream_ends(connection: &QuicConnection) {
    let (_, mut recv) = within("a stream", connection.accept_stream()).await.unwrap();
    while within("its end", recv.read_chunk(64 * 1024))
        .await
        .unwrap()
        .is_some()
    {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_written_in_one_turn_travels_in_few_packets() {
    let pair = QuicPair::start().await;
    let before = pair.edge.stats().sent_packets;
    let edge = pair.edge.clone();
    let mut turn = JoinSet::new();
    // The worker itself begins them all, so that it cannot come to the connection in between.
    turn.spawn(async move {
        let mut requests = JoinSet::new();
        for _ in 0..STREAMS {
            let edge = edge.clone();
            requests.spawn(async move {
                let (mut send, recv) = edge.open_stream().await.unwrap();
                send.write_chunk(Bytes::from_static(b"a small request"))
                    .await
                    .unwrap();
                send.finish();
                (send, recv)
            });
        }
        requests.join_all().await
    });
    let _kept = turn.join_all().await;
    for _ in 0..STREAMS {
        next_stream_ends(&pair.connector).await;
    }
    let packets = pair.edge.stats().sent_packets - before;
    assert!(packets < STREAMS / 4, "{packets} packets for {STREAMS} streams");
}

#[tokio::test]
async fn a_path_that_carries_more_than_an_ethernet_frame_gets_larger_packets() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    let body = Bytes::from(vec![0x5a; 4 << 20]);
    let sent = async {
        send.write_chunk(body).await.unwrap();
        send.finish();
    };
    tokio::join!(sent, next_stream_ends(&pair.connector));
    let mtu = pair.edge.stats().mtu;
    assert!(mtu > 6000, "loopback carries 65,536 bytes, and {mtu} are used");
}
