//! Opening a database: where it is, whether this version may use it, and bringing it forward.

use std::sync::Arc;

use adit_core::port::ChangeNumber;
use sqlx::migrate::Migration;

use crate::{
    address::BadStoreAddress,
    engine::{Connection, Pool},
    failure::Cause,
    meta,
    place::{Place, run_migrations},
    schema::newest,
    seal::{Sealer, StoreKeys},
    tx::counter,
};

/// Why the store could not be opened. `place` is its file, or its database without user and password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] BadStoreAddress),
    /// It was written by a newer version.
    #[error(
        "{place} has schema {found}, and this version of Adit knows none above {known}: start the newer version again"
    )]
    NewerSchema {
        /// The database.
        place: String,
        /// Its schema.
        found: i64,
        /// The newest schema of this version.
        known: i64,
    },
    /// Another process has it open.
    #[error("{place} is in use by another adit server: stop that one first")]
    InUse {
        /// The database.
        place: String,
    },
    /// The secrets key is not the one that the database was made with.
    #[error(
        "the secrets key does not fit {place}: restore the keys/secrets.key that belongs to this database"
    )]
    WrongKey {
        /// The database.
        place: String,
    },
    /// The copy that is made before a migration failed; nothing was changed.
    #[error("cannot copy {place} before its migration")]
    Copy {
        /// The database.
        place: String,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The database could not be opened, read or migrated.
    #[error("cannot open the store {place}")]
    Database {
        /// The database.
        place: String,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn broken(place: &Place, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Database {
            place: place.to_string(),
            cause: cause.into(),
        }
    }
}

/// What an opened database is used through.
pub(crate) struct Opened {
    pub(crate) place: Place,
    /// The one connection that writes.
    pub(crate) connection: Connection,
    pub(crate) readers: Pool,
    /// The newest change.
    pub(crate) newest: ChangeNumber,
    pub(crate) sealer: Arc<Sealer>,
}

/// Opens the database, makes it if there is none, and brings its schema forward.
pub(crate) async fn open(address: &str, keys: &StoreKeys) -> Result<Opened, OpenError> {
    let place = Place::parse(address)?;
    let broken = |cause: Cause| OpenError::broken(&place, cause);
    place
        .prepare()
        .map_err(|error| OpenError::broken(&place, error))?;
    let mut connection = place
        .connect_writer()
        .await
        .map_err(|error| broken(error.into()))?;
    if !place
        .claim(&mut connection)
        .await
        .map_err(|error| broken(error.into()))?
    {
        return Err(OpenError::InUse {
            place: place.to_string(),
        });
    }
    migrate(&mut connection, &place, place.migrations()).await?;
    let sealer = Arc::new(Sealer::new(keys).map_err(broken)?);
    if !key_fits(&mut connection, &sealer).await.map_err(broken)? {
        return Err(OpenError::WrongKey {
            place: place.to_string(),
        });
    }
    let readers = place
        .connect_readers()
        .await
        .map_err(|error| broken(error.into()))?;
    let newest = counter(&mut connection, "change").await.map_err(broken)?;
    Ok(Opened {
        place,
        connection,
        readers,
        newest,
        sealer,
    })
}

/// Brings the schema forward. Copies a database that has something to lose first.
pub(crate) async fn migrate(
    connection: &mut Connection,
    place: &Place,
    migrations: Vec<Migration>,
) -> Result<(), OpenError> {
    let known = newest(&migrations);
    let found = place
        .schema_version(connection)
        .await
        .map_err(|error| OpenError::broken(place, error))?;
    if let Some(found) = found {
        refuse_newer(place, found, known)?;
    }
    match found {
        Some(found) if found < known => {
            let copy = place
                .copy_before(connection, known)
                .await
                .map_err(|cause| OpenError::Copy {
                    place: place.to_string(),
                    cause,
                })?;
            let copy = copy.map(|file| file.display().to_string());
            tracing::info!(from = found, to = known, copy, "migrating the store");
        }
        Some(_) | None => {}
    }
    run_migrations(connection, migrations)
        .await
        .map_err(|error| OpenError::broken(place, error))
}

/// Refuses a database that a newer version has changed.
pub(crate) fn refuse_newer(place: &Place, found: i64, known: i64) -> Result<(), OpenError> {
    if found > known {
        return Err(OpenError::NewerSchema {
            place: place.to_string(),
            found,
            known,
        });
    }
    Ok(())
}

/// What is sealed to recognise the key, and what it belongs to.
pub(crate) const KEY_CHECK: &str = "secrets_key_check";

/// Whether `sealer` has the key that the database was made with. A new database takes this one.
async fn key_fits(connection: &mut Connection, sealer: &Sealer) -> Result<bool, Cause> {
    if let Some(sealed) = meta::get(connection, KEY_CHECK).await? {
        return Ok(sealer.open(&sealed, KEY_CHECK.as_bytes()).is_ok());
    }
    let sealed = sealer.seal(KEY_CHECK.as_bytes(), KEY_CHECK.as_bytes())?;
    meta::put(connection, KEY_CHECK, sealed).await?;
    Ok(true)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{schema::step, sql::query};

    /// A database of the newest schema with nothing in it, and the directory that it is in.
    pub(crate) async fn empty() -> (Connection, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(directory.path().join("adit.db"));
        place.prepare().unwrap();
        let mut connection = place.connect_writer().await.unwrap();
        migrate(&mut connection, &place, place.migrations())
            .await
            .unwrap();
        (connection, directory)
    }

    #[tokio::test]
    async fn a_migration_copies_the_database_first_and_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("adit.db");
        let first = || {
            vec![step(
                1,
                "first",
                "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (42);",
            )]
        };
        let both = || {
            let mut steps = first();
            steps.push(step(2, "second", "DROP TABLE a;"));
            steps
        };

        let place = Place::Sqlite(file);
        place.prepare().unwrap();
        let mut connection = place.connect_writer().await.unwrap();
        migrate(&mut connection, &place, first()).await.unwrap();
        let copy = directory.path().join("adit.db.before-2");
        assert!(!copy.exists());

        migrate(&mut connection, &place, both()).await.unwrap();
        let mut kept = Place::Sqlite(copy).connect_writer().await.unwrap();
        let x: i64 = query("SELECT x FROM a").scalar(&mut kept).await.unwrap();
        assert_eq!(x, 42);

        let refused = migrate(&mut connection, &place, first()).await.unwrap_err();
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
        migrate(&mut connection, &place, both()).await.unwrap();
    }
}
