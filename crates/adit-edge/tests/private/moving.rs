//! Sessions whose connection goes. Point 20: migration.

use std::time::{Duration, Instant};

use adit_model::{ConnectionIndex, ConnectorId};
use adit_testing::within;
use adit_wire::datagram::Version;
use bytes::Bytes;

use crate::stage::{Stage, in_both_versions, received, works, works_soon};

in_both_versions!(
    a_session_moves_to_another_connection_of_its_connector,
    a_session_moves_to_another_replica_when_its_own_goes,
    a_session_leaves_a_connection_that_says_goodbye,
    a_session_ends_with_the_last_connection,
    many_sessions_move_together,
    sessions_do_not_hold_up_an_edge_that_stops,
);

async fn a_session_moves_to_another_connection_of_its_connector(stage: Stage) {
    let connector = ConnectorId::random();
    let mut first = stage.peer_of(connector, 0).await;
    let (flow, session) = stage.session(&mut first).await;
    works(&*flow, &first, session).await;
    let mut replica = stage.peer().await;
    let mut second = stage.peer_of(connector, 1).await;
    first.close();
    let asked = second.asked().await;
    assert_eq!(asked.session, session, "the same, so that the connector knows it");
    second.link.take(asked);
    works_soon(&*flow, &second, session).await;
    assert!(
        replica.link.try_next_call().is_none(),
        "the replica was not asked"
    );
}

async fn a_session_moves_to_another_replica_when_its_own_goes(stage: Stage) {
    let mut first = stage.peer().await;
    let (flow, session) = stage.session(&mut first).await;
    let mut second = stage.peer().await;
    works(&*flow, &first, session).await;
    first.close();
    let asked = second.asked().await;
    assert_eq!(asked.session, session);
    second.link.take(asked);
    works_soon(&*flow, &second, session).await;
}

async fn a_session_leaves_a_connection_that_says_goodbye(stage: Stage) {
    let mut first = stage.peer().await;
    let (flow, session) = stage.session(&mut first).await;
    works(&*flow, &first, session).await;
    let mut second = stage.peer().await;
    first.link.unregister().await.unwrap();
    let asked = second.asked().await;
    assert_eq!(asked.session, session);
    // Until it is there, what the first brings is taken.
    first.send(session, b"from the old place");
    assert_eq!(received(&*flow).await.unwrap(), "from the old place");
    second.link.take(asked);
    works_soon(&*flow, &second, session).await;
}

async fn a_session_ends_with_the_last_connection(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    peer.close();
    assert_eq!(received(&*flow).await, None);
    assert!(!flow.send(Bytes::from_static(b"late")));
}

async fn many_sessions_move_together(stage: Stage) {
    let mut first = stage.peer().await;
    let mut flows = Vec::new();
    for _ in 0..40 {
        flows.push(stage.session(&mut first).await);
    }
    let mut second = stage.peer().await;
    first.close();
    for _ in &flows {
        let asked = second.asked().await;
        second.link.take(asked);
    }
    for (flow, session) in &flows {
        flow.send(Bytes::from_static(b"question"));
        assert_eq!(second.received().await.0, *session);
        second.send(*session, b"answer");
        assert_eq!(received(&**flow).await.unwrap(), "answer");
    }
}

async fn sessions_do_not_hold_up_an_edge_that_stops(stage: Stage) {
    let mut peer = stage.peer().await;
    let (flow, session) = stage.session(&mut peer).await;
    works(&*flow, &peer, session).await;
    let pings = stage.dialer().icmp("10.1.2.3:0".parse().unwrap()).await.unwrap();
    let begun = Instant::now();
    // Without requests an edge needs the time in which its connections leave, and no more of its grace.
    let stopping = stage.edge.edge.stop(Duration::from_secs(60));
    let ended = async { assert_eq!(received(&*flow).await, None) };
    let silent = async { assert_eq!(within("the end", pings.receive()).await, None) };
    within("the edge to stop", async {
        tokio::join!(stopping, ended, silent)
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_changes_versions_with_its_replica() {
    let stage = Stage::new(Version::V2).await;
    let mut old = stage.peer().await;
    let (flow, session) = stage.session(&mut old).await;
    let mut new = stage
        .peer_speaking(Version::V3, ConnectorId::random(), ConnectionIndex(0).0)
        .await;
    old.close();
    let asked = new.asked().await;
    new.link.take(asked);
    works_soon(&*flow, &new, session).await;
}
