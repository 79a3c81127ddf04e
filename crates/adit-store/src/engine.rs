//! The database that everything else is written against.
//!
//! The SQL of the other modules is text that SQLite and PostgreSQL both run. What only one engine understands (DDL,
//! connection options, copying a database) is in that engine's module; a second engine gets a module beside
//! [`sqlite`](crate::sqlite) and turns these names into enums.

/// The driver.
pub(crate) type Database = sqlx::Sqlite;

/// One connection.
pub(crate) type Connection = sqlx::SqliteConnection;

/// The readers' connections.
pub(crate) type Pool = sqlx::SqlitePool;

/// A row of a result.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
