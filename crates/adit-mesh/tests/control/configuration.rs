//! What nodes are told of the networks around them.

use std::time::{Duration, Instant};

use adit_core::{
    mesh::MeshRanges,
    port::{Change, MeshChange},
};
use adit_testing::wait_for;
use adit_wire::mesh::ConfigAck;

use crate::{store::ACCOUNT, world::World};

#[tokio::test]
async fn routes_reach_every_node_within_a_second() {
    let world = World::start().await;
    let ranges = MeshRanges::new("100.96.0.0/12".parse().unwrap(), "fd00::/64".parse().unwrap());
    world
        .store
        .change(Change::Mesh(MeshChange::Ranges(ACCOUNT, ranges)));
    let (berlin, lisbon) = (world.store.site(), world.store.site());
    world.store.route(berlin, "10.1.0.0/16");
    let [here, there] = [berlin, lisbon].map(|site| world.node(site));
    let config = here.until_linked().await;
    assert_eq!(config.local, ["10.1.0.0/16".parse().unwrap()]);
    assert_eq!(here.remote(), ["100.96.0.0/12", "fd00::/64"]);
    there.until_linked().await;
    assert_eq!(there.remote(), ["100.96.0.0/12", "fd00::/64", "10.1.0.0/16"]);

    let start = Instant::now();
    let route = world.store.route(lisbon, "10.2.0.0/16");
    wait_for("the new route", async || {
        here.remote().contains(&"10.2.0.0/16".to_owned())
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(there.config().unwrap().local, ["10.2.0.0/16".parse().unwrap()]);

    world.store.remove_route(route);
    wait_for("the route to be gone", async || here.remote().len() == 2).await;
    assert!(here.is_linked() && there.is_linked());
}

#[tokio::test]
async fn configurations_are_numbered_and_acknowledged() {
    let world = World::start().await;
    let site = world.store.site();
    let node = world.node(site);
    let first = node.until_linked().await;
    world.store.route(site, "10.1.0.0/16");
    wait_for("the next version", async || {
        node.config().unwrap().version > first.version
    })
    .await;
    for (version, applied) in [(1, true), (2, false), (77, true)] {
        node.client.acknowledge(ConfigAck {
            version,
            applied,
            errors: vec!["no right to change routes".to_owned()],
        });
    }
    // The session outlives acknowledgements, one of what was never sent among them.
    world.store.route(site, "10.2.0.0/16");
    wait_for("a third version", async || node.config().unwrap().version == 3).await;
    assert!(node.is_linked());
}

#[tokio::test]
async fn more_prefixes_than_fit_do_not_end_sessions() {
    let world = World::start().await;
    let (here, there) = (world.store.site(), world.store.site());
    for number in 0..1_200 {
        world.store.route(there, &format!("fd00:0:0:{number:x}::/64"));
    }
    let node = world.node(here);
    wait_for("as many as fit", async || node.remote().len() >= 900).await;
    assert!(node.remote().len() <= 1_000);
    assert!(node.is_linked());
}
