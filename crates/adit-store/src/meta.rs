//! The values that a database has one of: which key it was made with, who its edge is, which accounts are special.

use std::str::FromStr;

use crate::{engine::Connection, failure::Cause, sql::query};

/// The value of `key`, if it was put.
pub(crate) async fn get(connection: &mut Connection, key: &'static str) -> Result<Option<Vec<u8>>, Cause> {
    let value = query("SELECT value FROM meta WHERE key = $1")
        .bind(key)
        .optional_scalar(connection)
        .await?;
    Ok(value)
}

/// The same where it is a text that means something.
pub(crate) async fn get_parsed<T: FromStr>(
    connection: &mut Connection,
    key: &'static str,
) -> Result<Option<T>, Cause> {
    let meaning = |value: Vec<u8>| std::str::from_utf8(&value).ok()?.parse().ok();
    get(connection, key)
        .await?
        .map(|value| meaning(value).ok_or(Cause::BadColumn("value")))
        .transpose()
}

/// Puts the value of a key that has none.
pub(crate) async fn put(
    connection: &mut Connection,
    key: &'static str,
    value: impl Into<Vec<u8>>,
) -> Result<(), Cause> {
    query("INSERT INTO meta (key, value) VALUES ($1, $2)")
        .bind(key)
        .bind(value.into())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes the value of a key away.
pub(crate) async fn forget(connection: &mut Connection, key: &'static str) -> Result<(), Cause> {
    query("DELETE FROM meta WHERE key = $1")
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}
