//! A thousand nodes on one edge.

use std::time::{Duration, Instant};

use adit_mesh::control::client::ClientPhase;
use adit_testing::{long_only, wait_within};
use tokio::time::{interval, sleep};

use crate::world::World;

/// How long they are watched once all are there.
const WATCHED: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sessions_dialled_at_a_hundred_a_second_keep_their_beats() {
    if !long_only("a_thousand_sessions_dialled_at_a_hundred_a_second_keep_their_beats") {
        return;
    }
    let world = World::start().await;
    let sites: Vec<_> = (0..500).map(|_| world.store.site()).collect();
    let (mut tick, start) = (interval(Duration::from_millis(10)), Instant::now());
    let mut nodes = Vec::new();
    for number in 0..1_000 {
        tick.tick().await;
        nodes.push(world.node(sites[number % sites.len()]));
    }
    let all = async || nodes.iter().all(crate::world::Node::is_linked);
    wait_within(Duration::from_secs(60), "every node to be linked", all).await;
    println!("1,000 nodes linked {:?} after the first dial", start.elapsed());

    // Time has to pass for a beat to be missed.
    sleep(WATCHED).await;
    let phases = nodes
        .iter()
        .filter(|node| !matches!(node.phase(), ClientPhase::Linked(_)));
    assert_eq!(phases.count(), 0);
    assert_eq!(world.store.close_reasons(), [], "no session was lost");
    assert_eq!(world.store.open().len(), 1_000);
    let active = nodes
        .iter()
        .filter(|node| node.role() == Some(adit_wire::mesh::Role::Active));
    assert_eq!(active.count(), sites.len(), "one of each site carries");
}
