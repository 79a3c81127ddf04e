//! Failures of replicas, their networks and the server, and what hosts notice of them.
#![expect(clippy::print_stdout, reason = "a test tells what it measured")]

#[path = "failover/edge.rs"]
mod edge;
#[path = "failover/flapping.rs"]
mod flapping;
#[path = "failover/gaps.rs"]
mod gaps;
#[path = "failover/manual.rs"]
mod manual;
#[path = "failover/zombie.rs"]
mod zombie;

use std::path::Path;

use adit_testing::{
    mesh::{Mesh, Outcome, Variant},
    netns, skip,
};

/// A mesh, unless the test cannot run here, which is told.
async fn mesh(test: &str) -> Option<Mesh> {
    mesh_as(test, Variant::default()).await
}

async fn mesh_as(test: &str, variant: Variant) -> Option<Mesh> {
    let reason = netns::absent()
        .map(str::to_owned)
        .or_else(|| ["nft", "ping"].into_iter().find_map(netns::absent_program));
    if let Some(reason) = reason {
        skip(test, reason);
        return None;
    }
    Some(Mesh::start_as(Path::new(env!("CARGO_BIN_EXE_adit")), variant).await)
}

/// Nobody's connection broke, and nobody saw two active replicas.
fn assert_seamless(outcome: &Outcome) {
    println!("{outcome:?}");
    assert_eq!(outcome.broken, [""; 0], "a TCP connection broke: {outcome:?}");
    assert!(outcome.polls > 0 && outcome.most_active <= 1, "{outcome:?}");
}
