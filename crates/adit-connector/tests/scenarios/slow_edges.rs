//! Edges that take nothing of an answer.

use std::time::Duration;

use adit_net::quic::ReadError;
use adit_testing::origin::Origin;
use adit_testing::scripted::ScriptedEdge;
use adit_testing::{wait_for, within};
use http::Method;

use crate::support::{Running, head, single};

/// More than an edge lets a connector send ahead.
const BODY: usize = 256 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_longer_than_a_write_may_is_reset_and_the_connection_lives() {
    let origin = Origin::start().await;
    let edge = ScriptedEdge::start();
    let mut config = single(&edge, &format!("http://{}", origin.addr()), 1);
    config.write_limit = Some(Duration::from_millis(300));
    let _connector = Running::start(config);
    let at = edge.connected(1).await.remove(0);

    let mut asked = head(Method::GET, &[]);
    asked.dest = format!("http://shop.example/bytes/{BODY}");
    let mut slow = at.open(&asked, b"").await;
    let (_, first) = slow.head().await.unwrap();
    wait_for("the connector to give up", async || {
        origin.requests() == 1 && origin.live_requests() == 0
    })
    .await;
    let mut received = first.len();
    let end = within("the end", async {
        loop {
            match slow.recv.read_chunk(65_536).await {
                Ok(Some(chunk)) => received += chunk.len(),
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    });
    assert_eq!(end.await, Err(ReadError::Reset(0)));
    assert!(received < BODY);

    assert_eq!(at.get("shop.example", "/bytes/1000").await.body.len(), 1000);
}
