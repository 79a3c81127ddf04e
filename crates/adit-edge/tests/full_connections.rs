//! Connections whose peer takes no more requests: they get none, and who finds no other waits a while for room.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, Instant};

use support::scripted::{Scene, on_both_transports};

on_both_transports!(
    a_full_connection_gets_no_request_while_another_has_room,
    a_request_waits_for_room_and_is_served,
    a_tunnel_that_stays_full_is_a_503_that_says_so,
    those_who_wait_are_served_as_room_comes,
);

async fn a_full_connection_gets_no_request_while_another_has_room(scene: Scene) {
    let mut small = scene.connector_allowing(2).await;
    let mut large = scene.connector_allowing(100).await;
    let mut running = Vec::new();
    let mut asked = Vec::new();
    // The small one's turn comes as often as the other's until it is full.
    for _ in 0..40 {
        running.push(scene.get());
        asked.push(tokio::select! {
            asked = small.next() => (true, asked),
            asked = large.next() => (false, asked),
        });
    }
    let at_small = asked.iter().filter(|(at_small, _)| *at_small).count();
    assert_eq!(at_small, 2, "of 40 requests");
    for (_, asked) in asked {
        asked.say(200, "done").await;
    }
    for running in running {
        assert_eq!(running.answer().await.0.status(), 200);
    }
    // With room again it has its share again.
    let mut again = false;
    for _ in 0..100 {
        let asking = scene.get();
        tokio::select! {
            asked = small.next() => { again = true; asked.say(200, "small").await }
            asked = large.next() => asked.say(200, "large").await,
        }
        asking.answer().await;
    }
    assert!(again, "it never got a request again");
}

async fn a_request_waits_for_room_and_is_served(scene: Scene) {
    let mut connector = scene.connector_allowing(1).await;
    let first = scene.get();
    let asked = connector.next().await;
    let second = scene.get();
    asked.say(200, "first").await;
    assert_eq!(first.answer().await.1.read().await.unwrap(), "first");
    connector.next().await.say(200, "second").await;
    assert_eq!(second.answer().await.1.read().await.unwrap(), "second");
}

async fn a_tunnel_that_stays_full_is_a_503_that_says_so(scene: Scene) {
    let mut connector = scene.connector_allowing(1).await;
    let first = scene.get();
    let asked = connector.next().await;
    let begun = Instant::now();
    let (head, mut body) = scene.get().answer().await;
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(head.status(), 503);
    assert_eq!(head.headers()["retry-after"], "1");
    let page = body.read().await.unwrap();
    let page = String::from_utf8_lossy(&page);
    assert!(page.starts_with("the tunnel is full\n"), "{page}");
    assert!(page.contains("failed at: connector"), "{page}");
    asked.say(200, "first").await;
    assert_eq!(first.answer().await.1.read().await.unwrap(), "first");
}

async fn those_who_wait_are_served_as_room_comes(scene: Scene) {
    let mut connector = scene.connector_allowing(3).await;
    let running: Vec<_> = (0..40).map(|_| scene.get()).collect();
    for _ in 0..40 {
        connector.next().await.say(200, "served").await;
    }
    for running in running {
        let (head, mut body) = running.answer().await;
        assert_eq!(head.status(), 200);
        assert_eq!(body.read().await.unwrap(), "served");
    }
}
