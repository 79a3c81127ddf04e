//! Sites: configuration, replicas, and who is active.

use std::time::Duration;

use adit_core::{
    ha::{Epoch, HaCause, HaSetting, HaSettings, HaState, PassiveOnramp, Profile},
    port::{
        CatalogError, Change, ChangeNumber, Changes, DecideError, NewTunnel, PageRequest, SiteEntry,
        TunnelChanges,
    },
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
    catalog
        .decide(key, Epoch(0), Some(replica), HaCause::First)
        .await
        .unwrap();
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
        catalog.decide(key, Epoch(0), Some(first), HaCause::First),
        catalog.decide(key, Epoch(0), Some(second), HaCause::First),
    );
    let (winner, loser) = match decided {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        other => panic!("{other:?}"),
    };
    assert_eq!(winner.epoch, Epoch(1));
    assert!(matches!(loser, DecideError::Stale(stale) if stale.now == Epoch(1)));
    let again = catalog
        .decide(key, Epoch(1), winner.active, HaCause::Manual)
        .await
        .unwrap();
    assert_eq!(again, winner, "nothing new, no new epoch");
    let nowhere = catalog
        .decide(
            home.tunnel("blog").await.key,
            Epoch(0),
            None,
            HaCause::Disconnected,
        )
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

/// The changes of sites after a number, and the number that they lead to.
async fn sites_since(
    home: &Home,
    after: ChangeNumber,
) -> (Vec<(TunnelKey, Option<SiteEntry>)>, ChangeNumber) {
    let Changes::Since { changes, upto } = home.directory().changes(after).await.unwrap() else {
        panic!("the history reaches that far");
    };
    let sites = changes.into_iter().filter_map(|change| match change {
        Change::Site(key, entry) => Some((key, entry)),
        Change::Tunnel(..) | Change::Host(..) | Change::Limits(..) | Change::Mesh(_) | Change::Private(_) => {
            None
        }
    });
    (sites.collect(), upto)
}

#[tokio::test]
async fn who_follows_the_store_is_told_everything_that_decides_about_a_site() {
    let home = home!();
    let after = home.settled().await;
    let key = site(&home, "office", true).await;
    let (told, after) = sites_since(&home, after).await;
    let new = SiteEntry {
        state: HaState::new(key, HaMode::None),
        version: ConfigVersion(0),
        setting: HaSetting::None,
        settings: HaSettings::default(),
    };
    assert_eq!(told, [(key, Some(new.clone()))]);

    let (catalog, replica) = (home.catalog(), ConnectorId::random());
    let settings = HaSettings {
        profile: Profile::Fast,
        preempt_after: Some(Duration::from_secs(90)),
        passive_onramp: PassiveOnramp::Drop,
    };
    catalog.set_ha_settings(key, settings, &actor()).await.unwrap();
    let setting = HaSetting::Local {
        vips: vec!["10.0.0.1".parse().unwrap()],
        vips_previous: Some(vec!["10.0.0.2".parse().unwrap()]),
    };
    catalog
        .configure_site(key, setting.clone(), &actor())
        .await
        .unwrap();
    let state = catalog
        .decide(key, Epoch(0), Some(replica), HaCause::First)
        .await
        .unwrap();
    let now = SiteEntry {
        state,
        version: ConfigVersion(1),
        setting,
        settings,
    };
    let (told, after) = sites_since(&home, after).await;
    assert_eq!(told, [(key, Some(now.clone()))], "once, as it is now");
    let (snapshot, at) = home.directory().snapshot().await.unwrap();
    assert_eq!((snapshot.sites, at), (vec![(key, now)], after));
    assert_eq!(catalog.ha_settings(key).await.unwrap(), Some(settings));
    let again = catalog.set_ha_settings(key, settings, &actor()).await.unwrap();
    assert_eq!(again, after, "nothing new, nothing told");

    home.delete(key).await;
    assert_eq!(sites_since(&home, after).await.0, [(key, None)]);
    assert!(home.directory().snapshot().await.unwrap().0.sites.is_empty());
    assert_eq!(catalog.ha_settings(key).await.unwrap(), None);
    let gone = catalog.set_ha_settings(key, settings, &actor()).await;
    assert!(matches!(gone, Err(CatalogError::NoTunnel)));
}

#[tokio::test]
async fn every_decision_is_kept_with_its_cause_and_what_it_cost() {
    let home = home!();
    let (key, other) = (site(&home, "office", true).await, site(&home, "lab", true).await);
    let (first, second) = (ConnectorId::random(), ConnectorId::random());
    let catalog = home.catalog();
    let decided = [
        (Some(first), HaCause::First),
        (Some(second), HaCause::Silent),
        (None, HaCause::Disconnected),
    ];
    for (seen, (active, cause)) in (0..).zip(decided) {
        catalog.decide(key, Epoch(seen), active, cause).await.unwrap();
    }
    catalog
        .decide(key, Epoch(3), None, HaCause::Manual)
        .await
        .unwrap();
    catalog
        .decide(other, Epoch(0), Some(first), HaCause::First)
        .await
        .unwrap();
    let gap = Duration::from_micros(1_234_567);
    catalog.note_gap(key, Epoch(2), gap).await.unwrap();
    catalog.note_gap(key, Epoch(9), gap).await.unwrap();

    let home = home.reopen().await;
    let page = async |page, per_page| {
        let page = PageRequest { page, per_page };
        home.catalog().ha_events(key, page).await.unwrap()
    };
    let all = page(1, 10).await;
    let shown: Vec<_> = all
        .items
        .iter()
        .map(|event| (event.epoch.0, event.cause, event.from, event.to, event.gap))
        .collect();
    assert_eq!(
        shown,
        [
            (3, HaCause::Disconnected, Some(second), None, None),
            (2, HaCause::Silent, Some(first), Some(second), Some(gap)),
            (1, HaCause::First, None, Some(first), None),
        ]
    );
    assert!(all.items.iter().all(|event| event.at <= home.hands.now()));
    let last = page(2, 2).await;
    assert_eq!((last.total, &last.items[..]), (3, &all.items[2..]));
    assert!(page(3, 2).await.items.is_empty());
}

#[tokio::test]
async fn of_many_decisions_the_newest_thousand_are_kept() {
    let home = home!();
    let (key, catalog) = (site(&home, "office", true).await, home.catalog());
    let replicas = [ConnectorId::random(), ConnectorId::random()];
    for seen in 0..1003 {
        let active = Some(replicas[seen % 2]);
        let seen = Epoch(seen as u64);
        catalog.decide(key, seen, active, HaCause::Manual).await.unwrap();
    }
    let page = PageRequest { page: 1, per_page: 1 };
    let newest = catalog.ha_events(key, page).await.unwrap();
    assert_eq!((newest.total, newest.items[0].epoch), (1000, Epoch(1003)));
}
