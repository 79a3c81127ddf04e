//! Making tunnels over HTTP, in turns with the same statements in a bare loop.

use std::{path::Path, time::Instant};

use bytes::Bytes;
use http::Method;
use serde_json::json;
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Line, Scale, server::Api};
use crate::say;

/// Clients at a time, and bare creates in a transaction.
const TOGETHER: usize = 16;

pub(super) async fn measure(api: &Api, file: &Path, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let mut bare = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(std::time::Duration::from_secs(10))
        .disable_statement_logging()
        .connect()
        .await?;
    let (mut rates, mut bare_rates, mut ratios, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..=scale.rounds {
        let rate = over_http(api, scale.creates, TOGETHER, round).await?;
        let bare_rate = in_a_loop(&mut bare, api, scale.creates).await?;
        let one = over_http(api, scale.creates / TOGETHER, 1, round + 1000).await?;
        say(&format!(
            "creates: {rate:.0}/s, bare {bare_rate:.0}/s, one client {one:.0}/s"
        ));
        // Caches settle in the first.
        if round > 0 {
            rates.push(rate);
            bare_rates.push(bare_rate);
            ratios.push(rate / bare_rate);
            alone.push(one);
        }
    }
    bare.close().await?;
    Ok(vec![
        Line::at_least("creates/s, 16 clients", &rates, Some(1000.0)),
        Line::seen("creates/s, bare loop in transactions of 16", &bare_rates),
        Line::at_least("creates, ratio to the bare loop", &ratios, Some(0.35)),
        Line::seen("creates/s, one client", &alone),
    ])
}

async fn over_http(api: &Api, creates: usize, clients: usize, round: u32) -> anyhow::Result<f64> {
    let path = format!("/accounts/{}/cfd_tunnel", api.account);
    let mut running = JoinSet::new();
    let mut ready = Vec::new();
    for _ in 0..clients {
        ready.push(api.client().await?);
    }
    let start = Instant::now();
    for (number, mut client) in ready.into_iter().enumerate() {
        let path = path.clone();
        running.spawn(async move {
            for create in 0..creates / clients {
                let name = format!("made-{round}-{number}-{create}");
                let body = Bytes::from(json!({"name": name, "config_src": "local"}).to_string());
                client.call(Method::POST, &path, body).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(creates as f64 / start.elapsed().as_secs_f64())
}

/// What the store runs for a new tunnel, with nothing around it.
async fn in_a_loop(connection: &mut SqliteConnection, api: &Api, creates: usize) -> anyhow::Result<f64> {
    let account = api.account.to_string();
    let start = Instant::now();
    for _ in 0..creates / TOGETHER {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        for _ in 0..TOGETHER {
            create(connection, &account).await?;
        }
        sqlx::query("COMMIT").execute(&mut *connection).await?;
    }
    Ok(creates as f64 / start.elapsed().as_secs_f64())
}

async fn create(connection: &mut SqliteConnection, account: &str) -> anyhow::Result<()> {
    let (id, name, at) = (
        Uuid::new_v4(),
        format!("bare-{}", Uuid::new_v4()),
        1_800_000_000_000_000_i64,
    );
    let _: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM tunnels WHERE account_id = $1 AND name = $2 AND deleted_at IS NULL)",
    )
    .bind(account)
    .bind(&name)
    .fetch_one(&mut *connection)
    .await?;
    let _: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT virtual_network_id FROM virtual_networks WHERE account_id = $1 AND is_default AND deleted_at IS NULL",
    )
    .bind(account)
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO tunnels (account_id, tunnel_id, name, config_source, config_version, sealed_secret,
             created_at, ever_connected, inactive_since, kind)
         VALUES ($1, $2, $3, 'local', 0, $4, $5, FALSE, $5, 'cfd_tunnel')",
    )
    .bind(account)
    .bind(id)
    .bind(&name)
    .bind(vec![7_u8; 61])
    .bind(at)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO audit_log (at, account_id, actor, email, address, request_id, action, object, before, after)
         VALUES ($1, $2, 'token:0123456789abcdef0123456789abcdef', NULL, '127.0.0.1', '0123456789abcdef',
             'tunnel.create', $3, NULL, $4)",
    )
    .bind(at)
    .bind(account)
    .bind(format!("{id} {name}"))
    .bind(json!({"name": name, "config_source": "local", "kind": "cfd_tunnel"}).to_string())
    .execute(&mut *connection)
    .await?;
    let number: i64 =
        sqlx::query_scalar("UPDATE counters SET value = value + 1 WHERE name = 'change' RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query("INSERT INTO changes (number, host, account_id, tunnel_id) VALUES ($1, NULL, $2, $3)")
        .bind(number)
        .bind(account)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
