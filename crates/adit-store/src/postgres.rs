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

/// How long a connection may take. One to a server that is away fails at once; this is for a network that swallows
/// everything.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a write transaction may take, all of it: a network that swallows everything would hold up every write.
pub(crate) const LONGEST_WRITE: Duration = Duration::from_secs(60);

/// What the server does for our sessions: it ends a transaction whose client is silent, and a connection whose client
/// is gone, so that the writer's turn comes free; and it says no more than is worth a line in the log.
const SESSION: [(&str, &str); 6] = [
    ("client_min_messages", "warning"),
    ("lock_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// Opens a reader's transaction: all its statements see the same state, and it cannot write.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Opens a write transaction, whatever the database's default is: each statement sees what was committed before it, so
/// that those after the writer's turn has come see all that earlier turns wrote.
pub(crate) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

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
        .options(SESSION)
        .disable_statement_logging())
}

/// The one connection of this node that writes.
pub(crate) async fn connect_writer(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    match tokio::time::timeout(CONNECT, options.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Takes the database for this process, for as long as the connection lives; false if another one has it. A process
/// that has just ended may have it for a moment.
pub(crate) async fn claim(connection: &mut Connection) -> sqlx::Result<bool> {
    for _ in 0..CLAIMS {
        if query(CLAIM).scalar(connection).await? {
            return Ok(true);
        }
        tokio::time::sleep(BETWEEN_CLAIMS).await;
    }
    Ok(false)
}

const CLAIM: &str = "SELECT pg_try_advisory_lock(4702111234474983746)";
const CLAIMS: u32 = 20;
const BETWEEN_CLAIMS: Duration = Duration::from_millis(250);

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
