//! Connections as the edge reports them and the API sees them.

use std::time::Duration;

use crate::support::{ALL, home, opened, wait_for};
use adit_core::port::{ConnectionClosed, PresenceEvent, TunnelFilter};
use adit_model::{ConnectionId, ConnectorId, TunnelId, TunnelKey, TunnelStatus};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_reported_connection_shows_at_its_tunnel() {
    let home = home!();
    let (tunnel, first, second) = (
        home.tunnel("blog").await.key,
        ConnectorId::random(),
        ConnectorId::random(),
    );
    home.connect(tunnel, first, 1);
    home.connect(tunnel, first, 0);
    let since = home.hands.now();
    home.hands.turn(SECOND);
    home.connect(tunnel, second, 0);

    let seen = home.wait_for_connections(tunnel, 3).await;
    assert_eq!(
        (seen.status, seen.active_since, seen.inactive_since),
        (TunnelStatus::Healthy, Some(since), None)
    );
    let connectors: Vec<_> = seen.connectors.iter().map(|connector| connector.id).collect();
    assert_eq!(connectors, [first, second], "oldest first");
    let connector = &seen.connectors[0];
    assert_eq!(
        (connector.version.as_str(), connector.arch.as_str()),
        ("2026.8.2", "linux_amd64")
    );
    assert_eq!(connector.features, ["allow_remote_config", "serialized_headers"]);
    assert_eq!(connector.run_at, since);
    let indices: Vec<_> = connector
        .connections
        .iter()
        .map(|connection| connection.index.0)
        .collect();
    assert_eq!(indices, [0, 1]);
    assert_eq!(connector.connections[0].origin_ip.to_string(), "192.0.2.7");
    assert_eq!(connector.connections[0].location.as_str(), "local01");

    let page = home
        .catalog()
        .tunnels(home.account, &TunnelFilter::default(), ALL)
        .await
        .unwrap();
    assert_eq!(page.items[0].connectors.len(), 2);
}

#[tokio::test]
async fn a_list_can_ask_for_what_was_connected_at_a_moment() {
    let home = home!();
    let before = home.hands.now();
    home.hands.turn(SECOND);
    let (tunnel, idle) = (home.tunnel("blog").await.key, home.tunnel("idle").await.key);
    let made = home.hands.now();
    home.hands.turn(SECOND);
    let connection = home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    let opened = home.hands.now();
    let closed = home.hands.turn(SECOND);
    home.disconnect(ConnectionClosed {
        closed_at: closed,
        ..connection
    });
    home.wait_for_connections(tunnel, 0).await;

    let listed = async |filter: TunnelFilter| {
        let page = home.catalog().tunnels(home.account, &filter, ALL).await.unwrap();
        page.items.iter().map(|item| item.key).collect::<Vec<_>>()
    };
    for (moment, active, inactive) in [
        (before, &[][..], &[][..]),
        (made, &[], &[idle, tunnel]),
        (opened, &[tunnel], &[idle]),
        (closed, &[], &[idle, tunnel]),
    ] {
        let was_active = TunnelFilter {
            was_active_at: Some(moment),
            ..TunnelFilter::default()
        };
        assert_eq!(listed(was_active).await, active, "{moment}");
        let was_inactive = TunnelFilter {
            was_inactive_at: Some(moment),
            ..TunnelFilter::default()
        };
        let (mut found, mut expected) = (listed(was_inactive).await, inactive.to_vec());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{moment}");
    }
}

