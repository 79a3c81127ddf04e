//! What the edge answers by itself.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{access_log::AccessRecord, body::ResponseBody, response::respond};
use crate::limiter::Exceeded;

/// An answer of the edge's own, with what a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// No route for that host name, or a name that Adit keeps for itself.
    UnknownHost,
    /// A route whose tunnel has no connection.
    NoConnection,
    /// Every connection of the tunnel carries as many requests as its connector allows, and none ended in time.
    TunnelFull,
    /// The connector did not reach the origin.
    OriginUnreachable,
    /// The connector, or the way to it, broke before the origin's answer came.
    ConnectorBroke,
    /// Not a request that can be forwarded.
    BadRequest(&'static str),
    /// CONNECT is for proxies.
    ConnectRefused,
    /// More header fields than a request may have.
    TooManyHeaders,
    /// The client stopped sending what it had announced.
    RequestTimeout,
    /// The request has passed through Adit too often.
    Loop,
    /// The host name's limits let no more requests in now.
    TooManyRequests(Exceeded),
    /// The body is larger than the host name's limits let in.
    BodyTooLarge,
    /// The edge is short of memory.
    Overloaded,
}

impl Page {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::UnknownHost => StatusCode::NOT_FOUND,
            Self::NoConnection => StatusCode::from_u16(530).unwrap_or(StatusCode::BAD_GATEWAY),
            Self::TunnelFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::OriginUnreachable | Self::ConnectorBroke => StatusCode::BAD_GATEWAY,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::ConnectRefused => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownHost => (
                "no tunnel serves this host name",
                "Add a DNS record for it with `adit tunnel route dns TUNNEL HOSTNAME`, or check the spelling.",
            ),
            Self::NoConnection => (
                "error code: 1033",
                "The tunnel of this host name has no connector. Start one with `adit tunnel run` or `cloudflared tunnel run`.",
            ),
            Self::TunnelFull => (
                "the tunnel is full",
                "Every connection of this tunnel carries as many requests as its connector allows. Try again, or start another connector.",
            ),
            Self::OriginUnreachable => (
                "bad gateway",
                "The connector could not reach the origin behind it. Its log says why.",
            ),
            Self::ConnectorBroke => (
                "bad gateway",
                "The connector broke off before the origin's answer came. Its log and that of the edge say why.",
            ),
            Self::BadRequest(why) => ("bad request", why),
            Self::ConnectRefused => ("method not allowed", "CONNECT is not offered here."),
            Self::TooManyHeaders => (
                "too many header fields",
                "The request has more header fields than are taken here.",
            ),
            Self::RequestTimeout => ("request timeout", "The request's body stopped coming."),
            Self::Loop => (
                "loop detected",
                "This request has passed through this edge too often.",
            ),
            Self::TooManyRequests(Exceeded::Rate(_)) => (
                "too many requests",
                "This host name has a limit on requests_per_second. Try again later.",
            ),
            Self::TooManyRequests(Exceeded::Concurrency) => (
                "too many requests",
                "This host name has a limit on concurrent_requests. Try again later.",
            ),
            Self::BodyTooLarge => (
                "content too large",
                "This host name has a limit, max_request_body_bytes, that the request's body is above.",
            ),
            Self::Overloaded => (
                "overloaded",
                "This edge is short of memory (`edge.memory_budget`). Try again in a moment.",
            ),
        }
    }

    /// Which hop failed, as the access log and the page name it.
    pub(super) const fn hop(self) -> &'static str {
        match self {
            Self::NoConnection | Self::TunnelFull | Self::ConnectorBroke => "connector",
            Self::UnknownHost
            | Self::Loop
            | Self::TooManyRequests(_)
            | Self::BodyTooLarge
            | Self::Overloaded => "edge",
            Self::OriginUnreachable => "origin",
            Self::BadRequest(_) | Self::ConnectRefused | Self::TooManyHeaders | Self::RequestTimeout => {
                "client"
            }
        }
    }

    /// Whether a client that is still sending its body should get to read this.
    pub(super) const fn reads_the_rest(self) -> bool {
        matches!(
            self,
            Self::UnknownHost | Self::TooManyRequests(_) | Self::BodyTooLarge
        )
    }

    /// The whole answer: HTML for browsers, plain text for everyone else. Both carry the request's id, by which its
    /// line in the access log is found.
    pub(super) fn response(self, request: &HeaderMap, mut record: AccessRecord) -> Response<ResponseBody> {
        let (title, hint) = self.text();
        let ray = record.ray();
        let wants_html = request
            .get(header::ACCEPT)
            .is_some_and(|accept| accept.as_bytes().windows(9).any(|window| window == b"text/html"));
        let (kind, text) = if wants_html {
            let page = html(self.status(), title, hint, self.hop(), &ray);
            ("text/html; charset=utf-8", page)
        } else {
            let text = format!("{title}\n{hint}\nfailed at: {}\nray: {ray}\n", self.hop());
            ("text/plain; charset=utf-8", text)
        };
        record.failed_at(self.hop());
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::TunnelFull | Self::Overloaded) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Self::TooManyRequests(exceeded) = self {
            headers.insert(header::RETRY_AFTER, retry_after_s(exceeded).into());
        }
        if matches!(
            self,
            Self::BadRequest(_) | Self::ConnectRefused | Self::RequestTimeout | Self::Overloaded
        ) {
            // Whoever sends such things may mean something else by what follows.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = ResponseBody::page(Bytes::from(text));
        respond(self.status(), headers, body, record)
    }
}

/// Whole seconds, at least one: a request in flight ends when it ends.
fn retry_after_s(exceeded: Exceeded) -> u64 {
    match exceeded {
        Exceeded::Rate(wait) => wait.as_secs() + 1,
        Exceeded::Concurrency => 1,
    }
}

fn html(status: StatusCode, title: &str, hint: &str, hop: &str, ray: &str) -> String {
    let hint = hint.replace('<', "&lt;");
    let code = status.as_u16();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{code} {title}</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem}}\
         h1{{font-weight:600}}small{{color:#777}}</style></head>\n\
         <body><h1>{code}: {title}</h1><p>{hint}</p>\
         <small>Failed at: {hop}. Ray {ray}. Adit</small></body></html>\n"
    )
}
