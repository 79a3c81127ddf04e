//! What only SQLite understands: its files, its connection options and its DDL.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection,
    migrate::Migration,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    engine::{Connection, Pool},
    schema::steps,
    sql::query,
};

/// Opens a transaction that waits for other writers now rather than failing at its first write.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Connections that read. Each is a thread; reads are short.
const READERS: u32 = 4;

/// How long to wait for another process that has the file locked, such as a backup.
const BUSY: Duration = Duration::from_secs(5);

/// The schema, oldest step first.
pub(crate) fn migrations() -> Vec<Migration> {
    steps!("sqlite")
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is answered only when it is on disk; NORMAL would lose the newest ones in a power failure.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// Makes the file if there is none, for its owner alone: it holds what connectors and users prove themselves with.
/// SQLite gives its side files the same mode.
pub(crate) fn create_file(file: &Path) -> io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map(drop)
}

/// The one connection that writes.
pub(crate) async fn connect_writer(file: &Path) -> sqlx::Result<SqliteConnection> {
    options(file).optimize_on_close(true, Some(400)).connect().await
}

/// A connection beside those of the process that has the database open.
pub(crate) async fn connect_beside(file: &Path) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY);
    options.disable_statement_logging().connect().await
}

/// A connection to a file that nobody has open, and that stays as it is.
pub(crate) async fn connect_read_only(file: &Path) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file).immutable(true);
    options
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await
}

/// The connections that read. They cannot write, whatever they are told.
pub(crate) async fn connect_readers(file: &Path) -> sqlx::Result<Pool> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_with(options(file).pragma("query_only", "ON"))
        .await?;
    Ok(Pool::Sqlite(pool))
}

/// The newest schema step that was applied to the database; `None` for an empty one.
pub(crate) async fn schema_version(connection: &mut Connection) -> sqlx::Result<Option<i64>> {
    let exists: bool = query(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations')",
    )
    .scalar(connection)
    .await?;
    if !exists {
        return Ok(None);
    }
    query("SELECT MAX(version) FROM _sqlx_migrations")
        .scalar(connection)
        .await
}

/// Copies the whole database, side files included, to `<file>.before-<version>`. An older copy of that name gives
/// way once the new one is complete.
pub(crate) async fn copy_before(
    connection: &mut Connection,
    file: &Path,
    version: i64,
) -> io::Result<PathBuf> {
    let with = |suffix: String| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (copy, partial) = (
        with(format!(".before-{version}")),
        with(format!(".before-{version}.partial")),
    );
    if partial.try_exists()? {
        std::fs::remove_file(&partial)?;
    }
    copy_into(connection, &partial).await?;
    std::fs::rename(&partial, &copy)?;
    Ok(copy)
}

/// Copies the whole database, as it is at one moment, to a new file that its owner alone may read.
pub(crate) async fn copy_into(connection: &mut Connection, to: &Path) -> io::Result<()> {
    let target = to
        .to_str()
        .ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
    // It takes an empty file for its own; one that it makes itself would be open to others at first.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    query("VACUUM INTO $1")
        .bind(target)
        .execute(connection)
        .await
        .map_err(io::Error::other)?;
    std::fs::File::open(to)?.sync_all()
}
