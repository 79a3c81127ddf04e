//! A replica that comes and goes.

use std::time::{Duration, Instant};

use adit_testing::{long_only, netns::pairs::Side, wait_within};
use serde_json::Value;

use crate::mesh;

/// How long it goes on.
const WHOLE: Duration = Duration::from_secs(120);
/// How long the cable is in, and out, at a time.
const HALF: Duration = Duration::from_secs(2);
/// How often it may lead to another active replica.
const MOST_CHANGES: u64 = 3;

#[tokio::test]
async fn a_provider_that_comes_and_goes_moves_the_traffic_three_times_at_most() {
    let test = "a_provider_that_comes_and_goes_moves_the_traffic_three_times_at_most";
    if !long_only(test) {
        return;
    }
    let Some(mesh) = mesh(test).await else { return };
    let path = format!(
        "/adit/warp_connector/{}/ha_events?per_page=1",
        mesh.tunnel(Side::A)
    );
    let epoch = async || {
        let events = mesh.api.done("GET", &path, &Value::Null).await;
        events[0]["epoch"].as_u64().unwrap_or_default()
    };
    let before = epoch().await;
    let flapping = mesh.active(Side::A).await.unwrap();
    let host = &mesh.pairs.replicas(Side::A)[flapping];
    let end = Instant::now() + WHOLE;
    let mut next = Instant::now();
    let mut is_in = true;
    wait_within(WHOLE * 2, "the end of the flapping", async || {
        if Instant::now() >= next {
            is_in = !is_in;
            next += HALF;
            if is_in {
                mesh.pairs.switch().plug(host, "wan");
            } else {
                mesh.pairs.switch().unplug(host, "wan");
            }
        }
        Instant::now() >= end
    })
    .await;
    mesh.pairs.switch().plug(host, "wan");
    let changes = epoch().await - before;
    assert!((1..=MOST_CHANGES).contains(&changes), "{changes} changes");
}
