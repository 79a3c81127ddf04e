//! Sites: configuration, replicas, and who is active.

use std::time::Duration;

use adit_core::{
    ha::{Epoch, HaSetting},
    port::{CatalogError, DecideError, NewTunnel, TunnelChanges},
};
use adit_model::{ConfigVersion, ConnectorId, HaMode, Timestamp, TunnelKey, TunnelKind, TunnelStatus};

use crate::support::{Home, actor, home};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn site(home: &Home, name: &str, ha: bool) -> TunnelKey {
    let new: NewTunnel = home.new_tunnel(name);
    let made = home
        .catalog()
        .create_site(new, HaSetting::of_new(ha), &actor())
        .await;
    made.unwrap().0.key
}

#[tokio::test]
async fn names_are_shared_by_both_kinds() {
    let home = home!();
    let key = site(&home, "office", true).await;
    assert_eq!(home.get(key).await.kind, TunnelKind::WarpConnector);
    assert!(matches!(
        home.create("office").await,
        Err(CatalogError::NameTaken(_))
    ));
    let blog = home.tunnel("blog").await.key;
    let renamed = TunnelChanges {
        name: Some("office".parse().unwrap()),
        ..TunnelChanges::default()
    };
    let refused = home
        .catalog()
        .update_tunnel(blog, renamed.clone(), &actor())
        .await;
    assert!(matches!(refused, Err(CatalogError::NameTaken(_))));
    home.delete(key).await;
    let renamed = home.catalog().update_tunnel(blog, renamed, &actor()).await;
    assert_eq!(renamed.unwrap().0.name.as_str(), "office");
}

#[tokio::test]
async fn a_configuration_has_versions_and_leaves_the_active_one_be() {
    let home = home!();
    let (key, replica) = (site(&home, "office", true).await, ConnectorId::random());
    let catalog = home.catalog();
    catalog.decide(key, Epoch(0), Some(replica)).await.unwrap();
    let vips = vec!["10.0.0.1".parse().unwrap()];
    let local = HaSetting::Local {
        vips,
        vips_previous: None,
    };
    let (set, _) = catalog
        .configure_site(key, local.clone(), &actor())
        .await
        .unwrap();
    assert_eq!((set.version, &set.author), (ConfigVersion(1), &actor().name));

    let home = home.reopen().await;
    let catalog = home.catalog();
    let kept = catalog.site(key).await.unwrap().unwrap();
    assert_eq!(kept.configuration, set);
    assert_eq!((kept.state.mode, kept.state.epoch), (HaMode::Local, Epoch(1)));
    assert_eq!(kept.state.active, Some(replica));
    let first = catalog.site_configuration(key, ConfigVersion(0)).await.unwrap();
    assert_eq!(first.unwrap().setting, HaSetting::None);

    home.delete(key).await;
    let refused = catalog.configure_site(key, local, &actor()).await;
    assert!(matches!(refused, Err(CatalogError::NoTunnel)));
    assert!(
        catalog
            .site(home.tunnel("blog").await.key)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn of_two_decisions_in_view_of_the_same_epoch_one_is_kept() {
    let home = home!();
    let key = site(&home, "office", true).await;
    let (first, second) = (ConnectorId::random(), ConnectorId::random());
    let catalog = home.catalog();
    let decided = tokio::join!(
        catalog.decide(key, Epoch(0), Some(first)),
        catalog.decide(key, Epoch(0), Some(second)),
    );
    let (winner, loser) = match decided {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        other => panic!("{other:?}"),
    };
    assert_eq!(winner.epoch, Epoch(1));
    assert!(matches!(loser, DecideError::Stale(stale) if stale.now == Epoch(1)));
    let again = catalog.decide(key, Epoch(1), winner.active).await.unwrap();
    assert_eq!(again, winner, "nothing new, no new epoch");
    let nowhere = catalog
        .decide(home.tunnel("blog").await.key, Epoch(0), None)
        .await;
    assert!(matches!(nowhere, Err(DecideError::NoSite)));
}

#[tokio::test]
async fn replicas_stay_known_for_as_long_as_is_asked_for() {
    let home = home!();
    let key = site(&home, "office", true).await;
    let (gone, here) = (ConnectorId::random(), ConnectorId::random());
    let connection = home.connect(key, gone, 0);
    home.wait_for_connections(key, 1).await;
    home.hands.turn(HOUR);
    home.connect(key, here, 0);
    home.wait_for_connections(key, 2).await;
    home.disconnect(connection);
    home.wait_for_connections(key, 1).await;
    let left = home.hands.now();
    let replicas = async |since: Timestamp| {
        let found = home.catalog().replicas(key, since).await.unwrap();
        let online = |replica: &adit_core::port::ConnectorRecord| !replica.connections.is_empty();
        found
            .iter()
            .map(|replica| (replica.id, online(replica)))
            .collect::<Vec<_>>()
    };
    assert_eq!(replicas(left).await, [(gone, false), (here, true)]);
    assert_eq!(replicas(home.hands.turn(HOUR)).await, [(here, true)]);
}

#[tokio::test]
async fn a_site_is_degraded_while_it_has_no_standby_though_it_should() {
    let home = home!();
    let (ha, plain) = (site(&home, "ha", true).await, site(&home, "plain", false).await);
    for key in [ha, plain] {
        home.connect(key, ConnectorId::random(), 0);
        home.wait_for_connections(key, 1).await;
    }
    assert_eq!(home.get(ha).await.status, TunnelStatus::Degraded);
    assert_eq!(home.get(plain).await.status, TunnelStatus::Healthy);
    home.catalog()
        .configure_site(ha, HaSetting::Disabled, &actor())
        .await
        .unwrap();
    assert_eq!(home.get(ha).await.status, TunnelStatus::Healthy);
    home.catalog()
        .configure_site(ha, HaSetting::None, &actor())
        .await
        .unwrap();
    home.connect(ha, ConnectorId::random(), 0);
    assert_eq!(
        home.wait_for_connections(ha, 2).await.status,
        TunnelStatus::Healthy
    );
}
