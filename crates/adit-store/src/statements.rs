//! What the store asks its database for a call, to be asked again without the store.
//!
//! For measurements: how much of what a call costs is its SQL.

use std::cell::RefCell;

use crate::{engine::Connection, failure::Cause, sql::Query, store::Store};

tokio::task_local! {
    static NOTED: RefCell<Vec<Query>>;
}

/// The statements that a call ran on its own task, in their order, with the values of their parameters. Writes are
/// not among them: they run on a task of the store.
pub struct Statements(Vec<Query>);

/// Does some work and notes the statements that it runs.
pub async fn noted<F: Future>(work: F) -> (F::Output, Statements) {
    let work = async {
        let output = work.await;
        (output, Statements(NOTED.with(RefCell::take)))
    };
    NOTED.scope(RefCell::default(), work).await
}

/// A statement is about to run.
pub(crate) fn note(query: &Query) {
    // Nobody notes anything unless asked to.
    let _ = NOTED.try_with(|noted| noted.borrow_mut().push(query.clone()));
}

/// A connection such as a call reads with, in one transaction as long as it is kept.
pub struct Reader(Connection);

/// Why a statement could not be run again.
#[derive(Debug, thiserror::Error)]
#[error("cannot run a statement again")]
pub struct RunError(#[source] Cause);

impl Reader {
    /// One of the store's connections.
    ///
    /// # Errors
    /// [`RunError`] if there is none.
    pub async fn new(store: &Store) -> Result<Self, RunError> {
        let reader = store.readers.reader().await;
        reader.map(Self).map_err(|error| RunError(error.into()))
    }

    /// Runs the statements one after the other and fetches all rows; how many.
    ///
    /// # Errors
    /// [`RunError`] if the database refuses one.
    pub async fn run(&mut self, statements: &Statements) -> Result<usize, RunError> {
        let mut rows = 0;
        for query in &statements.0 {
            let fetched = query.clone().fetch_all(&mut self.0).await;
            rows += fetched.map_err(|error| RunError(error.into()))?.len();
        }
        Ok(rows)
    }
}

impl Statements {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
