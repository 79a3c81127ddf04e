//! Where a test's store is.

use adit_testing::postgres::{self, Database};
use tempfile::TempDir;

/// `postgres` makes every test of the API run on PostgreSQL, which `cargo xtask test` asks for in a second pass.
const ENGINE: &str = "ADIT_TEST_ENGINE";

/// An empty database of the engine that is tested. Gone when dropped.
pub(crate) enum Place {
    File(TempDir),
    Database(Database),
}

impl Place {
    pub(crate) fn new() -> Self {
        match std::env::var(ENGINE).as_deref() {
            Ok("postgres") => Self::Database(postgres::shared().unwrap().database()),
            Ok(other) => panic!("{ENGINE} is {other:?}, which is no engine"),
            Err(_) => Self::File(tempfile::tempdir().unwrap()),
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::File(directory) => directory.path().join("adit.db").display().to_string(),
            Self::Database(database) => database.url().to_owned(),
        }
    }
}