#[tokio::test]
async fn a_tunnel_goes_from_healthy_to_degraded_to_down() {
    let home = home!();
    let (tunnel, connector) = (home.tunnel("blog").await.key, ConnectorId::random());
    let one = home.connect(tunnel, connector, 0);
    let two = home.connect(tunnel, connector, 1);
    home.wait_for_connections(tunnel, 2).await;

    home.hands.turn(SECOND);
    home.disconnect(one);
    assert_eq!(
        home.wait_for_connections(tunnel, 1).await.status,
        TunnelStatus::Degraded
    );
    let with = async |status| {
        let filter = TunnelFilter {
            status: Some(status),
            ..TunnelFilter::default()
        };
        home.catalog()
            .tunnels(home.account, &filter, ALL)
            .await
            .unwrap()
            .total
    };
    assert_eq!(with(TunnelStatus::Degraded).await, 1);
    assert_eq!(with(TunnelStatus::Healthy).await, 0);

    let again = home.connect(tunnel, connector, 0);
    assert_eq!(
        home.wait_for_connections(tunnel, 2).await.status,
        TunnelStatus::Healthy
    );
    home.hands.turn(SECOND);
    home.disconnect(again);
    assert_eq!(
        home.wait_for_connections(tunnel, 1).await.status,
        TunnelStatus::Degraded
    );
    home.hands.turn(SECOND * 301);
    assert_eq!(
        home.get(tunnel).await.status,
        TunnelStatus::Healthy,
        "it no longer counts as missing"
    );

    let end = home.hands.turn(SECOND);
    home.disconnect(two);
    let down = home.wait_for_connections(tunnel, 0).await;
    assert_eq!(
        (down.status, down.active_since, down.inactive_since),
        (TunnelStatus::Down, None, Some(end))
    );
    assert_eq!(with(TunnelStatus::Down).await, 1);
    assert_eq!(with(TunnelStatus::Inactive).await, 0);
}

#[tokio::test]
async fn a_connector_that_left_does_not_degrade_the_others() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    home.connect(tunnel, ConnectorId::random(), 0);
    let other = home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 2).await;
    home.disconnect(other);
    assert_eq!(
        home.wait_for_connections(tunnel, 1).await.status,
        TunnelStatus::Healthy
    );
}

#[tokio::test]
async fn nothing_reported_is_lost_when_the_store_closes() {
    let home = home!();
    let (tunnel, brief) = (home.tunnel("many").await.key, home.tunnel("brief").await.key);
    for _ in 0..150 {
        let connector = ConnectorId::random();
        for index in 0..4 {
            home.connect(tunnel, connector, index);
        }
    }
    let closed = home.connect(brief, ConnectorId::random(), 0);
    home.disconnect(closed);
    home.store.close().await;

    let rows = home
        .texts("SELECT close_reason FROM connections WHERE closed_at IS NOT NULL")
        .await;
    assert_eq!(rows, ["lost"]);
    let live = home
        .texts("SELECT protocol FROM connections WHERE closed_at IS NULL")
        .await;
    assert_eq!(live.len(), 600);
}

#[tokio::test]
async fn a_connection_that_came_and_went_unseen_leaves_the_tunnel_down() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    home.hands.turn(SECOND);
    let closed = home.connect(tunnel, ConnectorId::random(), 0);
    let end = home.hands.turn(SECOND);
    home.disconnect(closed);
    let down = async || Some(home.get(tunnel).await).filter(|tunnel| tunnel.status == TunnelStatus::Down);
    let seen = wait_for("the tunnel to be down", down).await;
    assert_eq!((seen.active_since, seen.inactive_since), (None, Some(end)));
}

#[tokio::test]
async fn connections_of_an_earlier_run_count_as_closed() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    let restart = home.hands.turn(SECOND);
    let home = home.reopen().await;

    let seen = home.get(tunnel).await;
    assert_eq!(
        (seen.status, seen.inactive_since),
        (TunnelStatus::Down, Some(restart))
    );
    assert!(seen.connectors.is_empty());
    assert_eq!(
        home.texts("SELECT close_reason FROM connections").await,
        ["edge_stopped"]
    );
}

#[tokio::test]
async fn news_of_an_unknown_tunnel_is_dropped_and_does_not_hold_up_other_news() {
    let home = home!();
    let known = home.tunnel("blog").await.key;
    let unknown = TunnelKey {
        tunnel: TunnelId::random(),
        ..known
    };
    let closed = home.connect(unknown, ConnectorId::random(), 0);
    home.disconnect(closed);
    home.connect(known, ConnectorId::random(), 0);
    home.wait_for_connections(known, 1).await;
    assert_eq!(home.texts("SELECT arch FROM connectors").await.len(), 1);
}

