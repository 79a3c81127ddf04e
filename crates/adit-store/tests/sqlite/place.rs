//! A database in a file.

use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

/// Where a store is. Gone when dropped.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
}

impl Place {
    /// A new one; otherwise why there cannot be one here.
    pub(crate) fn make() -> Result<Self, &'static str> {
        Ok(Self {
            directory: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn address(&self) -> String {
        self.file().to_str().unwrap().to_owned()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("adit.db")
    }

    /// Runs a statement, of which each engine may have its own.
    pub(crate) async fn run(&self, sqlite: &str, _postgres: &str) {
        let mut connection = self.connection().await;
        sqlx::query(AssertSqlSafe(sqlite))
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

    async fn connection(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.address()).await.unwrap()
    }
}
