//! Public requests through `adit up` and `adit tunnel run`, each a process of its own.

mod support;

use adit_testing::{
    origin::Origin,
    scenes::{self, Way},
};
use support::{Connector, Server};

const HOST: &str = "shop.adit.localhost";

struct Scene {
    server: Server,
    origin: Origin,
    connector: Connector,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let connector = server.connect(&tunnel, &origin.url()).await;
    Scene {
        server,
        origin,
        connector,
    }
}

impl Scene {
    fn way(&self) -> Way<'static> {
        Way {
            listener: self.server.listener("http"),
            host: HOST,
        }
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was() {
    let scene = scene().await;
    scenes::a_request_arrives_as_it_was(scene.way()).await;
}

#[tokio::test]
async fn bodies_of_every_kind_arrive_whole() {
    let scene = scene().await;
    scenes::bodies_of_every_kind_arrive_whole(scene.way()).await;
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let scene = scene().await;
    scenes::an_early_answer_reaches_a_client_that_still_sends(scene.way()).await;
}

#[tokio::test]
async fn an_answer_flows_while_the_origin_still_writes() {
    let scene = scene().await;
    scenes::an_answer_flows_while_the_origin_still_writes(scene.way(), &scene.origin).await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_origins_work() {
    let scene = scene().await;
    scenes::a_client_that_leaves_cancels_the_origins_work(scene.way(), &scene.origin).await;
}

#[tokio::test]
async fn an_origin_that_breaks_off_breaks_the_answer() {
    let scene = scene().await;
    scenes::an_origin_that_breaks_off_breaks_the_answer(scene.way()).await;
}

#[tokio::test]
async fn a_websocket_carries_bytes_both_ways() {
    let scene = scene().await;
    scenes::a_websocket_carries_bytes_both_ways(scene.way(), &scene.origin).await;
}

#[tokio::test]
async fn an_origin_that_is_down_is_a_502() {
    let Scene {
        server,
        origin,
        connector,
    } = scene().await;
    let way = Way {
        listener: server.listener("http"),
        host: HOST,
    };
    drop(origin);
    scenes::an_origin_that_is_down_is_a_502(way).await;
    drop(connector);
}

#[tokio::test]
async fn a_connector_that_says_goodbye_finishes_its_requests() {
    let mut scene = scene().await;
    let stop = || scene.connector.process.signal(rustix::process::Signal::TERM);
    let way = Way {
        listener: scene.server.listener("http"),
        host: HOST,
    };
    scenes::a_connector_that_says_goodbye_finishes_its_requests(way, &scene.origin, stop).await;
    assert!(
        scene.connector.process.ended().await.success(),
        "a goodbye is no failure"
    );
}
