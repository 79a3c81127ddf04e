//! What survives: kills, concurrency, wrong keys, damaged rows, time.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{ALL, actor, home, keys, new_tunnel, set_up};
use adit_core::port::{Catalog as _, CatalogError, Change, ChangeNumber, Changes, TunnelFilter};
use adit_model::{AccountId, ConnectorId, TunnelKey};
use adit_store::{OpenError, Store, StoreKeys, StoreOptions, Swept};

const CHILD: &str = "ADIT_STORE_TEST_ADDRESS";

/// Not a test by itself: the process that the next test kills.
#[tokio::test]
async fn a_process_writes_until_it_is_killed() {
    let Ok(address) = std::env::var(CHILD) else { return };
    let store = Store::open(&address, &keys(), StoreOptions::default())
        .await
        .unwrap();
    let account = store
        .bootstrap(set_up(AccountId::random()))
        .await
        .unwrap()
        .account;
    let store = std::sync::Arc::new(store);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for number in 0.. {
                let new = new_tunnel(account, &format!("{writer}-{number}"));
                let (tunnel, _) = store.create_tunnel(new, &actor()).await.unwrap();
                println!("wrote {} {}", account, tunnel.key.tunnel);
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let home = home!();
    home.store.close().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ports::durability::a_process_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD, home.address())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        acknowledged.extend(parsed(&line.unwrap()));
        if acknowledged.len() == 100 {
            child.kill().unwrap();
            break;
        }
    }
    // What it still got out before it died was acknowledged as well; its last line may be cut.
    acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| parsed(&line)));
    child.wait().unwrap();
    assert!(
        acknowledged.len() >= 100,
        "it died by itself after {}",
        acknowledged.len()
    );

    let home = home.reopen().await;
    for key in acknowledged {
        let found = home.store.tunnel(key).await.unwrap();
        assert!(found.is_some(), "{key:?} was lost");
    }
}

fn parsed(line: &str) -> Option<TunnelKey> {
    // The test harness may have begun the line with words of its own.
    let mut words = line.split_once("wrote ")?.1.split(' ');
    Some(TunnelKey {
        account: words.next()?.parse().ok()?,
        tunnel: words.next()?.parse().ok()?,
    })
}

#[tokio::test]
async fn sixty_four_writers_share_transactions_and_a_refused_one_harms_nobody() {
    let home = home!();
    let start = home.settled().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..64 {
        let (catalog, account) = (home.catalog(), home.account);
        writers.spawn(async move {
            for number in 0..10 {
                // Every second writer wants a name that another one wants too.
                let name = format!("{}-{number}", writer / 2);
                let made = catalog.create_tunnel(new_tunnel(account, &name), &actor()).await;
                assert!(
                    matches!(made, Ok(_) | Err(CatalogError::NameTaken(_))),
                    "{made:?}"
                );
            }
        });
    }
    writers.join_all().await;
    let page = home
        .catalog()
        .tunnels(home.account, &TunnelFilter::default(), ALL)
        .await
        .unwrap();
    assert_eq!(page.total, 320, "one of each name");
    let (snapshot, newest) = home.directory().snapshot().await.unwrap();
    assert_eq!(
        (snapshot.tunnels.len(), newest.0 - start.0),
        (320, 320),
        "a refused write takes no number"
    );
}

#[tokio::test]
async fn a_thousand_tunnels_are_made_at_once() {
    let home = home!();
    let start = std::time::Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let (catalog, new) = (home.catalog(), home.new_tunnel(&format!("t{number}")));
        work.spawn(async move { catalog.create_tunnel(new, &actor()).await.unwrap() });
    }
    work.join_all().await;
    println!("1000 tunnels in {:?}", start.elapsed());
    let page = home
        .catalog()
        .tunnels(home.account, &TunnelFilter::default(), ALL)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1000);
}

#[tokio::test]
async fn a_caller_that_gives_up_undoes_nothing() {
    let home = home!();
    let start = home.settled().await;
    let mut work = tokio::task::JoinSet::new();
    let (catalog, new) = (home.catalog(), home.new_tunnel("first"));
    work.spawn(async move { catalog.create_tunnel(new, &actor()).await });
    tokio::task::yield_now().await;
    work.shutdown().await;
    home.tunnel("second").await;
    let page = home
        .catalog()
        .tunnels(home.account, &TunnelFilter::default(), ALL)
        .await
        .unwrap();
    let (snapshot, newest) = home.directory().snapshot().await.unwrap();
    assert_eq!(page.total, snapshot.tunnels.len() as u64, "whole or not at all");
    assert_eq!(newest.0 - start.0, page.total);
}

