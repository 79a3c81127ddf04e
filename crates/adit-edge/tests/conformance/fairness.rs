//! Small requests beside large and stalled answers on the same connection: none holds them up.

use std::time::{Duration, Instant};

use adit_testing::{client::get, scripted::AnswerBody};
use http::HeaderMap;
use tokio::task::JoinSet;

use crate::support::{
    HOST,
    scripted::{Scene, on_both_transports},
};

const SMALL_REQUESTS: usize = 100;
/// Generous: programs are not optimised, and other tests run beside this one.
const P99: Duration = Duration::from_millis(500);

on_both_transports!(small_requests_pass_a_download_and_five_that_nobody_reads);

/// Writes without an end.
async fn pour(mut body: AnswerBody) {
    while body.write(vec![1; 64 * 1024]).await.is_ok() {}
}

async fn small_requests_pass_a_download_and_five_that_nobody_reads(scene: Scene) {
    let mut connector = scene.connector().await;
    let mut pouring = JoinSet::new();
    let mut downloads = Vec::new();
    for _ in 0..6 {
        let asking = scene.get();
        let (_, body) = connector.next().await.answer(200, HeaderMap::new()).await;
        pouring.spawn(pour(body));
        downloads.push(asking.answer().await.1);
    }
    // One client reads, five do not.
    let mut reading = downloads.pop().unwrap();
    let mut reader = JoinSet::new();
    reader.spawn(async move { while let Ok(Some(_)) = reading.chunk().await {} });

    let (listener, mut took) = (scene.edge.http(), Vec::new());
    for _ in 0..SMALL_REQUESTS {
        let begun = Instant::now();
        let (answer, ()) = tokio::join!(get(listener, HOST, "/"), async {
            connector.next().await.say(200, "small").await;
        });
        assert_eq!(answer.unwrap().text(), "small");
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    assert!(took[SMALL_REQUESTS * 99 / 100 - 1] < P99, "{took:?}");
    assert_eq!(pouring.len(), 6, "a download ended");
}
