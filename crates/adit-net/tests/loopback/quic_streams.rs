//! Streams of a QUIC connection over real loopback sockets.

use crate::support::{QuicPair, within};
use adit_net::quic::{CONNECTOR_PEER_STREAMS, EDGE_PEER_STREAMS, ReadError, WriteError};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_finished_stream_reads_to_its_end() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    send.write_chunk(Bytes::from_static(b"whole")).await.unwrap();
    send.finish();
    drop(send);

    let (_, mut recv) = pair.connector.accept_stream().await.unwrap();
    let mut all = Vec::new();
    within("the end", recv.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all, b"whole");
}

#[tokio::test]
async fn a_send_half_dropped_unfinished_reads_as_a_reset() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    send.write_chunk(Bytes::from_static(b"half")).await.unwrap();
    let (_, mut recv) = pair.connector.accept_stream().await.unwrap();
    assert_eq!(recv.read_chunk(64).await.unwrap().unwrap(), "half");

    drop(send);

    assert_eq!(
        within("the reset", recv.read_chunk(64)).await,
        Err(ReadError::Reset(0))
    );
}

#[tokio::test]
async fn shutting_down_as_async_write_finishes() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    send.write_all(b"bytes").await.unwrap();
    send.shutdown().await.unwrap();
    drop(send);

    let (_, mut recv) = pair.connector.accept_stream().await.unwrap();
    assert_eq!(recv.read_chunk(64).await.unwrap().unwrap(), "bytes");
    assert_eq!(within("the end", recv.read_chunk(64)).await, Ok(None));
}

#[tokio::test]
async fn a_receive_half_dropped_before_its_end_stops_the_sender() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    send.write_chunk(Bytes::from_static(b"first")).await.unwrap();

    drop(pair.connector.accept_stream().await.unwrap());

    assert_eq!(within("the stop", send.stopped()).await, Ok(Some(0)));
    let refused = send.write_chunk(Bytes::from_static(b"more")).await;
    assert_eq!(refused, Err(WriteError::Stopped(0)));
}

#[tokio::test]
async fn the_edge_lets_a_connector_open_sixteen_streams_and_more_as_those_end() {
    let pair = QuicPair::start().await;
    let mut open = Vec::new();
    for _ in 0..EDGE_PEER_STREAMS {
        let mut stream = within("a stream", pair.connector.open_stream()).await.unwrap();
        stream.0.write_chunk(Bytes::from_static(b"x")).await.unwrap();
        open.push(stream);
    }
    assert!(
        pair.connector.open_stream().now_or_never().is_none(),
        "one too many"
    );

    drop(open);
    for _ in 0..EDGE_PEER_STREAMS {
        drop(pair.edge.accept_stream().await.unwrap());
    }
    within("a free place", pair.connector.open_stream())
        .await
        .unwrap();
}

#[tokio::test]
async fn room_for_a_stream_is_waited_for_and_goes_to_who_asks_next() {
    let pair = QuicPair::start().await;
    let mut open = Vec::new();
    while let Some(mut stream) = pair.connector.try_open_stream().unwrap() {
        stream.0.write_chunk(Bytes::from_static(b"x")).await.unwrap();
        open.push(stream);
    }
    assert_eq!(open.len(), EDGE_PEER_STREAMS as usize);
    assert!(pair.connector.room().now_or_never().is_none(), "one too many");

    drop(open);
    for _ in 0..EDGE_PEER_STREAMS {
        drop(pair.edge.accept_stream().await.unwrap());
    }
    for _ in 0..2 {
        within("room", pair.connector.room()).await.unwrap();
    }
    let (mut send, _recv) = pair.connector.try_open_stream().unwrap().unwrap();
    send.write_chunk(Bytes::from_static(b"y")).await.unwrap();
    let (_, mut recv) = within("the stream", pair.edge.accept_stream()).await.unwrap();
    assert_eq!(recv.read_chunk(10).await.unwrap().unwrap(), "y");
}

#[tokio::test]
async fn a_connector_makes_room_for_more_streams_as_the_edge_opens_them_up_to_a_limit() {
    let pair = QuicPair::start().await;
    let (mut opened, mut accepted) = (Vec::new(), Vec::new());
    while opened.len() < CONNECTOR_PEER_STREAMS as usize {
        let mut stream = within("a stream", pair.edge.open_stream()).await.unwrap();
        stream.0.write_chunk(Bytes::from_static(b"x")).await.unwrap();
        opened.push(stream);
        accepted.push(
            within("the stream", pair.connector.accept_stream())
                .await
                .unwrap(),
        );
        pair.connector.make_room(accepted.len());
    }
    pair.connector.make_room(accepted.len());
    assert!(pair.edge.open_stream().now_or_never().is_none(), "one too many");
    assert_eq!(pair.connector.close_cause(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_packets_leave_in_one_call_to_the_system() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    let telling = async {
        for _ in 0..64 {
            send.write_chunk(Bytes::from(vec![7; 256 * 1024])).await.unwrap();
        }
        send.finish();
    };
    let reading = async {
        let (_send, mut recv) = pair.connector.accept_stream().await.unwrap();
        while recv.read_chunk(1 << 20).await.unwrap().is_some() {}
    };
    within("the bytes", async { tokio::join!(telling, reading) }).await;
    let stats = pair.edge.stats();
    assert!(stats.sent_packets > 2 * stats.send_calls, "{stats:?}");
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    let pair = QuicPair::start().await;
    let (mut send, _recv) = pair.edge.open_stream().await.unwrap();
    let chunk = Bytes::from(vec![7; 1 << 20]);
    let total = 64 << 20;
    let mut written = 0;
    // Nobody reads, so the windows fill: a write must wait before the whole is gone.
    while let Ok(done) = tokio::time::timeout(
        std::time::Duration::from_millis(500),
        send.write_chunk(chunk.clone()),
    )
    .await
    {
        done.unwrap();
        written += chunk.len();
        assert!(written < total, "64 MiB went nowhere");
    }
    let (_, mut recv) = pair.connector.accept_stream().await.unwrap();
    assert!(
        within("a chunk", recv.read_chunk(1 << 20))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn chunks_arrive_in_order_and_unbroken() {
    let pair = QuicPair::start().await;
    let sent: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|n| n.to_be_bytes().into_iter().skip(2))
        .collect();
    let (mut send, _keep) = pair.edge.open_stream().await.unwrap();
    let body = Bytes::from(sent.clone());
    let sending = async move {
        send.write_chunk(body).await.unwrap();
        send.finish();
    };
    let receiving = async {
        let (_, mut recv) = pair.connector.accept_stream().await.unwrap();
        let mut got = Vec::new();
        while let Some(chunk) = recv.read_chunk(10_000).await.unwrap() {
            assert!(chunk.len() <= 10_000);
            got.extend_from_slice(&chunk);
        }
        got
    };
    let ((), got) = within("the transfer", async { tokio::join!(sending, receiving) }).await;
    assert!(got == sent);
}
