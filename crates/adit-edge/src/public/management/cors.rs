//! Which web pages may ask the management host: those of Adit's own API. The token is in the query, so no page needs
//! to send credentials, and none is let to.
//! Source: WHATWG Fetch, section "CORS protocol".

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

use crate::management::Management;

const MAX_AGE_S: &str = "300";

/// What is said to the page that asks.
pub(super) struct Cors(Option<HeaderValue>);

/// The page that these headers of a request name, if it may ask.
pub(super) fn of(management: &Management, headers: &HeaderMap) -> Cors {
    let origin = headers.get(header::ORIGIN);
    Cors(
        origin
            .filter(|origin| management.lets_in(origin.as_bytes()))
            .cloned(),
    )
}

/// Whether a page asks that may not. Browsers keep nobody from opening a WebSocket to elsewhere, so the edge does.
pub(super) fn is_foreign(management: &Management, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.any(|origin| !management.lets_in(origin.as_bytes()))
}

/// Whether a browser asks on behalf of a page.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value| {
            headers.insert(name, value);
        };
        set(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.0 {
            set(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            set(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, HEAD"),
            );
            set(
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static(MAX_AGE_S),
            );
        }
    }
}
