//! The call that moves a site's traffic.

use std::time::Duration;

use adit_testing::{long_wanted, mesh::Fault};

use crate::{assert_seamless, mesh};

#[tokio::test]
async fn a_call_moves_packets_to_the_other_replica_again_and_again_and_breaks_no_connection() {
    let test = "a_call_moves_packets_to_the_other_replica_again_and_again_and_breaks_no_connection";
    let Some(mut mesh) = mesh(test).await else { return };
    let runs = if long_wanted() { 50 } else { 10 };
    for run in 1..=runs {
        let outcome = mesh.suffer(Fault::Manual).await;
        println!("run {run} of {runs}");
        assert_seamless(&outcome);
        assert!(outcome.gap() <= Duration::from_secs(1), "{outcome:?}");
    }
}
