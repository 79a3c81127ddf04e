//! The server goes, or everybody else does.

use std::time::{Duration, Instant};

use adit_testing::{
    mesh::Fault,
    netns::pairs::{HOST, Side},
    wait_within,
};

use crate::mesh;

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_keeps_who_was_active() {
    let test = "a_server_that_is_killed_and_restarted_keeps_who_was_active";
    let Some(mut mesh) = mesh(test).await else { return };
    // Not those that would be chosen anew.
    for side in Side::BOTH {
        let other = 1 - mesh.active(side).await.unwrap();
        let path = format!("/warp_connector/{}/failover", mesh.tunnel(side));
        let body = serde_json::json!({"client_id": mesh.connector(side, other)});
        mesh.api.done("PUT", &path, &body).await;
    }
    let before = [mesh.active(Side::A).await, mesh.active(Side::B).await];
    let outcome = mesh.suffer(Fault::EdgeRestart).await;
    println!("{outcome:?}");
    assert_eq!(outcome.broken, [""; 0]);
    let beyond = outcome.gap().saturating_sub(outcome.restart.unwrap());
    assert!(
        beyond <= Duration::from_secs(4),
        "{beyond:?} longer than the restart"
    );
    mesh.whole().await;
    assert_eq!([mesh.active(Side::A).await, mesh.active(Side::B).await], before);
}

#[tokio::test]
async fn the_first_replica_that_returns_is_active_at_once() {
    let test = "the_first_replica_that_returns_is_active_at_once";
    let Some(mut mesh) = mesh(test).await else { return };
    let standby = 1 - mesh.active(Side::A).await.unwrap();
    for index in [standby, 1 - standby] {
        mesh.kill_node(Side::A, index).await;
    }
    wait_within(
        Duration::from_secs(10),
        "both replicas to be offline",
        async || {
            let shown = mesh.shown(Side::A).await;
            shown.iter().all(|replica| replica.status == "offline")
        },
    )
    .await;

    mesh.start_node(Side::A, standby).await;
    wait_within(Duration::from_secs(10), "its session", async || {
        let status = mesh.status(Side::A, standby).unwrap_or_default();
        status["session"]["connected"] == true
    })
    .await;
    let session = Instant::now();
    wait_within(Duration::from_secs(10), "it to be active", async || {
        mesh.active(Side::A).await == Some(standby)
    })
    .await;
    let took = session.elapsed();
    assert!(took <= Duration::from_secs(2), "{took:?} after its session");
    wait_within(Duration::from_secs(10), "packets to flow", async || {
        mesh.pairs.host(Side::B).reaches(&Side::A.v4(HOST))
    })
    .await;
}
