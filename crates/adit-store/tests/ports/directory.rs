//! What edges follow, through the directory's port.

use std::time::Duration;

use crate::support::{Home, actor, home, new_tunnel, route};
use adit_core::port::{Change, ChangeNumber, Changes, HostRoute, HostTarget};
use adit_model::{AccountId, TunnelId, TunnelKey};
use adit_store::StoreOptions;

async fn since(home: &Home, after: ChangeNumber) -> (Vec<Change>, ChangeNumber) {
    match home.directory().changes(after).await.unwrap() {
        Changes::Since { changes, upto } => (changes, upto),
        Changes::TooOld => panic!("{after} is too old"),
    }
}

#[tokio::test]
async fn a_snapshot_holds_tunnels_and_routes_and_the_number_to_go_on_from() {
    let home = home!();
    let (live, deleted) = (home.tunnel("live").await, home.tunnel("deleted").await);
    home.publish("a.adit.localhost", live.key.tunnel).await;
    home.publish("*.adit.localhost", deleted.key.tunnel).await;
    home.publish("nowhere.adit.localhost", TunnelId::random()).await;
    let last = home.delete(deleted.key).await;

    let (snapshot, upto) = home.directory().snapshot().await.unwrap();
    assert_eq!(upto, last);
    assert_eq!(snapshot.tunnels.len(), 2);
    for (key, entry) in &snapshot.tunnels {
        assert_eq!(entry.deleted, *key == deleted.key);
        assert_eq!(entry.config_version.0, -1);
        let name = if entry.deleted { "deleted" } else { "live" };
        assert_eq!(entry.secret, home.new_tunnel(name).secret.digest());
    }
    let mut hosts = snapshot.hosts;
    hosts.sort_by_key(|route| route.pattern.clone());
    let route = |pattern: &str, tunnel| HostRoute {
        pattern: pattern.parse().unwrap(),
        target: HostTarget::from(tunnel),
    };
    assert_eq!(
        hosts,
        [
            route("a.adit.localhost", live.key),
            route("*.adit.localhost", deleted.key)
        ]
    );
}

#[tokio::test]
async fn a_record_leads_to_tunnels_of_its_own_account_only() {
    let home = home!();
    let stranger = AccountId::random();
    home.store
        .create_account(stranger, "Other".to_owned())
        .await
        .unwrap();
    let (theirs, _) = home
        .catalog()
        .create_tunnel(new_tunnel(stranger, "x"), &actor())
        .await
        .unwrap();
    let number = home.publish("a.adit.localhost", theirs.key.tunnel).await;
    assert!(home.directory().snapshot().await.unwrap().0.hosts.is_empty());

    home.store
        .adopt_tunnel(theirs.key.tunnel, home.new_tunnel("ours"), &actor())
        .await
        .unwrap();
    let ours = TunnelKey {
        account: home.account,
        tunnel: theirs.key.tunnel,
    };
    let (changes, _) = since(&home, number).await;
    assert!(changes.contains(&Change::Host(
        "a.adit.localhost".parse().unwrap(),
        Some(ours.into())
    )));
}

#[tokio::test]
async fn changes_to_a_record_change_its_route() {
    let home = home!();
    let (one, two) = (home.tunnel("one").await.key, home.tunnel("two").await.key);
    let pattern = |host: &str| host.parse().unwrap();
    let create = route("a.adit.localhost", one.tunnel);
    let (record, made) = home
        .catalog()
        .create_dns_record(home.zone, create, &actor())
        .await
        .unwrap();
    let (changes, upto) = since(&home, ChangeNumber(made.0 - 1)).await;
    assert_eq!(
        (changes, upto),
        (
            vec![Change::Host(pattern("a.adit.localhost"), Some(one.into()))],
            made
        )
    );

    let mut comment = route("a.adit.localhost", one.tunnel);
    comment.comment = "a remark is no route".to_owned();
    let update = async |new| {
        home.catalog()
            .update_dns_record(home.zone, record.id, new, &actor())
            .await
            .unwrap()
            .1
    };
    assert_eq!(update(comment).await, made);

    let renamed = update(route("b.adit.localhost", two.tunnel)).await;
    let expected = vec![
        Change::Host(pattern("a.adit.localhost"), None),
        Change::Host(pattern("b.adit.localhost"), Some(two.into())),
    ];
    assert_eq!(since(&home, made).await, (expected, renamed));

    let mut hidden = route("b.adit.localhost", two.tunnel);
    hidden.proxied = false;
    let hidden = update(hidden).await;
    assert_eq!(
        since(&home, renamed).await,
        (vec![Change::Host(pattern("b.adit.localhost"), None)], hidden)
    );
    assert_eq!(
        home.catalog()
            .delete_dns_record(home.zone, record.id, &actor())
            .await
            .unwrap(),
        hidden
    );
}

