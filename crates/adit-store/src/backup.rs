//! Copies of a database: made while it is in use, and looked at before they take its place.

use std::path::Path;

use crate::{
    engine::Connection,
    failure::Cause,
    meta,
    open::{KEY_CHECK, OpenError, refuse_newer},
    place::Place,
    schema::newest,
    seal::{Sealer, StoreKeys},
    sql::query,
    sqlite,
};

/// Copies the SQLite database `file`, which may be in use, to a new file that its owner alone may read. The copy is one
/// moment of it: every write that was acknowledged before is in it, and none in part. Returns its schema.
///
/// # Errors
/// [`OpenError`] if there is no database, or the copy cannot be written.
pub async fn copy_database(file: &Path, to: &Path) -> Result<i64, OpenError> {
    let place = Place::Sqlite(file.to_owned());
    let failed = |cause: std::io::Error| OpenError::Copy {
        place: place.to_string(),
        cause,
    };
    let mut connection = Connection::Sqlite(
        sqlite::connect_beside(file)
            .await
            .map_err(|error| OpenError::broken(&place, error))?,
    );
    let schema = sqlite::schema_version(&mut connection).await;
    let schema = schema.map_err(|error| OpenError::broken(&place, error))?;
    let schema = schema.ok_or_else(|| OpenError::broken(&place, "it is no database of Adit"))?;
    let copied = sqlite::copy_into(&mut connection, to).await;
    connection.abandon().await;
    copied.map_err(failed)?;
    Ok(schema)
}

/// Whether this version can take `file` as its database: it is whole, of a schema that is known, and fits the secrets
/// key. Changes nothing. Returns its schema.
///
/// # Errors
/// [`OpenError`] says what is wrong with it.
pub async fn check_copy(file: &Path, keys: &StoreKeys) -> Result<i64, OpenError> {
    let place = Place::Sqlite(file.to_owned());
    let broken = |cause: Cause| OpenError::broken(&place, cause);
    let connection = sqlite::connect_read_only(file).await;
    let mut connection = Connection::Sqlite(connection.map_err(|error| broken(error.into()))?);
    let checked = check(&mut connection, &place, keys).await;
    connection.abandon().await;
    checked
}

async fn check(connection: &mut Connection, place: &Place, keys: &StoreKeys) -> Result<i64, OpenError> {
    let broken = |cause: Cause| OpenError::broken(place, cause);
    let sql = |error: sqlx::Error| OpenError::broken(place, error);
    let found = sqlite::schema_version(connection).await.map_err(sql)?;
    let found = found.ok_or_else(|| OpenError::broken(place, "it is no database of Adit"))?;
    refuse_newer(place, found, newest(&place.migrations()))?;
    let verdict: String = query("PRAGMA integrity_check(1)")
        .scalar(connection)
        .await
        .map_err(sql)?;
    if verdict != "ok" {
        return Err(OpenError::broken(place, "it is damaged"));
    }
    let sealer = Sealer::new(keys).map_err(broken)?;
    let sealed = meta::get(connection, KEY_CHECK).await.map_err(broken)?;
    let opened = sealed.map(|sealed| sealer.open(&sealed, KEY_CHECK.as_bytes()));
    match opened {
        Some(Ok(_)) => Ok(found),
        None => Err(OpenError::broken(place, "it was never set up")),
        Some(Err(_)) => Err(OpenError::WrongKey {
            place: place.to_string(),
        }),
    }
}
