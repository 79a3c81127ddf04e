//! A database of the server that the tests share.

use adit_testing::postgres::{self, Database};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Where a store is. Gone when dropped.
pub(crate) struct Place {
    database: Database,
}

impl Place {
    /// A new one; otherwise why there cannot be one here.
    pub(crate) fn make() -> Result<Self, &'static str> {
        let database = postgres::shared()?.database();
        Ok(Self { database })
    }

    pub(crate) fn address(&self) -> String {
        self.database.url().to_owned()
    }

    /// Runs a statement, of which each engine may have its own.
    pub(crate) async fn run(&self, _sqlite: &str, postgres: &str) {
        let mut connection = self.connection().await;
        sqlx::query(AssertSqlSafe(postgres))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// The first column of a query.
    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        let mut connection = self.connection().await;
        let texts = sqlx::query_scalar(query).fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        texts.unwrap()
    }

    async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }
}
