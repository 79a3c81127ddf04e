//! Ids in the path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use http::request::Parts;

use super::{RequestError, percent::parse_either};

/// The variable parts of the path, as texts.
pub(crate) struct PathParams {
    path: String,
    params: Vec<(String, String)>,
}

impl PathParams {
    /// Reads them from a request that was routed.
    pub(crate) async fn of(parts: &mut Parts) -> Result<Self, RequestError> {
        // A nested router is given the rest of the path only.
        let original = parts
            .extensions
            .get::<OriginalUri>()
            .map_or(&parts.uri, |original| &original.0);
        let path = original.path().to_owned();
        // The only rejection of a routed request: a part that is not UTF-8.
        let Ok(raw) = RawPathParams::from_request_parts(parts, &()).await else {
            return Err(RequestError::no_such_object(&path));
        };
        let params = raw
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { path, params })
    }

    /// Whether the route has a part called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The part that the route calls `name`, as decoded once.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    /// The id that the route calls `name`.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<T, RequestError> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .and_then(|(_, value)| parse_either(value, |text| text.parse().ok()))
            .ok_or_else(|| self.unknown())
    }

    /// The error for an id that nothing has.
    pub(crate) fn unknown(&self) -> RequestError {
        RequestError::no_such_object(&self.path)
    }
}
