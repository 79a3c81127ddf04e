//! Where a store is: a file of SQLite or a database of PostgreSQL.

use std::{fmt, io, path::PathBuf, time::Duration};

use sqlx::{
    migrate::{Migration, Migrator},
    postgres::PgConnectOptions,
};

use crate::{
    address::{BadStoreAddress, StoreAddress},
    engine::{Connection, Driver, Pool},
    postgres, sqlite,
};

/// A store's place, which knows how to reach it. Shown without user and password.
#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Place {
    /// Reads an address.
    pub(crate) fn parse(address: &str) -> Result<Self, BadStoreAddress> {
        match address.parse()? {
            StoreAddress::Sqlite(file) => Ok(Self::Sqlite(file)),
            StoreAddress::Postgres(url) => {
                let options = postgres::options(&url).map_err(|_| BadStoreAddress)?;
                Ok(Self::Postgres(Box::new(options)))
            }
        }
    }

    /// Makes what has to be there before the first connection.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Sqlite(file) => sqlite::create_file(file),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// The one connection of this process that writes.
    pub(crate) async fn connect_writer(&self) -> sqlx::Result<Connection> {
        match self {
            Self::Sqlite(file) => sqlite::connect_writer(file).await.map(Connection::Sqlite),
            Self::Postgres(options) => postgres::connect_writer(options).await.map(Connection::Postgres),
        }
    }

    /// Takes the database for the process whose writer's connection this is; false if another one has it. A file is
    /// guarded by its directory's owner.
    pub(crate) async fn claim(&self, connection: &mut Connection) -> sqlx::Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(_) => postgres::claim(connection).await,
        }
    }

    /// How long a write transaction may take. None for a file, whose statements only wait for the disk.
    pub(crate) const fn longest_write(&self) -> Option<Duration> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(postgres::LONGEST_WRITE),
        }
    }

    /// The connections that read.
    pub(crate) async fn connect_readers(&self) -> sqlx::Result<Pool> {
        match self {
            Self::Sqlite(file) => sqlite::connect_readers(file).await,
            Self::Postgres(options) => postgres::connect_readers(options).await,
        }
    }

    /// The schema, oldest step first.
    pub(crate) fn migrations(&self) -> Vec<Migration> {
        match self {
            Self::Sqlite(_) => sqlite::migrations(),
            Self::Postgres(_) => postgres::migrations(),
        }
    }

    /// The newest schema step that was applied; `None` for an empty database.
    pub(crate) async fn schema_version(&self, connection: &mut Connection) -> sqlx::Result<Option<i64>> {
        match self {
            Self::Sqlite(_) => sqlite::schema_version(connection).await,
            Self::Postgres(_) => postgres::schema_version(connection).await,
        }
    }

    /// Copies what is there before its schema changes to `version`; where to, if this engine does so.
    pub(crate) async fn copy_before(
        &self,
        connection: &mut Connection,
        version: i64,
    ) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Sqlite(file) => sqlite::copy_before(connection, file, version).await.map(Some),
            // Its operator's backups do; each step is a transaction, so a failed one leaves nothing behind.
            Self::Postgres(_) => Ok(None),
        }
    }
}

/// Runs the steps that are missing.
pub(crate) async fn run_migrations(
    connection: &mut Connection,
    migrations: Vec<Migration>,
) -> Result<(), sqlx::migrate::MigrateError> {
    let migrator = Migrator::with_migrations(migrations);
    match connection.driver() {
        Driver::Sqlite(connection) => migrator.run_direct(None, connection, false).await,
        Driver::Postgres(connection) => migrator.run_direct(None, connection, false).await,
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or("of the user's name");
                write!(f, "the PostgreSQL database {database} on {}", options.get_host())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        let place = Place::parse("postgres://adit:hunter2@db.example/adit").unwrap();
        assert_eq!(place.to_string(), "the PostgreSQL database adit on db.example");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_quoted() {
        for address in [
            "postgres://adit:hunter2@db.example:port/adit",
            "mysql://adit:hunter2@db/adit",
        ] {
            let error = Place::parse(address).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{address}");
        }
    }
}
