//! Statements that run on either engine.
//!
//! [`query`] takes a fixed text with `$1`, `$2`… for its parameters, each of which may occur more than once. A
//! statement whose conditions depend on the request grows with [`Query::push`] and [`Query::push_bind`] instead.
//! Either way only texts of the source code become SQL; what comes from outside is always a parameter.

pub(crate) mod text_match;
mod value;

use std::borrow::Cow;

use adit_model::Timestamp;
use futures_util::TryStreamExt as _;
use sqlx::{Arguments as _, postgres::PgArguments};
use sqlx::{
    AssertSqlSafe, Decode, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite, Type, sqlite::SqliteArguments,
};

pub(crate) use self::value::Value;
use crate::engine::{Connection, Driver, Row};

/// What a column may be read as.
pub(crate) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

/// A statement with the values of its parameters.
#[cfg_attr(feature = "statements", derive(Clone))]
pub(crate) struct Query {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement of this text.
pub(crate) const fn query(text: &'static str) -> Query {
    Query {
        text: Cow::Borrowed(text),
        values: Vec::new(),
    }
}

impl Query {
    /// Gives the next parameter, `$1` first, its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into().storable());
        self
    }

    /// Goes on with this text.
    pub(crate) fn push(mut self, text: &'static str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Goes on with a parameter of this value.
    pub(crate) fn push_bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into().storable());
        let number = self.values.len().to_string();
        let text = self.text.to_mut();
        text.push('$');
        text.push_str(&number);
        self
    }

    /// Goes on with this text and a parameter, if there is a value: a condition that only counts if it was asked for.
    pub(crate) fn push_if(self, text: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.push(text).push_bind(value),
            None => self,
        }
    }

    /// Goes on with a list of values in parentheses, which must not be empty: `()` is no list in PostgreSQL.
    pub(crate) fn push_list<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Self {
        let list =
            |(query, between): (Self, &'static str), value| (query.push(between).push_bind(value), ", ");
        values.into_iter().fold((self, "("), list).0.push(")")
    }

    /// The same statement, asked for how SQLite would run it.
    #[cfg(test)]
    pub(crate) fn explained(mut self) -> Self {
        self.text.to_mut().insert_str(0, "EXPLAIN QUERY PLAN ");
        self
    }

    /// Runs it; how many rows it changed.
    pub(crate) async fn execute(self, connection: &mut Connection) -> sqlx::Result<u64> {
        #[cfg(feature = "statements")]
        crate::statements::note(&self);
        let (text, values) = (safe(self.text), self.values);
        match connection.driver() {
            Driver::Sqlite(connection) => {
                let done = sqlx::query_with(text, sqlite(values)?)
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected())
            }
            Driver::Postgres(connection) => {
                let done = sqlx::query_with(text, postgres(values)?)
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// All rows.
    pub(crate) async fn fetch_all(self, connection: &mut Connection) -> sqlx::Result<Vec<Row>> {
        #[cfg(feature = "statements")]
        crate::statements::note(&self);
        let (text, values) = (safe(self.text), self.values);
        match connection.driver() {
            Driver::Sqlite(connection) => {
                let rows = sqlx::query_with(text, sqlite(values)?)
                    .fetch_all(connection)
                    .await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Driver::Postgres(connection) => {
                let rows = sqlx::query_with(text, postgres(values)?)
                    .fetch_all(connection)
                    .await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Takes the rows one at a time, so that a long list is never held as rows.
    pub(crate) async fn for_each(
        self,
        connection: &mut Connection,
        mut take: impl FnMut(Row),
    ) -> sqlx::Result<()> {
        #[cfg(feature = "statements")]
        crate::statements::note(&self);
        let (text, values) = (safe(self.text), self.values);
        match connection.driver() {
            Driver::Sqlite(connection) => {
                let mut rows = sqlx::query_with(text, sqlite(values)?).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    take(Row::Sqlite(row));
                }
            }
            Driver::Postgres(connection) => {
                let mut rows = sqlx::query_with(text, postgres(values)?).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    take(Row::Postgres(row));
                }
            }
        }
        Ok(())
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional(self, connection: &mut Connection) -> sqlx::Result<Option<Row>> {
        #[cfg(feature = "statements")]
        crate::statements::note(&self);
        let (text, values) = (safe(self.text), self.values);
        match connection.driver() {
            Driver::Sqlite(connection) => {
                let row = sqlx::query_with(text, sqlite(values)?)
                    .fetch_optional(connection)
                    .await?;
                Ok(row.map(Row::Sqlite))
            }
            Driver::Postgres(connection) => {
                let row = sqlx::query_with(text, postgres(values)?)
                    .fetch_optional(connection)
                    .await?;
                Ok(row.map(Row::Postgres))
            }
        }
    }

    /// The first row; [`sqlx::Error::RowNotFound`] if there is none.
    pub(crate) async fn fetch_one(self, connection: &mut Connection) -> sqlx::Result<Row> {
        self.fetch_optional(connection)
            .await?
            .ok_or(sqlx::Error::RowNotFound)
    }

    /// The first column of the first row, if there is one.
    pub(crate) async fn optional_scalar<T: Column>(
        self,
        connection: &mut Connection,
    ) -> sqlx::Result<Option<T>> {
        let row = self.fetch_optional(connection).await?;
        row.map(|row| match row {
            Row::Sqlite(row) => row.try_get(0),
            Row::Postgres(row) => row.try_get(0),
        })
        .transpose()
    }

    /// The first column of the first row; [`sqlx::Error::RowNotFound`] if there is none.
    pub(crate) async fn scalar<T: Column>(self, connection: &mut Connection) -> sqlx::Result<T> {
        self.optional_scalar(connection)
            .await?
            .ok_or(sqlx::Error::RowNotFound)
    }
}

/// Goes on with whether something was made at or before a moment and not deleted before it, if one is given. The columns
/// tell when it was made and deleted.
pub(crate) fn existed_at(
    query: Query,
    [made, deleted]: [&'static str; 2],
    moment: Option<Timestamp>,
) -> Query {
    let Some(moment) = moment.map(Timestamp::unix_micros) else {
        return query;
    };
    let query = query.push(" AND ").push(made).push(" <= ").push_bind(moment);
    let query = query
        .push(" AND (")
        .push(deleted)
        .push(" IS NULL OR ")
        .push(deleted);
    query.push(" >= ").push_bind(moment).push(")")
}

/// A text that is safe because its parts are: see the module's description.
fn safe(text: Cow<'static, str>) -> SqlStr {
    match text {
        Cow::Borrowed(text) => text.into_sql_str(),
        Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
    }
}

fn sqlite(values: Vec<Value>) -> sqlx::Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Text(text) => arguments.add(text),
            Value::Number(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Flag(flag) => arguments.add(flag),
            Value::Uuid(uuid) => arguments.add(uuid),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres(values: Vec<Value>) -> sqlx::Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Text(text) => arguments.add(text),
            Value::Number(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Flag(flag) => arguments.add(flag),
            Value::Uuid(uuid) => arguments.add(uuid),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_grows_with_what_was_asked_for() {
        let grown = query("SELECT 1 FROM t WHERE a = $1")
            .bind(1_i64)
            .push_if(" AND b = ", Some("x"))
            .push_if(" AND c = ", None::<bool>)
            .push(" LIMIT ")
            .push_bind(10_i64);
        assert_eq!(grown.text, "SELECT 1 FROM t WHERE a = $1 AND b = $2 LIMIT $3");
        assert_eq!(grown.values.len(), 3);
    }
}
