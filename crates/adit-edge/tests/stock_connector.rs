//! Points 8 and 10 to 15 of the checklist: unmodified cloudflared behind this edge, on both transports.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use adit_core::{
    lifecycle::connections_of_all,
    port::{Ask, CloseReason, Question},
};
use adit_model::TunnelSecret;
use adit_testing::{
    client::get,
    cloudflared::{self, Protocol},
    scenes, skip, wait_for, wait_within,
};
use adit_wire::TunnelToken;
use support::{
    HOST, TestEdge, closed_because,
    stock::{StockScene as Scene, connector_of, refused, with_stock_on_both_transports},
};

with_stock_on_both_transports!(
    a_request_arrives_as_it_was,
    bodies_of_every_kind_arrive_whole,
    an_early_answer_reaches_a_client_that_still_sends,
    an_answer_flows_while_the_origin_still_writes,
    a_client_that_leaves_cancels_the_origins_work,
    an_origin_that_breaks_off_breaks_the_answer,
    a_websocket_carries_bytes_both_ways,
    an_origin_that_is_down_is_a_502,
    a_rotated_secret_keeps_who_is_there_and_refuses_who_comes_with_the_old_one,
    a_deleted_tunnel_loses_its_connections_and_takes_none,
    a_connector_that_is_killed_leaves_a_530,
    a_connector_that_says_goodbye_finishes_its_requests,
);

async fn a_request_arrives_as_it_was(scene: Scene) {
    for way in scene.ways() {
        scenes::a_request_arrives_as_it_was(way).await;
    }
}

async fn bodies_of_every_kind_arrive_whole(scene: Scene) {
    for way in scene.ways() {
        scenes::bodies_of_every_kind_arrive_whole(way).await;
    }
}

async fn an_early_answer_reaches_a_client_that_still_sends(scene: Scene) {
    scenes::an_early_answer_reaches_a_client_that_still_sends(scene.way()).await;
}

async fn an_answer_flows_while_the_origin_still_writes(scene: Scene) {
    for way in scene.ways() {
        scenes::an_answer_flows_while_the_origin_still_writes(way, &scene.origin).await;
    }
}

async fn a_client_that_leaves_cancels_the_origins_work(scene: Scene) {
    for way in scene.ways() {
        scenes::a_client_that_leaves_cancels_the_origins_work(way, &scene.origin).await;
    }
}

async fn an_origin_that_breaks_off_breaks_the_answer(scene: Scene) {
    for way in scene.ways() {
        scenes::an_origin_that_breaks_off_breaks_the_answer(way).await;
    }
}

async fn a_websocket_carries_bytes_both_ways(scene: Scene) {
    for way in scene.ways() {
        scenes::a_websocket_carries_bytes_both_ways(way, &scene.origin).await;
    }
}

async fn an_origin_that_is_down_is_a_502(scene: Scene) {
    let way = scene.way();
    drop(scene.origin);
    scenes::an_origin_that_is_down_is_a_502(way).await;
}

async fn a_connector_that_says_goodbye_finishes_its_requests(scene: Scene) {
    let stop = || scene.connector.process.signal(rustix::process::Signal::TERM);
    scenes::a_connector_that_says_goodbye_finishes_its_requests(scene.way(), &scene.origin, stop).await;
    let goodbyes = async || closed_because(&scene.edge.store, CloseReason::Unregistered) == 4;
    wait_for("four goodbyes", goodbyes).await;
}

async fn a_rotated_secret_keeps_who_is_there_and_refuses_who_comes_with_the_old_one(scene: Scene) {
    let (edge, key) = (&scene.edge, scene.tunnel.key);
    let rotated = TunnelSecret::new(vec![9; 32]).unwrap();
    edge.set(key, &rotated, false);
    let ask = Ask {
        after: edge.change_number(),
        question: Question::ListConnections { tunnel: key },
    };
    let answers = edge.edge.control().ask(ask, Duration::from_secs(5)).await;
    assert_eq!(connections_of_all(&answers), Ok(4));
    scenes::a_request_arrives_as_it_was(scene.way()).await;

    let mut late = connector_of(edge, &scene.tunnel.token, scene.protocol).await;
    refused(&mut late, scene.protocol, "Unauthorized: Invalid tunnel secret").await;
    let token = TunnelToken {
        tunnel: key,
        secret: rotated,
    };
    let renewed = connector_of(edge, &token.encode(), scene.protocol).await;
    renewed.process.line("Registered tunnel connection").await;
}

async fn a_deleted_tunnel_loses_its_connections_and_takes_none(scene: Scene) {
    scene.edge.set(scene.tunnel.key, &scene.tunnel.secret, true);
    wait_for("four evictions", async || {
        closed_because(&scene.edge.store, CloseReason::Evicted) == 4
    })
    .await;
    scene.connector.process.line("Retrying connection in up to").await;
    assert_eq!(
        get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16(),
        530
    );
    assert_eq!(
        closed_because(&scene.edge.store, CloseReason::Evicted),
        4,
        "it was let in again"
    );
}

async fn a_connector_that_is_killed_leaves_a_530(mut scene: Scene) {
    scene.connector.process.kill().await;
    wait_within(Duration::from_secs(6), "a 530", async || {
        get(scene.edge.http(), HOST, "/").await.unwrap().status.as_u16() == 530
    })
    .await;
    let answer = get(scene.edge.http(), HOST, "/").await.unwrap();
    assert!(answer.text().starts_with("error code: 1033"), "{}", answer.text());
    wait_for("four closed connections", async || {
        closed_because(&scene.edge.store, CloseReason::Lost) == 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_told_and_the_connector_goes_on_trying() {
    if cloudflared::binary().is_none() {
        return skip(
            "a_wrong_secret_is_told_and_the_connector_goes_on_trying",
            cloudflared::ABSENT,
        );
    }
    let edge = TestEdge::start().await;
    let tunnel = edge.tunnel("shop").await;
    let wrong = TunnelToken {
        tunnel: tunnel.key,
        secret: TunnelSecret::new(vec![1; 32]).unwrap(),
    };
    for protocol in Protocol::ALL {
        let mut connector = connector_of(&edge, &wrong.encode(), protocol).await;
        refused(&mut connector, protocol, "Unauthorized: Invalid tunnel secret").await;
    }
    assert!(
        edge.store.events.lock().is_empty(),
        "a refused connector was reported"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_a_site_is_refused_with_the_reason() {
    if cloudflared::binary().is_none() {
        return skip(
            "the_token_of_a_site_is_refused_with_the_reason",
            cloudflared::ABSENT,
        );
    }
    let edge = TestEdge::start().await;
    let site = edge.tunnel("office").await;
    edge.make_site(&site);
    for protocol in Protocol::ALL {
        let mut connector = connector_of(&edge, &site.token, protocol).await;
        refused(&mut connector, protocol, "this is the token of a site").await;
    }
    assert!(
        edge.store.events.lock().is_empty(),
        "a refused connector was reported"
    );
}
