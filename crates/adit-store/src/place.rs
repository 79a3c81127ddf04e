//! Where a store is: a file of SQLite or a database of PostgreSQL.

use std::{fmt, io, path::PathBuf, time::Duration};

use sqlx::{
    migrate::{Migration, Migrator},
    postgres::PgConnectOptions,
};

use crate::{
    engine::{Connection, Driver, Pool},
    postgres, sqlite,
};

/// A store's place, which knows how to reach it. Shown without user and password.
#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// A text that is no store's address. Holds as much of it as may be shown.
#[derive(Debug)]
pub(crate) struct BadAddress(pub(crate) String);

impl Place {
    /// Reads an address: `sqlite:<path>`, a plain path, or `postgres://…`.
    pub(crate) fn parse(address: &str) -> Result<Self, BadAddress> {
        // What follows the scheme may hold a password.
        let bad = || {
            BadAddress(
                address
                    .split_once("://")
                    .map_or(address, |(scheme, _)| scheme)
                    .to_owned(),
            )
        };
        let path = match address.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                let options = postgres::options(address).map_err(|_| bad())?;
                return Ok(Self::Postgres(Box::new(options)));
            }
            Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
            Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains('/') => "",
            Some(_) | None => address,
        };
        // SQLite would take these for a database in memory, of which writer and readers would each have their own.
        if path.is_empty() || path == ":memory:" {
            return Err(bad());
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
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
    use std::path::Path;

    use super::*;

    #[test]
    fn an_address_is_a_path_with_or_without_its_engine() {
        let file = |address: &str| match Place::parse(address) {
            Ok(Place::Sqlite(file)) => file,
            Ok(Place::Postgres(_)) | Err(_) => panic!("{address} is no file"),
        };
        for address in ["sqlite:/a/adit.db", "sqlite:///a/adit.db", "/a/adit.db"] {
            assert_eq!(file(address), Path::new("/a/adit.db"), "{address}");
        }
        assert_eq!(file("sqlite:adit.db"), Path::new("adit.db"));
    }

    #[test]
    fn a_server_is_shown_without_its_password() {
        let place = Place::parse("postgres://adit:hunter2@db.example/adit").map_err(|BadAddress(text)| text);
        let shown = place.unwrap().to_string();
        assert_eq!(shown, "the PostgreSQL database adit on db.example");
    }

    #[test]
    fn another_engine_is_refused_without_quoting_its_password() {
        for address in ["mysql://adit:hunter2@db/adit", "sqlite::memory:", "sqlite:", ""] {
            let BadAddress(shown) = Place::parse(address).err().unwrap();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