#[tokio::test]
async fn a_peers_texts_are_bounded_and_its_odd_characters_harmless() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    let mut news = opened(tunnel, ConnectorId::random(), 255, home.hands.now());
    news.connector.version = "v\0'\n".to_owned() + &"é".repeat(500);
    news.connector.features = vec!["\"],[".to_owned(); 100];
    home.presence().report(PresenceEvent::Opened(Box::new(news)));
    let seen = home.wait_for_connections(tunnel, 1).await;
    assert_eq!(seen.connectors[0].version.chars().count(), 64);
    assert!(seen.connectors[0].version.starts_with("v'é"));
    assert_eq!(seen.connectors[0].features, vec!["\"],["; 32]);
    assert_eq!(seen.connectors[0].connections[0].index.0, 255);
}

#[tokio::test]
async fn an_event_reported_twice_counts_once() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    let news = PresenceEvent::Opened(Box::new(opened(
        tunnel,
        ConnectorId::random(),
        0,
        home.hands.now(),
    )));
    home.presence().report(news.clone());
    home.wait_for_connections(tunnel, 1).await;
    home.presence().report(news);
    let other = home.tunnel("other").await.key;
    home.connect(other, ConnectorId::random(), 0);
    home.wait_for_connections(other, 1).await;
    home.wait_for_connections(tunnel, 1).await;
}

#[tokio::test]
async fn news_that_cannot_be_written_is_kept_until_it_can() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    home.place
        .run(
            "CREATE TRIGGER full BEFORE INSERT ON connections BEGIN SELECT RAISE(ABORT, 'full'); END",
            "ALTER TABLE connections ADD CONSTRAINT disk_full CHECK (false) NOT VALID",
        )
        .await;
    let reads = home.hands.reads();
    home.connect(tunnel, ConnectorId::random(), 0);
    wait_for("the first attempt", async || {
        (home.hands.reads() > reads).then_some(())
    })
    .await;
    home.connect(tunnel, ConnectorId::random(), 0);
    home.place
        .run(
            "DROP TRIGGER full",
            "ALTER TABLE connections DROP CONSTRAINT disk_full",
        )
        .await;
    home.wait_for_connections(tunnel, 2).await;
}

#[tokio::test]
async fn a_tunnel_that_is_deleted_while_connected_is_down_at_once_and_stays_so() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key;
    let closed = home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    home.hands.turn(Duration::from_secs(5));

    home.delete(tunnel).await;
    let deleted = home.get(tunnel).await;
    assert_eq!(deleted.status, TunnelStatus::Down);
    assert_eq!(
        (deleted.active_since, deleted.inactive_since),
        (None, deleted.deleted_at)
    );
    assert!(deleted.connectors.is_empty());

    // The edge's own news comes later.
    home.hands.turn(Duration::from_secs(5));
    home.disconnect(closed);
    let other = home.tunnel("other").await.key;
    home.connect(other, ConnectorId::random(), 0);
    home.wait_for_connections(other, 1).await;
    assert_eq!(home.get(tunnel).await.inactive_since, deleted.deleted_at);
}

#[tokio::test]
async fn a_connector_runs_since_its_earliest_connection_in_whatever_order_the_news_came() {
    let home = home!();
    let (tunnel, connector) = (home.tunnel("blog").await.key, ConnectorId::random());
    let first = home.hands.now();
    let mut later = opened(tunnel, connector, 1, home.hands.turn(Duration::from_secs(3)));
    // The news of one batch is written in the order of connection ids.
    later.connection = ConnectionId::from_slice(&[0; 16]).unwrap();
    home.presence().report(PresenceEvent::Opened(Box::new(later)));
    home.presence().report(PresenceEvent::Opened(Box::new(opened(
        tunnel, connector, 0, first,
    ))));
    let tunnel = home.wait_for_connections(tunnel, 2).await;
    assert_eq!(tunnel.connectors[0].run_at, first);
}
