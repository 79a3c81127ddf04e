//! A server that goes away and comes back.

use std::time::Duration;

use adit_core::port::Catalog as _;
use adit_model::{AccountId, ConnectorId};
use adit_store::{OpenError, Store, StoreOptions};
use adit_testing::{postgres::Server, skip, wait_for};
use sqlx::{Connection as _, PgConnection};

use crate::support::{actor, keys, new_tunnel, opened, set_up};

/// A store on a server of its own; None where there is no PostgreSQL.
async fn store(test: &str) -> Option<(Server, String, Store, AccountId)> {
    let server = match Server::start() {
        Ok(server) => server,
        Err(reason) => {
            skip(test, reason);
            return None;
        }
    };
    let url = server.lasting_database();
    let store = Store::open(&url, &keys(), StoreOptions::default()).await.unwrap();
    let made = store.bootstrap(set_up(AccountId::random())).await.unwrap();
    Some((server, url, store, made.account))
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_next_write_and_the_next_read_succeed() {
    let name = "after_a_restart_of_the_server_the_next_write_and_the_next_read_succeed";
    let Some((server, _, store, account)) = store(name).await else {
        return;
    };
    let (before, _) = store
        .create_tunnel(new_tunnel(account, "before"), &actor())
        .await
        .unwrap();
    for name in ["one", "two"] {
        server.stop();
        server.start_again();
        let (made, _) = store
            .create_tunnel(new_tunnel(account, name), &actor())
            .await
            .unwrap();
        for key in [made.key, before.key] {
            assert!(store.tunnel(key).await.unwrap().is_some());
        }
    }
    store.close().await;
}

#[tokio::test]
async fn what_a_server_that_is_away_did_not_acknowledge_is_told_as_failed() {
    let name = "what_a_server_that_is_away_did_not_acknowledge_is_told_as_failed";
    let Some((server, url, store, account)) = store(name).await else {
        return;
    };
    server.stop();
    for _ in 0..2 {
        let refused = store.create_tunnel(new_tunnel(account, "away"), &actor()).await;
        let error = refused.unwrap_err().to_string();
        assert!(!error.contains(&url), "{error}");
    }
    let waited = std::time::Instant::now();
    store.account_exists(account).await.unwrap_err();
    assert!(
        waited.elapsed() < Duration::from_secs(8),
        "{:?}",
        waited.elapsed()
    );

    server.start_again();
    let (made, _) = store
        .create_tunnel(new_tunnel(account, "away"), &actor())
        .await
        .unwrap();
    assert!(store.tunnel(made.key).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn writes_under_way_when_the_server_dies_are_there_exactly_if_they_were_acknowledged() {
    let name = "writes_under_way_when_the_server_dies_are_there_exactly_if_they_were_acknowledged";
    let Some((server, _, store, account)) = store(name).await else {
        return;
    };
    let store = std::sync::Arc::new(store);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                let new = new_tunnel(account, &format!("{writer}-{number}"));
                match store.create_tunnel(new, &actor()).await {
                    Ok((tunnel, _)) => acknowledged.push(tunnel.key),
                    Err(_) => break,
                }
            }
            acknowledged
        });
    }
    wait_for("some writes", async || {
        store.change_number().await.is_ok_and(|number| number.0 > 60)
    })
    .await;
    // On a thread of its own: the writers go on meanwhile.
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    });
    let server = server.await.unwrap();
    let acknowledged = writers.join_all().await.concat();
    server.start_again();
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    for key in acknowledged {
        assert!(store.tunnel(key).await.unwrap().is_some(), "{key:?} was lost");
    }
    store.close().await;
}

#[tokio::test]
async fn news_of_connections_waits_for_the_server() {
    let Some((server, _, store, account)) = store("news_of_connections_waits_for_the_server").await else {
        return;
    };
    let (tunnel, _) = store
        .create_tunnel(new_tunnel(account, "blog"), &actor())
        .await
        .unwrap();
    server.stop();
    let news = opened(tunnel.key, ConnectorId::random(), 0, tunnel.created_at);
    adit_core::port::Presence::report(&store, adit_core::port::PresenceEvent::Opened(Box::new(news)));
    server.start_again();
    wait_for("the connection to be written", async || {
        let found = store.tunnel(tunnel.key).await;
        found.is_ok_and(|tunnel| tunnel.is_some_and(|tunnel| tunnel.connectors.len() == 1))
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn a_database_that_another_server_took_meanwhile_is_left_to_it() {
    let name = "a_database_that_another_server_took_meanwhile_is_left_to_it";
    let Some((server, url, store, account)) = store(name).await else {
        return;
    };
    server.stop();
    server.start_again();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(4702111234474983746)")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert!(taken, "the claim ends with the connection that made it");
    let refused = store.create_tunnel(new_tunnel(account, "late"), &actor()).await;
    let mut error: &dyn std::error::Error = &refused.unwrap_err();
    while let Some(cause) = error.source() {
        error = cause;
    }
    assert!(error.to_string().contains("another adit server"), "{error}");

    other.close().await.unwrap();
    store
        .create_tunnel(new_tunnel(account, "late"), &actor())
        .await
        .unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_database_has_one_server_at_a_time_and_the_next_one_at_once() {
    let name = "a_database_has_one_server_at_a_time_and_the_next_one_at_once";
    let Some((server, url, store, account)) = store(name).await else {
        return;
    };
    let refused = async || {
        let Err(error) = Store::open(&url, &keys(), StoreOptions::default()).await else {
            panic!("two stores have the database")
        };
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    };
    refused().await;
    server.stop();
    server.start_again();
    store
        .create_tunnel(new_tunnel(account, "after"), &actor())
        .await
        .unwrap();
    refused().await;
    // As a process that is killed: nothing is said to the database.
    drop(store);
    let store = Store::open(&url, &keys(), StoreOptions::default()).await.unwrap();
    assert!(store.account_exists(account).await.unwrap());
    store.close().await;
}
