//! What the edge answers by itself.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::body::ResponseBody;

/// An answer of the edge's own, with what a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// No route for that host name, or a name that Adit keeps for itself.
    UnknownHost,
    /// A route whose tunnel has no connection.
    NoConnection,
    /// The connector did not reach the origin, or broke off before it answered.
    OriginUnreachable,
    /// Not a request that can be forwarded.
    BadRequest(&'static str),
    /// CONNECT is for proxies.
    ConnectRefused,
    /// The request has passed through Adit too often.
    Loop,
}

impl Page {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::UnknownHost => StatusCode::NOT_FOUND,
            Self::NoConnection => StatusCode::from_u16(530).unwrap_or(StatusCode::BAD_GATEWAY),
            Self::OriginUnreachable => StatusCode::BAD_GATEWAY,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::ConnectRefused => StatusCode::METHOD_NOT_ALLOWED,
            Self::Loop => StatusCode::LOOP_DETECTED,
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
            Self::OriginUnreachable => (
                "bad gateway",
                "The connector could not reach the origin behind it. Its log says why.",
            ),
            Self::BadRequest(why) => ("bad request", why),
            Self::ConnectRefused => ("method not allowed", "CONNECT is not offered here."),
            Self::Loop => (
                "loop detected",
                "This request has passed through this edge too often.",
            ),
        }
    }

    /// The whole answer: HTML for browsers, plain text for everyone else.
    pub(super) fn response(self, request: &HeaderMap) -> Response<ResponseBody> {
        let (title, hint) = self.text();
        let wants_html = request
            .get(header::ACCEPT)
            .is_some_and(|accept| accept.as_bytes().windows(9).any(|window| window == b"text/html"));
        let (kind, text) = if wants_html {
            ("text/html; charset=utf-8", html(self.status(), title, hint))
        } else {
            ("text/plain; charset=utf-8", format!("{title}\n{hint}\n"))
        };
        let mut response = Response::new(ResponseBody::page(Bytes::from(text)));
        *response.status_mut() = self.status();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::BadRequest(_) | Self::ConnectRefused) {
            // Whoever sends such things may mean something else by what follows.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn html(status: StatusCode, title: &str, hint: &str) -> String {
    let hint = hint.replace('<', "&lt;");
    let code = status.as_u16();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{code} {title}</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem}}\
         h1{{font-weight:600}}small{{color:#777}}</style></head>\n\
         <body><h1>{code}: {title}</h1><p>{hint}</p><small>Adit</small></body></html>\n"
    )
}
