//! What the log says of one request. Neither headers nor bodies are told: they may hold secrets.

use adit_core::ingress::Service;
use adit_model::ConnectionIndex;
use adit_wire::RequestHead;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderMap, StatusCode};

use crate::origin::path_of;

/// The kind of these lines.
const HTTP: u64 = 1;
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Where a request came from, and where it goes.
pub(super) struct Told<'a> {
    pub(super) connection: ConnectionIndex,
    pub(super) rule: usize,
    pub(super) service: &'a Service,
}

impl Told<'_> {
    /// It has come.
    pub(super) fn request(&self, head: &RequestHead) {
        tracing::debug!(
            event = HTTP, connIndex = self.connection.0, ingressRule = self.rule,
            originService = %self.service, host = head.host, path = path_of(&head.dest),
            "content-length" = length(&head.headers), cfRay = text(&head.headers, &CF_RAY),
            "{} {} HTTP/1.1", head.method, head.dest
        );
    }

    /// The origin has begun to answer.
    pub(super) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        tracing::debug!(
            event = HTTP, connIndex = self.connection.0, ingressRule = self.rule,
            originService = %self.service, "content-length" = length(headers),
            "{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()
        );
    }

    /// No origin answers it.
    pub(super) fn failed(&self, reason: &str) {
        tracing::error!(
            event = HTTP, connIndex = self.connection.0, ingressRule = self.rule,
            originService = %self.service, error = reason, "Request failed"
        );
    }
}

/// -1 where nothing is said.
fn length(headers: &HeaderMap) -> i64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(-1)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
