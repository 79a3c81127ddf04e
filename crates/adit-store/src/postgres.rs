//! What only PostgreSQL understands: its connection options, its locks and its DDL.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, PgConnection,
    migrate::Migration,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    engine::{Connection, Pool},
    schema::steps,
    sql::query,
};

/// Connections that read.
const READERS: u32 = 8;

/// How long a request waits for a connection to read with.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a reader's transaction: all its statements see the same state, and it cannot write.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Opens a write transaction.
pub(crate) const BEGIN_WRITE: &str = "BEGIN";

/// The writer's turn. Held until the end of its transaction, so that writers of all nodes take turns as SQLite's do:
/// what one checks stays true until it has written.
pub(crate) const TAKE_TURN: &str = "SELECT pg_advisory_xact_lock(4702111234474983745)";

/// The schema, oldest step first.
pub(crate) fn migrations() -> Vec<Migration> {
    steps!("postgres")
}

/// Reads a `postgres://` address. The error never quotes it: it may hold a password.
pub(crate) fn options(address: &str) -> sqlx::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(address)?
        .application_name("adit")
        .disable_statement_logging())
}

/// The one connection of this node that writes.
pub(crate) async fn connect_writer(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    options.connect().await
}

/// The connections that read.
pub(crate) async fn connect_readers(options: &PgConnectOptions) -> sqlx::Result<Pool> {
    let pool = PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .connect_with(options.clone())
        .await?;
    Ok(Pool::Postgres(pool))
}

/// The newest schema step that was applied to the database; `None` for an empty one.
pub(crate) async fn schema_version(connection: &mut Connection) -> sqlx::Result<Option<i64>> {
    let exists: bool = query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .scalar(connection)
        .await?;
    if !exists {
        return Ok(None);
    }
    query("SELECT MAX(version) FROM _sqlx_migrations")
        .scalar(connection)
        .await
}
