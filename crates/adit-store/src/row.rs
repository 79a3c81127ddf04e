//! Rows into values. A row that does not hold what it should is an error with the column's name, never a panic.

use std::str::FromStr;

use adit_model::{Timestamp, TunnelId, TunnelKey};
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use crate::{engine::Row, failure::Cause};

/// One column as the driver decodes it.
pub(crate) fn column<'r, T>(row: &'r Row, name: &'static str) -> Result<T, Cause>
where
    T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
{
    match row {
        Row::Sqlite(row) => row.try_get(name),
        Row::Postgres(row) => row.try_get(name),
    }
    .map_err(Cause::Sql)
}

/// A text column that holds an id, a name or an address.
pub(crate) fn parsed<T: FromStr>(row: &Row, name: &'static str) -> Result<T, Cause> {
    column::<&str>(row, name)?
        .parse()
        .map_err(|_| Cause::BadColumn(name))
}

/// The same that may be missing.
pub(crate) fn optional_parsed<T: FromStr>(row: &Row, name: &'static str) -> Result<Option<T>, Cause> {
    column::<Option<&str>>(row, name)?
        .map(|text| text.parse().map_err(|_| Cause::BadColumn(name)))
        .transpose()
}

/// A UUID column that holds an id.
pub(crate) fn id<T>(row: &Row, name: &'static str, wrap: fn(Uuid) -> T) -> Result<T, Cause> {
    Ok(wrap(column(row, name)?))
}

/// A time.
pub(crate) fn time(row: &Row, name: &'static str) -> Result<Timestamp, Cause> {
    Timestamp::from_unix_micros(column(row, name)?).ok_or(Cause::BadColumn(name))
}

/// A time that may be missing.
pub(crate) fn optional_time(row: &Row, name: &'static str) -> Result<Option<Timestamp>, Cause> {
    column::<Option<i64>>(row, name)?
        .map(|micros| Timestamp::from_unix_micros(micros).ok_or(Cause::BadColumn(name)))
        .transpose()
}

/// A number that is kept as 64 bits and means a narrower one.
pub(crate) fn number<T: TryFrom<i64>>(row: &Row, name: &'static str) -> Result<T, Cause> {
    T::try_from(column(row, name)?).map_err(|_| Cause::BadColumn(name))
}

/// The columns `account_id` and `tunnel_id`.
pub(crate) fn tunnel_key(row: &Row) -> Result<TunnelKey, Cause> {
    Ok(TunnelKey {
        account: parsed(row, "account_id")?,
        tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
    })
}
