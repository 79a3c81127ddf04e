//! Edges that take a connection and then say something wrong: it costs the connection, and the next edge is dialled.

use adit_connector::EdgeAddress;
use adit_core::ingress::Ingress;
use adit_net::quic::{HandshakeLimits, QuicConnection, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, TrustAnchors};
use adit_testing::scripted::{ScriptedEdge, TestIdentity};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::support::{Running, config};

/// What an edge does with a connection.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    ClosesAtOnce,
    AnswersNoise,
    AnnouncesHugeMessages,
    EndsTheControlStream,
    ResetsTheControlStream,
    OpensStreamsOfNoise,
}

const ALL: [Wrong; 6] = [
    Wrong::ClosesAtOnce,
    Wrong::AnswersNoise,
    Wrong::AnnouncesHugeMessages,
    Wrong::EndsTheControlStream,
    Wrong::ResetsTheControlStream,
    Wrong::OpensStreamsOfNoise,
];

async fn misbehave(connection: QuicConnection, wrong: Wrong) {
    let Ok((mut send, recv)) = connection.accept_stream().await else {
        return;
    };
    match wrong {
        Wrong::ClosesAtOnce => connection.close(7, "\u{1b}[2J\n odd words"),
        Wrong::AnswersNoise => drop(send.write_chunk(Bytes::from(vec![0xa5; 64 * 1024])).await),
        // 2^32 segments, the first of them of 2^32 words.
        Wrong::AnnouncesHugeMessages => drop(send.write_chunk(Bytes::from(vec![0xff; 16])).await),
        Wrong::EndsTheControlStream => send.finish(),
        Wrong::ResetsTheControlStream => send.reset(3),
        Wrong::OpensStreamsOfNoise => {
            for cut in 0..32_usize {
                let Ok((mut stream, _recv)) = connection.open_stream().await else {
                    return;
                };
                drop(stream.write_chunk(Bytes::from(vec![0x0a; cut + 1])).await);
                stream.finish();
            }
            send.finish();
        }
    }
    connection.closed().await;
    drop((send, recv));
}

#[tokio::test]
async fn an_edge_that_misbehaves_costs_a_connection_and_the_next_one_is_dialled() {
    for wrong in ALL {
        let identity = TestIdentity::edge();
        let tls = tls::edge_quic_config(CertificateSlot::new(&identity.identity)).unwrap();
        let keys = QuicKeys::generate().unwrap();
        let listener = QuicListener::bind(([127, 0, 0, 1], 0).into(), tls, &keys, HandshakeLimits::default());
        let listener = listener.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Some(incoming) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(connection) = incoming.finish().await {
                        misbehave(connection, wrong).await;
                    }
                });
            }
        });
        let good = ScriptedEdge::start();
        let (TrustAnchors::Only(mut anchors), TrustAnchors::Only(others)) =
            (identity.anchors, good.anchors())
        else {
            panic!("each has an anchor of its own")
        };
        anchors.extend(others);
        let edges: Vec<EdgeAddress> = vec![addr.into(), good.addr().into()];
        let mut config = config(edges, TrustAnchors::Only(anchors), Ingress::unconfigured());
        config.ha_connections = 1;
        let _connector = Running::start(config);
        let at = good.connected(1).await.remove(0);
        assert_eq!(at.get("shop.example", "/").await.status, 503, "{wrong:?}");
    }
}
