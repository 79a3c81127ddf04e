//! The envelope around every successful answer.

use adit_core::port::{Page, PageRequest};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header::CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

/// Exactly so: with a charset behind it, `cloudflared` hides code and text of an error.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A result in its envelope; the status is 200 for everything, creations included.
#[derive(Debug, Serialize)]
pub(crate) struct Success<T> {
    success: bool,
    errors: [(); 0],
    messages: Vec<Message>,
    result: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<ResultInfo>,
}

/// An entry of `messages`. `cloudflared` cannot read one, so only endpoints that it never calls send any.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Message {
    /// The number clients look for.
    pub(crate) code: u32,
    /// The text for people.
    pub(crate) message: &'static str,
    /// Always null.
    pub(crate) r#type: Option<&'static str>,
}

/// Which part of a list an answer holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResultInfo {
    /// Items on this page.
    count: usize,
    /// From 1.
    page: u32,
    /// The most items on a page.
    per_page: u32,
    /// Items on all pages.
    total_count: u64,
    /// Pages with items.
    total_pages: u64,
}

impl<T: Serialize> Success<T> {
    /// One object, or nothing that has pages.
    pub(crate) fn of(result: T) -> Self {
        Self {
            success: true,
            errors: [],
            messages: Vec::new(),
            result,
            result_info: None,
        }
    }

    /// The same with a message.
    pub(crate) fn with_message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }
}

impl<T: Serialize> Success<Vec<T>> {
    /// Part of a list; each item as `view` shows it.
    pub(crate) fn page<Item>(page: &Page<Item>, request: PageRequest, view: impl Fn(&Item) -> T) -> Self {
        let info = ResultInfo {
            count: page.items.len(),
            page: request.page,
            per_page: request.per_page,
            total_count: page.total,
            total_pages: page.total.div_ceil(u64::from(request.per_page.max(1))),
        };
        Self {
            result_info: Some(info),
            ..Self::of(page.items.iter().map(view).collect())
        }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self) {
            Ok(body) => ([(CONTENT_TYPE, JSON)], body).into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}
