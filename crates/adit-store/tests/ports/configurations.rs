//! Remote configurations of tunnels, and their versions.

use std::time::Duration;

use adit_core::{
    port::{
        CatalogError, Change, ChangeNumber, Changes, ConnectorConfigured, LocallyConfigured, PresenceEvent,
    },
    remote_config::RemoteConfig,
    rollout::{Refused, Standing},
};
use adit_model::{ConfigSource, ConfigVersion, ConnectorId, Timestamp, TunnelKey};
use adit_store::{Retention, StoreOptions};

use crate::support::{actor, home, wait_for};

fn config(service: &str) -> RemoteConfig {
    RemoteConfig::parse(&format!(
        r#"{{"ingress":[{{"service":"{service}"}}],"unknown":1.50}}"#
    ))
    .unwrap()
}

#[tokio::test]
async fn each_version_is_kept_with_author_and_time() {
    let home = home!();
    let catalog = home.catalog();
    let tunnel = home.tunnel("blog").await;
    let none = catalog.configuration(tunnel.key, None).await.unwrap().unwrap();
    assert_eq!((none.version, none.config), (ConfigVersion(0), None));
    assert_eq!(none.created_at, tunnel.created_at);

    let (first, change) = catalog
        .configure(tunnel.key, config("http://a"), &actor())
        .await
        .unwrap();
    let (second, _) = catalog
        .configure(tunnel.key, config("http://b"), &actor())
        .await
        .unwrap();
    assert_eq!(
        (first.version, second.version),
        (ConfigVersion(1), ConfigVersion(2))
    );
    assert_eq!(first.author, actor().name);

    let home = home.reopen().await;
    let catalog = home.catalog();
    let newest = catalog.configuration(tunnel.key, None).await.unwrap();
    assert_eq!(newest, Some(second));
    let older = catalog.configuration(tunnel.key, Some(first.version)).await;
    assert_eq!(older.unwrap(), Some(first));
    assert_eq!(home.get(tunnel.key).await.config_source, ConfigSource::Cloudflare);

    let before = ChangeNumber(change.0 - 1);
    let Changes::Since { changes, .. } = home.directory().changes(before).await.unwrap() else {
        panic!("the changes are gone");
    };
    let told = changes.iter().any(|change| {
        matches!(change, Change::Tunnel(key, Some(entry))
            if *key == tunnel.key && entry.config_version == ConfigVersion(2)
                && entry.config_source == ConfigSource::Cloudflare)
    });
    assert!(told, "{changes:?}");
    let audited = home
        .texts("SELECT object FROM audit_log WHERE action = 'tunnel.configure' ORDER BY id")
        .await;
    assert_eq!(audited.len(), 2);
    assert!(audited[1].ends_with("version 2"), "{audited:?}");
}

#[tokio::test]
async fn only_the_newest_versions_are_kept() {
    let home = home!(StoreOptions {
        retention: Retention {
            configurations: 3,
            ..Retention::default()
        },
        ..StoreOptions::default()
    });
    let (catalog, tunnel) = (home.catalog(), home.tunnel("blog").await.key);
    for _ in 0..5 {
        catalog
            .configure(tunnel, config("http://a"), &actor())
            .await
            .unwrap();
    }
    let kept = home
        .texts("SELECT CAST(version AS TEXT) FROM tunnel_configurations ORDER BY version")
        .await;
    assert_eq!(kept, ["3", "4", "5"]);
    let gone = catalog.configuration(tunnel, Some(ConfigVersion(2))).await;
    assert_eq!(gone.unwrap(), None);
}

#[tokio::test]
async fn a_tunnel_that_is_gone_takes_no_configuration() {
    let home = home!();
    let (catalog, tunnel) = (home.catalog(), home.tunnel("blog").await.key);
    home.delete(tunnel).await;
    let refused = catalog.configure(tunnel, config("http://a"), &actor()).await;
    assert!(matches!(refused, Err(CatalogError::NoTunnel)), "{refused:?}");
    assert_eq!(catalog.configuration(tunnel, None).await.unwrap(), None);
}

