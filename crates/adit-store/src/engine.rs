//! The two databases behind everything else: SQLite and PostgreSQL.
//!
//! The SQL of the other modules is one text that both run, made with [`query`](crate::sql::query). What only one
//! engine understands (DDL, connection options, locks, copying a database) is in the modules `sqlite` and
//! `postgres`, and the only place that asks which engine it is talks to them.

use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction,
    postgres::PgRow, sqlite::SqliteRow,
};

/// One connection: the writer's, or a reader's inside its transaction.
pub(crate) enum Connection {
    /// The writer's.
    Sqlite(SqliteConnection),
    /// The writer's.
    Postgres(PgConnection),
    /// A reader's. Dropped, it gives its connection back with nothing left open.
    SqliteReader(Transaction<'static, Sqlite>),
    /// A reader's.
    PostgresReader(Transaction<'static, Postgres>),
}

/// A connection as its driver knows it.
pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    /// The driver's side, to run a statement on.
    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match self {
            Self::Sqlite(connection) => Driver::Sqlite(connection),
            Self::Postgres(connection) => Driver::Postgres(connection),
            Self::SqliteReader(transaction) => Driver::Sqlite(transaction),
            Self::PostgresReader(transaction) => Driver::Postgres(transaction),
        }
    }

    /// Ends a reader's transaction, or the writer's connection, telling the database so.
    pub(crate) async fn finish(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
            Self::SqliteReader(transaction) => transaction.commit().await,
            Self::PostgresReader(transaction) => transaction.commit().await,
        }
    }

    /// Ends a connection that nothing more is expected of.
    pub(crate) async fn abandon(self) {
        let closed = match self {
            Self::Sqlite(connection) => connection.close_hard().await,
            Self::Postgres(connection) => connection.close_hard().await,
            Self::SqliteReader(transaction) => transaction.rollback().await,
            Self::PostgresReader(transaction) => transaction.rollback().await,
        };
        drop(closed);
    }
}

/// The readers' connections.
#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    /// A reader with a transaction of its own: what it reads belongs together.
    pub(crate) async fn reader(&self) -> sqlx::Result<Connection> {
        match self {
            Self::Sqlite(pool) => pool.begin().await.map(Connection::SqliteReader),
            Self::Postgres(pool) => pool
                .begin_with(crate::postgres::BEGIN_READ)
                .await
                .map(Connection::PostgresReader),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite(pool) => pool.is_closed(),
            Self::Postgres(pool) => pool.is_closed(),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A row of a result.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}
