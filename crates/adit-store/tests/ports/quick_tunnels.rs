use std::time::Duration;

use adit_core::port::{
    CatalogError, Change, ChangeNumber, Changes, HostRoute, NewQuickTunnel, PageRequest, QuickTunnelError,
    TunnelFilter,
};
use adit_model::{ConnectorId, HostPattern, TunnelId, TunnelKey, TunnelSecret};

use crate::support::{Home, actor, home, route};

const HOST: &str = "amber-river-fox.adit.localhost";

async fn quick(home: &Home, host: &str) -> Result<(TunnelKey, ChangeNumber), QuickTunnelError> {
    let new = NewQuickTunnel {
        host: host.parse().unwrap(),
        secret: TunnelSecret::new(vec![7; 32]).unwrap(),
    };
    home.catalog().create_quick_tunnel(new, 2, &actor()).await
}

async fn hosts(home: &Home) -> Vec<HostRoute> {
    home.directory().snapshot().await.unwrap().0.hosts
}

/// Lets time pass, then removes what nobody uses.
async fn after(home: &Home, seconds: u64) -> usize {
    let now = home.hands.turn(Duration::from_secs(seconds));
    home.store.sweep_quick_tunnels(now).await.unwrap()
}

#[tokio::test]
async fn a_quick_tunnel_is_a_route_of_an_account_of_its_own() {
    let home = home!();
    let before = home.directory().snapshot().await.unwrap().1;
    let (tunnel, change) = quick(&home, HOST).await.unwrap();
    let route = HostRoute {
        pattern: HOST.parse().unwrap(),
        target: tunnel.into(),
    };
    assert_eq!(hosts(&home).await, [route]);
    let Changes::Since { changes, upto } = home.directory().changes(before).await.unwrap() else {
        panic!("the history reaches that far");
    };
    assert_eq!(upto, change);
    let host: HostPattern = HOST.parse().unwrap();
    assert!(
        changes.contains(&Change::Host(host, Some(tunnel.into()))),
        "{changes:?}"
    );

    assert_ne!(tunnel.account, home.account);
    let (second, _) = quick(&home, "other.adit.localhost").await.unwrap();
    assert_eq!(second.account, tunnel.account, "all share one");
    let all = PageRequest {
        page: 1,
        per_page: 10,
    };
    let filter = TunnelFilter::default();
    let listed = home.catalog().tunnels(home.account, &filter, all).await;
    assert_eq!(listed.unwrap().total, 0, "nobody's list shows them");
    let tunnel = home.get(tunnel).await;
    assert_eq!(tunnel.name.as_str(), "qt-amber-river-fox");
}

#[tokio::test]
async fn a_host_name_has_one_owner_and_there_are_only_so_many() {
    let home = home!();
    home.publish("shop.adit.localhost", TunnelId::random()).await;
    let taken = quick(&home, "shop.adit.localhost").await;
    assert!(matches!(taken, Err(QuickTunnelError::HostTaken)), "{taken:?}");
    quick(&home, HOST).await.unwrap();
    let taken = quick(&home, HOST).await;
    assert!(matches!(taken, Err(QuickTunnelError::HostTaken)), "{taken:?}");
    let record = route(HOST, TunnelId::random());
    let taken = home
        .catalog()
        .create_dns_record(home.zone, record, &actor())
        .await;
    assert!(matches!(taken, Err(CatalogError::HostTaken)), "{taken:?}");

    quick(&home, "other.adit.localhost").await.unwrap();
    let third = quick(&home, "third.adit.localhost").await;
    assert!(matches!(third, Err(QuickTunnelError::TooMany)), "{third:?}");
    assert_eq!(after(&home, 120).await, 2);
    quick(&home, "third.adit.localhost").await.unwrap();
}

#[tokio::test]
async fn one_that_nobody_connects_goes_after_two_minutes_without_a_trace() {
    let home = home!();
    let (tunnel, change) = quick(&home, HOST).await.unwrap();
    assert_eq!(after(&home, 119).await, 0);
    assert_eq!(after(&home, 1).await, 1);
    assert!(home.catalog().tunnel(tunnel).await.unwrap().is_none());
    assert_eq!(hosts(&home).await, []);
    let Changes::Since { changes, .. } = home.directory().changes(change).await.unwrap() else {
        panic!("the history reaches that far");
    };
    assert!(changes.contains(&Change::Tunnel(tunnel, None)), "{changes:?}");
    let host: HostPattern = HOST.parse().unwrap();
    assert!(changes.contains(&Change::Host(host, None)), "{changes:?}");
    quick(&home, HOST).await.unwrap();
}

#[tokio::test]
async fn one_in_use_stays_and_goes_five_minutes_after_its_last_connection() {
    let home = home!();
    let (tunnel, _) = quick(&home, HOST).await.unwrap();
    home.hands.turn(Duration::from_secs(60));
    let closed = home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    assert_eq!(after(&home, 100_000).await, 0);

    home.disconnect(closed);
    home.wait_for_connections(tunnel, 0).await;
    assert_eq!(after(&home, 299).await, 0);
    let closed = home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    assert_eq!(after(&home, 1).await, 0, "a connector came back in time");

    home.disconnect(closed);
    home.wait_for_connections(tunnel, 0).await;
    assert_eq!(after(&home, 300).await, 1);
    assert_eq!(hosts(&home).await, []);
}

#[tokio::test]
async fn a_restart_gives_connectors_time_to_come_back() {
    let home = home!();
    let (tunnel, _) = quick(&home, HOST).await.unwrap();
    home.connect(tunnel, ConnectorId::random(), 0);
    home.wait_for_connections(tunnel, 1).await;
    home.hands.turn(Duration::from_secs(100_000));
    let home = home.reopen().await;
    assert_eq!(after(&home, 299).await, 0);
    assert_eq!(after(&home, 1).await, 1);
}

#[tokio::test]
async fn time_without_a_server_does_not_count() {
    let home = home!();
    quick(&home, HOST).await.unwrap();
    let (left, _) = quick(&home, "other.adit.localhost").await.unwrap();
    let closed = home.connect(left, ConnectorId::random(), 0);
    home.wait_for_connections(left, 1).await;
    home.disconnect(closed);
    home.wait_for_connections(left, 0).await;
    home.hands.turn(Duration::from_secs(100_000));
    let home = home.reopen().await;
    assert_eq!(after(&home, 119).await, 0);
    assert_eq!(after(&home, 1).await, 1, "its first connector never came");
    assert_eq!(after(&home, 179).await, 0);
    assert_eq!(after(&home, 1).await, 1);
}

#[tokio::test]
async fn one_that_an_operator_deletes_gives_its_name_back() {
    let home = home!();
    let (tunnel, _) = quick(&home, HOST).await.unwrap();
    home.delete(tunnel).await;
    assert_eq!(after(&home, 1).await, 1);
    quick(&home, HOST).await.unwrap();
}
