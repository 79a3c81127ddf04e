//! From a connector's answer to the public response.

use adit_wire::{
    ResponseHead,
    hop::{HopByHop, content_length},
    is_internal_header,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::{
    access_log::AccessRecord,
    body::{ExchangeBody, ResponseBody},
    exchange::Answered,
};

/// The answer that an origin's head begins.
pub(super) fn exchange(method: &Method, answered: Answered, record: AccessRecord) -> Response<ResponseBody> {
    let Answered {
        origin,
        download,
        pump,
        place,
        ..
    } = answered;
    let bodiless = is_bodiless(method, origin.status);
    let remaining = if bodiless {
        Some(0)
    } else {
        content_length(&origin.headers)
    };
    let body = ExchangeBody {
        download,
        pump,
        remaining,
        bodiless,
        data_ended: false,
        _place: place,
    };
    respond(
        origin.status,
        headers(&origin),
        ResponseBody::exchange(body),
        record,
    )
}

/// An answer whose line in the access log is written when its body has been sent.
pub(super) fn respond(
    status: StatusCode,
    headers: HeaderMap,
    mut body: ResponseBody,
    mut record: AccessRecord,
) -> Response<ResponseBody> {
    record.answered(status);
    body.record(record);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The headers for the client: the origin's without those of its hop and those between connector and edge. An
/// accepted WebSocket keeps its upgrade.
pub(super) fn headers(head: &ResponseHead) -> HeaderMap {
    let upgraded = head.status == StatusCode::SWITCHING_PROTOCOLS;
    let hop = HopByHop::of(&head.headers);
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 2);
    for (name, value) in &head.headers {
        if !hop.holds(name) && !is_internal_header(name.as_str()) {
            headers.append(name, value.clone());
        }
    }
    if upgraded {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let protocol = head.headers.get(header::UPGRADE).cloned();
        headers.insert(
            header::UPGRADE,
            protocol.unwrap_or(HeaderValue::from_static("websocket")),
        );
    }
    headers
}

/// True for answers that have no body: RFC 9110, section 6.4.1.
fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// What makes an answer's head one that no client may get: an answer that is none (a connector keeps to itself what an
/// origin sends before it: RFC 9110, section 15.2), or a body whose end two readers
/// could see at two places (RFC 9112, section 6.3).
pub(super) fn flaw(head: &ResponseHead, websocket: bool) -> Option<&'static str> {
    let upgraded = websocket && head.status == StatusCode::SWITCHING_PROTOCOLS;
    if head.status.is_informational() && !upgraded {
        return Some("an interim status as an answer");
    }
    let lengths = head.headers.get_all(header::CONTENT_LENGTH).iter().count();
    if lengths > 0 && content_length(&head.headers).is_none() {
        return Some("a Content-Length that is not one number");
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn head(status: u16, items: &[(&'static str, &'static str)]) -> ResponseHead {
        let headers = items
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        ResponseHead {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
        }
    }

    #[test]
    fn headers_of_the_origins_hop_and_of_the_tunnel_stay_behind() {
        let head = head(
            200,
            &[
                ("connection", "close, x-hop"),
                ("x-hop", "1"),
                ("transfer-encoding", "chunked"),
                ("cf-int-cloudflared-tracing", "spans"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
            ],
        );
        let kept = headers(&head);
        assert_eq!(kept.len(), 2);
        assert_eq!(
            kept.get_all("set-cookie").iter().collect::<Vec<_>>(),
            ["a=1", "b=2"]
        );
    }

    #[test]
    fn an_accepted_websocket_keeps_its_upgrade() {
        let kept = headers(&head(
            101,
            &[
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-accept", "x"),
            ],
        ));
        assert_eq!(kept["upgrade"], "websocket");
        assert_eq!(kept["connection"], "Upgrade");
        assert_eq!(kept["sec-websocket-accept"], "x");
    }
}
