//! Opening a database: where it is, whether this version may use it, and bringing it forward.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use adit_core::port::ChangeNumber;
use sqlx::migrate::{Migration, Migrator};

use crate::{
    engine::{Connection, Pool},
    failure::Cause,
    row::column,
    seal::{Sealer, StoreKeys},
    sqlite,
    tx::counter,
};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address names no engine of this version.
    #[error("the store address {0:?} is not supported: use sqlite:<path> or a path")]
    Address(String),
    /// The file was written by a newer version.
    #[error(
        "{} has schema {found}, and this version of Adit knows none above {known}: start the newer version again",
        file.display()
    )]
    NewerSchema {
        /// The database.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema of this version.
        known: i64,
    },
    /// The secrets key is not the one that the file was made with.
    #[error(
        "the secrets key does not fit {}: restore the keys/secrets.key that belongs to this database",
        file.display()
    )]
    WrongKey {
        /// The database.
        file: PathBuf,
    },
    /// The copy that is made before a migration failed; nothing was changed.
    #[error("cannot copy {} before its migration", file.display())]
    Copy {
        /// The database.
        file: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The database could not be opened, read or migrated.
    #[error("cannot open the store {}", file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What an opened database is used through.
pub(crate) struct Opened {
    pub(crate) file: PathBuf,
    /// The one connection that writes.
    pub(crate) connection: Connection,
    pub(crate) readers: Pool,
    /// The newest change.
    pub(crate) newest: ChangeNumber,
    pub(crate) sealer: Arc<Sealer>,
}

/// Opens the database, makes it if there is none, and brings its schema forward.
pub(crate) async fn open(address: &str, keys: &StoreKeys) -> Result<Opened, OpenError> {
    let file = file_of(address)?;
    let broken = |cause: Cause| OpenError::Database {
        file: file.clone(),
        cause: cause.into(),
    };
    sqlite::create_file(&file).map_err(|error| OpenError::Database {
        file: file.clone(),
        cause: error.into(),
    })?;
    let mut connection = sqlite::connect_writer(&file)
        .await
        .map_err(|error| broken(error.into()))?;
    migrate(&mut connection, &file, sqlite::migrations()).await?;
    let sealer = Arc::new(Sealer::new(keys).map_err(broken)?);
    if !key_fits(&mut connection, &sealer).await.map_err(broken)? {
        return Err(OpenError::WrongKey { file });
    }
    let readers = sqlite::connect_readers(&file)
        .await
        .map_err(|error| broken(error.into()))?;
    let newest = counter(&mut connection, "change").await.map_err(broken)?;
    Ok(Opened {
        file,
        connection,
        readers,
        newest,
        sealer,
    })
}

/// The file that an address such as `sqlite:/var/lib/adit/adit.db` or a plain path means.
fn file_of(address: &str) -> Result<PathBuf, OpenError> {
    let path = match address.split_once(':') {
        Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
        Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains('/') => "",
        Some(_) | None => address,
    };
    // SQLite would take these for a database in memory, of which writer and readers would each have their own.
    if path.is_empty() || path == ":memory:" {
        // What follows the scheme may hold a password.
        let shown = address.split_once("://").map_or(address, |(scheme, _)| scheme);
        return Err(OpenError::Address(shown.to_owned()));
    }
    Ok(PathBuf::from(path))
}

/// Brings the schema forward. Copies a database that has something to lose first.
async fn migrate(
    connection: &mut Connection,
    file: &Path,
    migrations: Vec<Migration>,
) -> Result<(), OpenError> {
    let broken = |cause: Box<dyn std::error::Error + Send + Sync>| OpenError::Database {
        file: file.to_owned(),
        cause,
    };
    let known = migrations
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default();
    match sqlite::schema_version(connection)
        .await
        .map_err(|error| broken(error.into()))?
    {
        Some(found) if found > known => {
            return Err(OpenError::NewerSchema {
                file: file.to_owned(),
                found,
                known,
            });
        }
        Some(found) if found < known => {
            let copy = sqlite::copy_before(connection, file, known)
                .await
                .map_err(|cause| OpenError::Copy {
                    file: file.to_owned(),
                    cause,
                })?;
            tracing::info!(from = found, to = known, copy = %copy.display(), "migrating the store");
        }
        Some(_) | None => {}
    }
    Migrator::with_migrations(migrations)
        .run_direct(None, connection, false)
        .await
        .map_err(|error| broken(error.into()))
}

/// What is sealed to recognise the key, and what it belongs to.
const KEY_CHECK: &str = "secrets_key_check";

/// Whether `sealer` has the key that the database was made with. A new database takes this one.
async fn key_fits(connection: &mut Connection, sealer: &Sealer) -> Result<bool, Cause> {
    let kept = sqlx::query("SELECT value FROM meta WHERE key = $1")
        .bind(KEY_CHECK)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = kept {
        return Ok(sealer.open(column(&row, "value")?, KEY_CHECK.as_bytes()).is_ok());
    }
    sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2)")
        .bind(KEY_CHECK)
        .bind(sealer.seal(KEY_CHECK.as_bytes(), KEY_CHECK.as_bytes())?)
        .execute(connection)
        .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_with_or_without_its_engine() {
        for address in ["sqlite:/a/adit.db", "sqlite:///a/adit.db", "/a/adit.db"] {
            assert_eq!(file_of(address).unwrap(), Path::new("/a/adit.db"), "{address}");
        }
        assert_eq!(file_of("sqlite:adit.db").unwrap(), Path::new("adit.db"));
    }

    #[test]
    fn another_engine_is_refused_without_quoting_its_password() {
        for address in [
            "postgres://adit:hunter2@db/adit",
            "sqlite::memory:",
            "sqlite:",
            "",
        ] {
            let error = file_of(address).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_migration_copies_the_database_first_and_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("adit.db");
        let first = || {
            vec![sqlite::step(
                1,
                "first",
                "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (42);",
            )]
        };
        let both = || {
            let mut steps = first();
            steps.push(sqlite::step(2, "second", "DROP TABLE a;"));
            steps
        };

        sqlite::create_file(&file).unwrap();
        let mut connection = sqlite::connect_writer(&file).await.unwrap();
        migrate(&mut connection, &file, first()).await.unwrap();
        let copy = directory.path().join("adit.db.before-2");
        assert!(!copy.exists());

        migrate(&mut connection, &file, both()).await.unwrap();
        let mut kept = sqlite::connect_writer(&copy).await.unwrap();
        let x: i64 = sqlx::query_scalar("SELECT x FROM a")
            .fetch_one(&mut kept)
            .await
            .unwrap();
        assert_eq!(x, 42);

        let refused = migrate(&mut connection, &file, first()).await.unwrap_err();
        assert!(
            matches!(
                refused,
                OpenError::NewerSchema {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{refused}"
        );
        migrate(&mut connection, &file, both()).await.unwrap();
    }
}
