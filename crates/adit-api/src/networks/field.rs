//! Fields of a body, checked with errors that name them.

use std::str::FromStr;

/// What is wrong with what a client sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FieldError {
    #[error("{0} is required")]
    Missing(&'static str),
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("{reason}")]
    Path { reason: String },
}

/// A field that must be there.
pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or(FieldError::Missing(field))
}

/// A text that means something.
pub(crate) fn parsed<T>(field: &'static str, text: &str) -> Result<T, FieldError>
where
    T: FromStr<Err: ToString>,
{
    text.parse().map_err(|error: T::Err| FieldError::Invalid {
        field,
        reason: error.to_string(),
    })
}

/// The same, if it is there.
pub(super) fn optional<T>(field: &'static str, text: Option<&String>) -> Result<Option<T>, FieldError>
where
    T: FromStr<Err: ToString>,
{
    text.map(|text| parsed(field, text)).transpose()
}