fn answer(tunnel: TunnelKey, connector: ConnectorId, standing: Standing, at: Timestamp) -> PresenceEvent {
    PresenceEvent::Configured(ConnectorConfigured {
        tunnel,
        connector,
        standing,
        at,
    })
}

#[tokio::test]
async fn what_a_connector_runs_and_refused_shows_with_its_first_time() {
    let home = home!();
    let (tunnel, connector) = (home.tunnel("blog").await.key, ConnectorId::random());
    home.connect(tunnel, connector, 0);
    let first = home.hands.now();
    let took = Standing {
        running: Some(ConfigVersion(2)),
        refused: None,
    };
    home.presence()
        .report(answer(tunnel, connector, took.clone(), first));
    let second = home.hands.turn(Duration::from_secs(1));
    home.presence().report(answer(tunnel, connector, took, second));
    let refused = Refused {
        version: ConfigVersion(3),
        sentence: "the last rule's \"host\"".to_owned(),
    };
    let refuses = Standing {
        running: Some(ConfigVersion(2)),
        refused: Some(refused),
    };
    let shown = async || home.get(tunnel).await.connectors[0].configuration.clone();
    home.wait_for_connections(tunnel, 1).await;
    wait_for("the version", async || shown().await.applied).await;
    home.presence().report(answer(tunnel, connector, refuses, second));
    let seen = wait_for("the refusal", async || {
        let shown = shown().await;
        shown.refused.is_some().then_some(shown)
    })
    .await;
    let applied = seen.applied.unwrap();
    assert_eq!(applied.version, ConfigVersion(2));
    let refused = seen.refused.unwrap();
    assert_eq!((refused.version, refused.at), (ConfigVersion(3), second));
    assert_eq!(refused.sentence, "the last rule's \"host\"");

    let took = Standing {
        running: Some(ConfigVersion(4)),
        refused: None,
    };
    let stranger = ConnectorId::random();
    home.presence()
        .report(answer(tunnel, stranger, took.clone(), second));
    home.presence().report(answer(tunnel, connector, took, second));
    wait_for("the newer version", async || {
        let shown = shown().await;
        (shown.applied.unwrap().version == ConfigVersion(4) && shown.refused.is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_locally_managed_tunnel_shows_what_its_connector_told_until_it_is_managed_here() {
    let home = home!();
    let (tunnel, connector) = (home.tunnel("blog").await.key, ConnectorId::random());
    home.connect(tunnel, connector, 0);
    let told = |config: &str, at| {
        home.presence()
            .report(PresenceEvent::LocallyConfigured(LocallyConfigured {
                tunnel,
                connector,
                config: config.to_owned(),
                at,
            }));
    };
    let first = home.hands.now();
    told(r#"{"ingress":[]}"#, first);
    let shown = async || home.catalog().configuration(tunnel, None).await.unwrap().unwrap();
    let seen = wait_for("the configuration", async || {
        let shown = shown().await;
        shown.config.is_some().then_some(shown)
    })
    .await;
    assert_eq!((seen.version, seen.created_at), (ConfigVersion(0), first));
    let later = home.hands.turn(Duration::from_secs(5));
    told(r#"{"ingress":[]}"#, later);
    told(r#"{"ingress":[],"x":1}"#, later);
    wait_for("the other configuration", async || {
        let shown = shown().await;
        (shown.config.as_deref() == Some(r#"{"ingress":[],"x":1}"#) && shown.created_at == later)
            .then_some(())
    })
    .await;
    let (set, _) = home
        .catalog()
        .configure(tunnel, config("http://a"), &actor())
        .await
        .unwrap();
    assert_eq!(shown().await, set);

    let directory = home.directory();
    let pushed = directory.remote_configuration(tunnel, set.version).await.unwrap();
    assert_eq!(pushed, set.config);
    let unknown = directory
        .remote_configuration(tunnel, ConfigVersion(9))
        .await
        .unwrap();
    assert_eq!(unknown, None);
}
