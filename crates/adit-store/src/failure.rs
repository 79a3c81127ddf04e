//! Why work inside the store stopped, before it is said in the words of a port.

use std::sync::Arc;

use adit_core::port::StoreError;

/// Why work stopped: it was refused (`R` says why), or the store broke.
#[derive(Debug)]
pub(crate) enum Failure<R> {
    /// For reasons that the caller can act on.
    Refused(R),
    /// For no fault of the caller.
    Broken(Cause),
}

/// What broke. Texts name tables and columns, never a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("the database refused")]
    Sql(#[from] sqlx::Error),
    #[error("the transaction that this was part of could not be committed")]
    Commit(#[source] Arc<Cause>),
    #[error("another adit server has taken the database: stop one of the two")]
    InUse,
    #[error("column {0} of a row holds what it should not")]
    BadColumn(&'static str),
    #[error("a sealed value cannot be opened with this secrets key")]
    Sealed,
    #[error("the change history no longer starts where it should")]
    NoCounter,
    #[error("the store is closed")]
    Closed,
}

impl<R> From<Cause> for Failure<R> {
    fn from(cause: Cause) -> Self {
        Self::Broken(cause)
    }
}

impl<R> From<sqlx::Error> for Failure<R> {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(Cause::Sql(error))
    }
}

impl<R: From<StoreError>> Failure<R> {
    /// The failure in the port's words.
    pub(crate) fn during(self, doing: &'static str) -> R {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Broken(cause) => store_error(doing, cause).into(),
        }
    }
}

/// Says `cause` as the ports do. For `map_err` on reads.
pub(crate) fn during(doing: &'static str) -> impl Fn(Cause) -> StoreError {
    move |cause| store_error(doing, cause)
}

pub(crate) fn store_error(doing: &'static str, cause: Cause) -> StoreError {
    StoreError {
        doing,
        cause: Box::new(cause),
    }
}
