//! Connectors that do not answer as they should.

use adit_model::ConfigVersion;
use adit_testing::{
    cloudflared::Protocol,
    scripted::{ScriptedConnector, registration},
    wait_for,
};
use bytes::Bytes;

use super::{runs, standing, status};
use crate::support::scripted::{Scene, on_both_transports};

on_both_transports!(
    a_connector_that_never_answers_is_asked_again_and_the_others_go_on,
    a_connection_that_breaks_during_an_offer_is_followed_by_the_next,
);

async fn accept(connector: &mut ScriptedConnector) {
    connector.next_call().await.configuration().accept();
}

async fn a_connector_that_never_answers_is_asked_again_and_the_others_go_on(scene: Scene) {
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let mut silent = scene.dial().await;
    silent.register(request.clone()).await.unwrap().unwrap();
    let mut other = scene.connector().await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    let unanswered = silent.next_call().await;
    accept(&mut other).await;
    runs(&scene.edge.store, None, 1).await;
    assert_eq!(standing(&scene.edge.store, Some(request.client.id)), None);
    let begun = std::time::Instant::now();
    accept(&mut silent).await;
    assert!(begun.elapsed().as_secs() >= 4, "{:?}", begun.elapsed());
    runs(&scene.edge.store, Some(request.client.id), 1).await;
    drop(unanswered);
}

async fn a_connection_that_breaks_during_an_offer_is_followed_by_the_next(scene: Scene) {
    let mut connections = scene.four_connections().await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    let unanswered = connections[0].next_call().await.configuration();
    drop(connections.remove(0));
    for connection in &mut connections {
        accept(connection).await;
    }
    runs(&scene.edge.store, None, 1).await;
    drop(unanswered);
}

/// Answers on QUIC streams that are none: the stream alone suffers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_the_place_of_an_answer_costs_one_stream() {
    let scene = Scene::new(Protocol::Quic).await;
    let mut connector = scene.connector().await;
    let quic = connector.quic.clone().unwrap();
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    // The scripted connector and the test take streams in turns: whoever gets it, it is answered.
    let garbage = async {
        let (mut send, _recv) = quic.accept_stream().await.unwrap();
        let _ = send.write_chunk(Bytes::from_static(&[0xFF; 64])).await;
        send.finish();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = garbage => {}
        call = connector.next_call() => call.configuration().accept(),
    }
    runs(&scene.edge.store, None, 1).await;
    let asking = scene.get();
    connector.next().await.say(200, "still here").await;
    assert_eq!(asking.answer().await.1.read().await.unwrap(), "still here");
    scene.edge.configure(&scene.tunnel, 2, &status(418));
    wait_for("the newer version", async || {
        if let Some(call) = connector.try_next_call() {
            call.configuration().accept();
        }
        standing(&scene.edge.store, None).is_some_and(|told| told.running == Some(ConfigVersion(2)))
    })
    .await;
}
