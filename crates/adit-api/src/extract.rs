//! What a request says, read with errors of our own shape.

mod json;
mod path;
mod percent;
mod query;

pub(crate) use json::JsonBody;
pub(crate) use path::PathParams;
pub(crate) use percent::parse_either;
pub(crate) use query::{Found, PageRules, QueryParams, TUNNEL_TYPES, list};

/// Why a request did not reach, or did not finish, its handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("there is nothing at {path}")]
    NoRoute { path: String },
    #[error("{path} has a malformed id")]
    NoSuchObject { path: String },
    #[error("method not allowed; the Allow header names those that are")]
    MethodNotAllowed,
    #[error("path and query are longer than {limit} bytes")]
    UriTooLong { limit: usize },
    #[error("the header fields are longer than {limit} bytes")]
    HeadTooLarge { limit: usize },
    #[error("the query is not UTF-8")]
    QueryNotUtf8,
    #[error("query parameter {name}: expected {expected}")]
    BadParameter {
        name: &'static str,
        expected: &'static str,
    },
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the body took too long to arrive")]
    BodyTooSlow,
    #[error("the body broke off")]
    BodyCutShort,
    #[error("Malformed JSON in request body: {reason} at line {line}, column {column}")]
    BodySyntax {
        reason: &'static str,
        line: usize,
        column: usize,
    },
    /// `pointer` is a JSON pointer to the field, `path` the same for people.
    #[error("{path}: {reason}")]
    BodyField {
        pointer: String,
        path: String,
        reason: String,
    },
    #[error("the request took too long")]
    TimedOut,
    #[error("a handler panicked: {text}")]
    Panicked { text: String },
}

impl RequestError {
    /// Nothing has that path.
    pub(crate) fn no_route(path: &str) -> Self {
        Self::NoRoute {
            path: shortened(path),
        }
    }

    /// An id in that path is malformed.
    pub(crate) fn no_such_object(path: &str) -> Self {
        Self::NoSuchObject {
            path: shortened(path),
        }
    }
}

/// As much of a client's text as an answer repeats.
fn shortened(text: &str) -> String {
    text.chars().take(256).collect()
}