#[tokio::test]
async fn a_reader_waits_until_something_happens() {
    let home = home!();
    let after = home.settled().await;
    let directory = home.directory();
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { directory.changes(after).await.unwrap() });
    let idle = tokio::time::timeout(Duration::from_millis(50), waiting.join_next()).await;
    assert!(idle.is_err(), "nothing happened yet");

    let made = home.tunnel("blog").await;
    let Changes::Since { changes, upto } = waiting.join_next().await.unwrap().unwrap() else {
        panic!("too old")
    };
    assert!(matches!(&changes[..], [Change::Tunnel(key, Some(_))] if *key == made.key));
    assert_eq!(upto, home.catalog().change_number().await.unwrap());
}

#[tokio::test]
async fn a_cancelled_reader_loses_nothing() {
    let home = home!();
    let after = home.settled().await;
    let cancelled = tokio::time::timeout(Duration::from_millis(20), home.directory().changes(after)).await;
    assert!(cancelled.is_err());
    let made = home.tunnel("blog").await;
    assert!(matches!(&since(&home, after).await.0[..], [Change::Tunnel(key, Some(_))] if *key == made.key));
}

#[tokio::test]
async fn a_thing_that_changed_often_is_told_once_in_its_present_state() {
    let home = home!();
    let after = home.settled().await;
    let first = home.tunnel("first").await;
    let second = home.tunnel("second").await;
    let last = home.delete(first.key).await;
    let (changes, upto) = since(&home, after).await;
    assert_eq!(upto, last);
    let told: Vec<_> = changes
        .iter()
        .map(|change| match change {
            Change::Tunnel(key, Some(entry)) => (*key, entry.deleted),
            Change::Tunnel(_, None)
            | Change::Host(..)
            | Change::Limits(..)
            | Change::Mesh(_)
            | Change::Private(_)
            | Change::Site(..) => {
                panic!("unexpected {change:?}")
            }
        })
        .collect();
    assert_eq!(told, [(second.key, false), (first.key, true)]);
}

#[tokio::test]
async fn a_reader_that_lags_behind_what_is_kept_must_take_a_snapshot() {
    let home = home!(StoreOptions {
        changes_kept: 4,
        ..StoreOptions::default()
    });
    let start = home.catalog().change_number().await.unwrap();
    for number in 0..9 {
        home.tunnel(&format!("t{number}")).await;
    }
    let newest = home.catalog().change_number().await.unwrap();
    assert!(matches!(
        home.directory().changes(start).await.unwrap(),
        Changes::TooOld
    ));
    let ahead = ChangeNumber(newest.0 + 1);
    assert!(
        matches!(home.directory().changes(ahead).await.unwrap(), Changes::TooOld),
        "of another database"
    );

    let (changes, upto) = since(&home, ChangeNumber(newest.0 - 4)).await;
    assert_eq!((changes.len(), upto), (4, newest));
    let kept: usize = home.texts("SELECT CAST(number AS TEXT) FROM changes").await.len();
    assert!(kept <= 8, "{kept} kept");
}

#[tokio::test]
async fn a_long_history_is_told_in_bounded_parts_and_leads_to_the_snapshot() {
    let home = home!();
    let mut work = tokio::task::JoinSet::new();
    for number in 0..1200 {
        let (catalog, new) = (home.catalog(), home.new_tunnel(&format!("t{number}")));
        work.spawn(async move { catalog.create_tunnel(new, &actor()).await.unwrap() });
    }
    work.join_all().await;

    let (mut seen, mut after) = (std::collections::BTreeMap::new(), ChangeNumber(0));
    let (snapshot, newest) = home.directory().snapshot().await.unwrap();
    while after < newest {
        let (changes, upto) = since(&home, after).await;
        assert!(upto > after && changes.len() <= 1000);
        for change in changes {
            if let Change::Tunnel(key, Some(entry)) = change {
                seen.insert(key, entry);
            }
        }
        after = upto;
    }
    assert_eq!(seen, snapshot.tunnels.into_iter().collect());
}

#[tokio::test]
async fn numbers_rise_over_restarts() {
    let home = home!();
    let before = home.tunnel("one").await;
    let number = home.catalog().change_number().await.unwrap();
    let home = home.reopen().await;
    assert_eq!(home.catalog().change_number().await.unwrap(), number);
    assert!(home.delete(before.key).await > number);
}

#[tokio::test]
async fn closing_the_store_ends_the_wait() {
    let home = home!();
    let (directory, after) = (home.directory(), home.catalog().change_number().await.unwrap());
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { directory.changes(after).await });
    home.store.close().await;
    home.store.close().await;
    let error = waiting.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the store is closed"
    );
    assert!(home.create("late").await.is_err());
}
