//! What clients of the management host get: refusals of the edge, and of a connector's answers what is harmless.

use adit_wire::management::ManagementRefusal;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::super::{access_log::AccessRecord, body::ResponseBody, response::respond};

/// The edge's own answer.
pub(super) fn refuse(refusal: ManagementRefusal, mut record: AccessRecord) -> Response<ResponseBody> {
    let hop = match refusal {
        ManagementRefusal::NotReady => "edge",
        ManagementRefusal::NoConnector
        | ManagementRefusal::UnknownToConnector
        | ManagementRefusal::Full
        | ManagementRefusal::Broke => "connector",
        ManagementRefusal::NoToken
        | ManagementRefusal::BadQuery
        | ManagementRefusal::BadToken
        | ManagementRefusal::Expired
        | ManagementRefusal::WrongResource
        | ManagementRefusal::NoTunnel
        | ManagementRefusal::TooManyFailures(_)
        | ManagementRefusal::NoPath
        | ManagementRefusal::BadMethod
        | ManagementRefusal::BadConnector
        | ManagementRefusal::ForeignOrigin
        | ManagementRefusal::OtherServerName => "client",
    };
    record.failed_at(hop);
    record.fail_with(refusal.to_string());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let ManagementRefusal::TooManyFailures(wait) = refusal {
        headers.insert(header::RETRY_AFTER, (wait.as_secs() + 1).into());
    }
    if matches!(refusal, ManagementRefusal::NotReady | ManagementRefusal::Full) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // There may be a body that nobody reads, or more requests for the wrong name.
    if matches!(
        refusal,
        ManagementRefusal::BadMethod | ManagementRefusal::OtherServerName
    ) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let body = ResponseBody::page(Bytes::from(refusal.body()));
    respond(refusal.status(), headers, body, record)
}

/// What a browser is told before it asks.
pub(super) fn preflight(record: AccessRecord) -> Response<ResponseBody> {
    let body = ResponseBody::page(Bytes::new());
    respond(StatusCode::NO_CONTENT, HeaderMap::new(), body, record)
}

/// Headers of a client that a management service has a use for. Cookies, credentials and the origin of a page are none
/// of its business: it would compare the last with names that it knows.
pub(super) fn is_for_the_connector(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::ACCEPT
            | header::ACCEPT_ENCODING
            | header::USER_AGENT
            | header::SEC_WEBSOCKET_KEY
            | header::SEC_WEBSOCKET_VERSION
            | header::SEC_WEBSOCKET_PROTOCOL
            | header::SEC_WEBSOCKET_EXTENSIONS
    ) || name == "cf-trace-id"
}

/// Drops of a connector's answer all that is not needed to read it: a connector speaks here under a name of Adit's own,
/// where it must set no cookie and let no other page in.
pub(super) fn keep_what_is_needed(headers: &mut HeaderMap) {
    let mut kept = HeaderMap::new();
    for (name, value) in &*headers {
        let needed = matches!(
            *name,
            header::CONTENT_TYPE
                | header::CONTENT_LENGTH
                | header::CONTENT_ENCODING
                | header::CONTENT_DISPOSITION
                | header::DATE
                | header::UPGRADE
                | header::SEC_WEBSOCKET_ACCEPT
                | header::SEC_WEBSOCKET_PROTOCOL
                | header::SEC_WEBSOCKET_EXTENSIONS
        );
        if needed {
            kept.append(name, value.clone());
        }
    }
    *headers = kept;
}

/// An answer is never a page that does something, and never kept.
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_sets_no_cookie_and_lets_nobody_in() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("set-cookie", "a=1; Domain=adit.localhost"),
            ("access-control-allow-origin", "*"),
            ("location", "https://evil.example/"),
            ("clear-site-data", "*"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        keep_what_is_needed(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["content-type"]);
    }

    #[test]
    fn a_connector_learns_neither_origin_nor_credentials() {
        for name in ["origin", "cookie", "authorization", "referer"] {
            assert!(!is_for_the_connector(&HeaderName::from_static(name)), "{name}");
        }
    }
}
