//! The envelope around every failure.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::envelope::JSON;

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A failed request: a status and the envelope that goes with it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    errors: Vec<Item>,
    retry_after: Option<u16>,
}

/// A failed call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub(crate) struct FailureEnvelope {
    #[schemars(schema_with = "always_false")]
    success: bool,
    /// What went wrong; the first one decides.
    #[schemars(length(min = 1))]
    errors: Vec<Item>,
    #[schemars(with = "Vec<Item>", length(max = 0))]
    messages: [(); 0],
    result: (),
}

fn always_false(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "const": false })
}

/// One thing that went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
struct Item {
    /// The number that clients look for.
    #[schemars(range(min = 1000))]
    code: u32,
    /// The text for people.
    #[schemars(length(min = 1))]
    message: Cow<'static, str>,
    /// The particulars below the general.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_chain: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

/// Which part of the request is meant.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ErrorSource")]
struct Source {
    /// A JSON pointer into the body.
    pointer: String,
}

impl Item {
    fn new(code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            error_chain: Vec::new(),
            source: None,
        }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            errors: vec![Item::new(code, message)],
            retry_after: None,
        }
    }

    /// One error more.
    pub(super) fn and(mut self, code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        self.errors.push(Item::new(code, message));
        self
    }

    /// Says when to try again.
    pub(super) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Puts the particular below the general, as header and DNS validation do.
    pub(super) fn chained(mut self, code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        if let Some(first) = self.errors.first_mut() {
            first.error_chain.push(Item::new(code, message));
        }
        self
    }

    /// Points to the field of the body that is meant, as a JSON pointer.
    pub(super) fn at(mut self, pointer: String) -> Self {
        if let Some(first) = self.errors.first_mut() {
            first.source = Some(Source { pointer });
        }
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = FailureEnvelope {
            success: false,
            errors: self.errors,
            messages: [],
            result: (),
        };
        // Numbers and texts always serialise.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, JSON)], body).into_response();
        if self.status.is_client_error() {
            // The SDKs would try 408, 409 and 429 three times.
            response
                .headers_mut()
                .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