#[tokio::test]
async fn another_secrets_key_is_refused_by_name() {
    let home = home!();
    home.store.close().await;
    let opened = Store::open(&home.address(), &StoreKeys::new([1; 32]), StoreOptions::default()).await;
    let Err(error) = opened else {
        panic!("the wrong key was taken")
    };
    assert!(matches!(error, OpenError::WrongKey { .. }));
    assert!(error.to_string().contains("secrets.key"), "{error}");
    home.reopen().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let home = home!();
    home.store.close().await;
    home.tamper(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    let opened = Store::open(&home.address(), &keys(), StoreOptions::default()).await;
    let Err(error) = opened else {
        panic!("a newer schema was taken")
    };
    assert!(matches!(error, OpenError::NewerSchema { found: 999, .. }));
    assert!(error.to_string().contains("999"), "{error}");
}

#[tokio::test]
async fn a_damaged_row_is_an_error_that_names_its_column() {
    let home = home!();
    let (good, bad) = (home.tunnel("good").await, home.tunnel("bad").await);
    for (statement, column) in [
        ("UPDATE tunnels SET name = '' WHERE name = 'bad'", "name"),
        (
            "UPDATE tunnels SET name = 'bad', config_source = 'moon' WHERE name = ''",
            "config_source",
        ),
        (
            "UPDATE tunnels SET created_at = 9223372036854775807 WHERE config_source = 'moon'",
            "config_source",
        ),
        (
            "UPDATE tunnels SET config_source = 'local' WHERE config_source = 'moon'",
            "created_at",
        ),
    ] {
        home.tamper(statement).await;
        let error = home.catalog().tunnel(bad.key).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(column), "{cause}");
    }
    assert!(home.catalog().tunnel(good.key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_tunnel_does_not_keep_the_others_from_the_edges() {
    let home = home!();
    let (good, bad) = (home.tunnel("good").await, home.tunnel("bad").await);
    home.publish("a.adit.localhost", good.key.tunnel).await;
    home.publish("b.adit.localhost", good.key.tunnel).await;
    home.tamper("UPDATE tunnels SET sealed_secret = x'01' WHERE name = 'bad'")
        .await;
    home.tamper("UPDATE dns_records SET name = '..' WHERE name = 'b.adit.localhost'")
        .await;
    let (snapshot, _) = home.directory().snapshot().await.unwrap();
    assert_eq!(snapshot.tunnels.len(), 1);
    assert_eq!(snapshot.tunnels[0].0, good.key);
    assert_eq!(snapshot.hosts.len(), 1);
    assert!(matches!(
        home.catalog()
            .tunnel_secret(bad.key, adit_model::TunnelKind::CfdTunnel)
            .await,
        Err(CatalogError::Store(_))
    ));
}

#[tokio::test]
async fn a_damaged_change_history_sends_readers_to_the_snapshot() {
    let home = home!();
    let start = home.settled().await;
    home.tunnel("blog").await;
    home.tamper("UPDATE changes SET host = '..'").await;
    let changes = home.directory().changes(ChangeNumber(0)).await.unwrap();
    assert!(matches!(changes, Changes::TooOld));
    let (snapshot, upto) = home.directory().snapshot().await.unwrap();
    assert_eq!((snapshot.tunnels.len(), upto), (1, ChangeNumber(start.0 + 1)));
}

#[tokio::test]
async fn a_sweep_removes_what_is_past_its_retention_and_tells_the_edges() {
    let day = Duration::from_secs(24 * 60 * 60);
    let home = home!();
    let (old, live) = (home.tunnel("old").await, home.tunnel("live").await);
    home.publish("old.adit.localhost", old.key.tunnel).await;
    let ended = home.connect(live.key, ConnectorId::random(), 0);
    home.connect(live.key, ConnectorId::random(), 0);
    home.wait_for_connections(live.key, 2).await;
    home.disconnect(ended);
    home.wait_for_connections(live.key, 1).await;
    let deleted = home.delete(old.key).await;
    assert_eq!(
        home.store.sweep(home.hands.now()).await.unwrap(),
        Swept::default()
    );

    let swept = home.store.sweep(home.hands.turn(day * 31)).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            connections: 1,
            ..Swept::default()
        }
    );
    let audited = home.texts("SELECT action FROM audit_log").await.len() as u64;
    let swept = home.store.sweep(home.hands.turn(day * 60)).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            tunnels: 1,
            audit: audited,
            ..Swept::default()
        }
    );

    assert!(home.catalog().tunnel(old.key).await.unwrap().is_none());
    assert_eq!(home.wait_for_connections(live.key, 1).await.connectors.len(), 1);
    let Changes::Since { changes, .. } = home.directory().changes(deleted).await.unwrap() else {
        panic!("too old")
    };
    let route = "old.adit.localhost".parse().unwrap();
    assert_eq!(
        changes,
        [Change::Host(route, None), Change::Tunnel(old.key, None)]
    );
    assert_eq!(
        home.texts("SELECT action FROM audit_log").await,
        ["tunnel.remove"]
    );
}
