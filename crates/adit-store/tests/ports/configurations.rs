//! Remote configurations of tunnels, and their versions.

use adit_core::{
    port::{CatalogError, Change, ChangeNumber, Changes},
    remote_config::RemoteConfig,
};
use adit_model::{ConfigSource, ConfigVersion};
use adit_store::{Retention, StoreOptions};

use crate::support::{actor, home};

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
