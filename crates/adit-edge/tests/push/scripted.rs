//! With a connector that does what the test says.

use std::sync::atomic::Ordering;

use adit_model::{ConfigVersion, ConnectionIndex};
use adit_testing::{
    cloudflared::Protocol,
    scripted::{Offer, ScriptedConnector, registration},
};
use adit_wire::registration::RegisterConnection;

use super::{refused, runs, status, told};
use crate::support::scripted::{Scene, on_both_transports};

on_both_transports!(
    a_connector_that_registers_is_given_the_newest_configuration,
    a_change_goes_to_one_connection_of_each_connector_first_and_then_to_the_others,
    a_refusal_is_reported_and_only_a_reconnect_or_a_newer_version_asks_again,
    a_connector_that_runs_a_newer_version_keeps_it,
    versions_never_go_backwards,
    a_tunnel_that_moves_to_remote_management_is_configured_while_it_runs,
    a_configuration_is_read_once_for_all_connectors,
    a_connector_that_takes_no_configurations_is_offered_none,
    what_a_locally_managed_connector_tells_is_reported,
);

async fn offer(connector: &mut ScriptedConnector) -> Offer {
    connector.next_call().await.configuration()
}

/// Takes what is offered next, which must be this version.
async fn accept(connector: &mut ScriptedConnector, version: i32) {
    let offer = offer(connector).await;
    assert_eq!(offer.version, ConfigVersion(version));
    offer.accept();
}

async fn registered(scene: &Scene, request: &RegisterConnection) -> ScriptedConnector {
    let connector = scene.dial().await;
    connector.register(request.clone()).await.unwrap().unwrap();
    connector
}

async fn a_connector_that_registers_is_given_the_newest_configuration(scene: Scene) {
    scene.edge.configure(&scene.tunnel, 3, &status(418));
    scene.edge.applied().await;
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let mut connection = scene.dial().await;
    let details = connection.register(request.clone()).await.unwrap().unwrap();
    assert!(details.remotely_managed);
    let offer = offer(&mut connection).await;
    assert_eq!((offer.version, &offer.json), (ConfigVersion(3), &status(418)));
    offer.accept();
    assert_eq!(
        runs(&scene.edge.store, Some(request.client.id), 3).await.refused,
        None
    );
}

async fn a_change_goes_to_one_connection_of_each_connector_first_and_then_to_the_others(scene: Scene) {
    let mut one = scene.four_connections().await;
    let mut two = scene.four_connections().await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    let first = offer(&mut one[0]).await;
    accept(&mut two[0], 1).await;
    for other in &mut two[1..] {
        accept(other, 1).await;
    }
    for other in &mut one {
        assert!(other.try_next_call().is_none(), "before the first has answered");
    }
    first.accept();
    for other in &mut one[1..] {
        accept(other, 1).await;
    }
    runs(&scene.edge.store, None, 1).await;
}

async fn a_refusal_is_reported_and_only_a_reconnect_or_a_newer_version_asks_again(scene: Scene) {
    const SENTENCE: &str = "The last ingress rule must match all URLs";
    let mut request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let id = request.client.id;
    let mut connection = registered(&scene, &request).await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    let running = ConfigVersion::default();
    offer(&mut connection).await.refuse(running, SENTENCE);
    let sentence = refused(&scene.edge.store, Some(id), 1).await;
    match scene.protocol {
        Protocol::Quic => assert_eq!(sentence, SENTENCE),
        Protocol::Http2 => assert!(sentence.contains("gave no reason"), "{sentence}"),
    }
    // A further connection of the same connector is not asked, one that comes back is.
    request.index = ConnectionIndex(1);
    let mut further = registered(&scene, &request).await;
    request.index = ConnectionIndex(0);
    let mut again = registered(&scene, &request).await;
    offer(&mut again).await.refuse(running, SENTENCE);
    assert!(further.try_next_call().is_none());

    scene.edge.configure(&scene.tunnel, 2, &status(418));
    accept(&mut again, 2).await;
    accept(&mut further, 2).await;
    assert_eq!(runs(&scene.edge.store, Some(id), 2).await.refused, None);
}

async fn a_connector_that_runs_a_newer_version_keeps_it(scene: Scene) {
    let mut connector = scene.connector().await;
    scene.edge.configure(&scene.tunnel, 2, &status(418));
    let offered = offer(&mut connector).await;
    offered.answer.answer(adit_wire::calls::ConfigurationAnswer {
        running: ConfigVersion(7),
        refusal: None,
    });
    runs(&scene.edge.store, None, 7).await;
    scene.edge.configure(&scene.tunnel, 8, &status(418));
    accept(&mut connector, 8).await;
}

async fn versions_never_go_backwards(scene: Scene) {
    let mut connector = scene.connector().await;
    for version in [1, 4, 2, 6] {
        scene.edge.configure(&scene.tunnel, version, &status(418));
    }
    let mut offered = Vec::new();
    while offered.last() != Some(&6) {
        let offer = offer(&mut connector).await;
        offered.push(offer.version.0);
        offer.accept();
    }
    for version in [5, 3, 8, 2, 9] {
        scene.edge.configure(&scene.tunnel, version, &status(418));
        scene.edge.applied().await;
    }
    while offered.last() != Some(&9) {
        let offer = offer(&mut connector).await;
        offered.push(offer.version.0);
        offer.accept();
    }
    assert!(offered.is_sorted(), "{offered:?}");
}

async fn a_tunnel_that_moves_to_remote_management_is_configured_while_it_runs(scene: Scene) {
    let mut connector = scene.connector().await;
    let local = status(404).into_bytes();
    connector.update_local_configuration(local).await.unwrap();
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    accept(&mut connector, 1).await;
}

async fn a_configuration_is_read_once_for_all_connectors(scene: Scene) {
    let mut connectors = Vec::new();
    for _ in 0..20 {
        connectors.push(scene.connector().await);
    }
    for version in 1..3 {
        scene.edge.configure(&scene.tunnel, version, &status(418));
        for connector in &mut connectors {
            accept(connector, version).await;
        }
    }
    let read = scene.edge.store.configurations_read.load(Ordering::Relaxed);
    assert_eq!(read, 2);
}

async fn a_connector_that_takes_no_configurations_is_offered_none(scene: Scene) {
    let mut request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    request
        .client
        .features
        .retain(|feature| feature != "allow_remote_config");
    let mut plain = registered(&scene, &request).await;
    let mut other = scene.connector().await;
    scene.edge.configure(&scene.tunnel, 1, &status(418));
    accept(&mut other, 1).await;
    runs(&scene.edge.store, None, 1).await;
    assert!(plain.try_next_call().is_none());
}

async fn what_a_locally_managed_connector_tells_is_reported(scene: Scene) {
    let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
    let connector = registered(&scene, &request).await;
    for wrong in ["", "[]", "7", "{", "{\"a\":\"\u{1}\"}"] {
        let answer = connector.update_local_configuration(wrong.into()).await;
        assert!(answer.is_err(), "{wrong}");
    }
    let told_by = status(404);
    connector
        .update_local_configuration(told_by.clone().into())
        .await
        .unwrap();
    let told = told(&scene.edge.store);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].tunnel, told[0].connector),
        (scene.tunnel.key, request.client.id)
    );
    assert_eq!(told[0].config, told_by);
}
