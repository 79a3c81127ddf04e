//! Limits of host names, through their port and as edges see them.

use adit_core::{
    host_limits::{HostLimits, WrittenLimits},
    port::{Change, ChangeNumber, Changes, LimitedHost, LimitedHostError, Zones},
};
use adit_model::{AccountId, HostPattern};

use crate::support::{Home, actor, home};

fn host(name: &str) -> HostPattern {
    name.parse().unwrap()
}

fn limits(per_second: u64) -> HostLimits {
    HostLimits::read(WrittenLimits {
        requests_per_second: Some(per_second),
        burst: Some(7),
        concurrent_requests: Some(8),
        max_request_body_bytes: Some((1 << 53) - 1),
    })
    .unwrap()
}

async fn set(
    home: &Home,
    name: &str,
    limits: HostLimits,
) -> Result<(LimitedHost, ChangeNumber), LimitedHostError> {
    let catalog = home.catalog();
    catalog
        .set_host_limits(home.account, host(name), limits, &actor())
        .await
}

async fn since(home: &Home, after: ChangeNumber) -> Vec<Change> {
    match home.directory().changes(after).await.unwrap() {
        Changes::Since { changes, .. } => changes,
        Changes::TooOld => panic!("too old"),
    }
}

#[tokio::test]
async fn limits_are_kept_told_to_edges_and_taken_away() {
    let home = home!();
    for name in ["a.adit.localhost", "*.b.adit.localhost"] {
        let never = home
            .catalog()
            .host_limits(home.account, &host(name))
            .await
            .unwrap();
        assert_eq!((never.limits, never.modified_at), (HostLimits::default(), None));
        let (_, before) = home.directory().snapshot().await.unwrap();
        let (kept, change) = set(&home, name, limits(5)).await.unwrap();
        assert_eq!(
            (kept.limits, kept.modified_at),
            (limits(5), Some(home.hands.now()))
        );
        assert!(change > before);
        assert_eq!(
            since(&home, before).await,
            [Change::Limits(host(name), limits(5))]
        );
        let found = home
            .catalog()
            .host_limits(home.account, &host(name))
            .await
            .unwrap();
        assert_eq!(found, kept);
        let (again, unchanged) = set(&home, name, limits(5)).await.unwrap();
        assert_eq!((again, unchanged), (kept, change), "nothing to tell");
    }
    let mut known = home.directory().snapshot().await.unwrap().0.limits;
    known.sort_by_key(|(host, _)| host.to_string());
    let both = ["*.b.adit.localhost", "a.adit.localhost"].map(|name| (host(name), limits(5)));
    assert_eq!(known, both);

    let (_, before) = home.directory().snapshot().await.unwrap();
    set(&home, "a.adit.localhost", HostLimits::default())
        .await
        .unwrap();
    let none = Change::Limits(host("a.adit.localhost"), HostLimits::default());
    assert_eq!(since(&home, before).await, [none]);
    let query = "SELECT object FROM audit_log WHERE action = 'host_limits.update' ORDER BY id";
    assert_eq!(
        home.texts(query).await,
        ["a.adit.localhost", "*.b.adit.localhost", "a.adit.localhost"]
    );
}

#[tokio::test]
async fn a_host_name_of_no_zone_of_the_account_is_refused() {
    let home = home!();
    for name in ["adit.example", "localhost", "badit.localhost", "*.localhost"] {
        let refused = set(&home, name, limits(1)).await;
        assert!(matches!(refused, Err(LimitedHostError::NoZone(_))), "{name}");
        let found = home.catalog().host_limits(home.account, &host(name)).await;
        assert!(matches!(found, Err(LimitedHostError::NoZone(_))), "{name}");
    }
    set(&home, "adit.localhost", limits(1)).await.unwrap();
    let (catalog, stranger) = (home.catalog(), AccountId::random());
    let found = catalog.host_limits(stranger, &host("adit.localhost")).await;
    assert!(matches!(found, Err(LimitedHostError::NoZone(_))));
}

#[tokio::test]
async fn limits_go_with_their_zone() {
    let home = home!();
    let name = "shop.example".parse().unwrap();
    let zone = home
        .store
        .create_zone(home.account, name, &actor())
        .await
        .unwrap();
    set(&home, "a.shop.example", limits(1)).await.unwrap();
    set(&home, "a.adit.localhost", limits(2)).await.unwrap();
    let (_, before) = home.directory().snapshot().await.unwrap();
    home.store.remove_zone(zone.id, &actor()).await.unwrap();
    let gone = Change::Limits(host("a.shop.example"), HostLimits::default());
    assert_eq!(since(&home, before).await, [gone]);
    let left = home.directory().snapshot().await.unwrap().0.limits;
    assert_eq!(left, [(host("a.adit.localhost"), limits(2))]);
}
