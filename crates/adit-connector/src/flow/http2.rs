//! How requests and answers look on HTTP/2.

use adit_wire::http2::{
    RESPONSE_HEADERS, RESPONSE_META, TCP_SOURCE_HEADER, UPGRADE_HEADER, UPGRADE_WEBSOCKET, serialize_headers,
};
use adit_wire::{ConnectAnswer, Extras, FlowKind, RequestHead, is_internal_header};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// What the connector says when it reached no origin.
const OWN: HeaderValue = HeaderValue::from_static(r#"{"src":"cloudflared"}"#);
/// As [`OWN`], because too many flows are open.
const OWN_LIMITED: HeaderValue =
    HeaderValue::from_static(r#"{"src":"cloudflared","flow_rate_limited":true}"#);
const ORIGIN: HeaderValue = HeaderValue::from_static(r#"{"src":"origin"}"#);

/// A request of the edge as the head that QUIC would carry. The kind is told by headers, which go no further.
pub(crate) fn request_head(parts: Parts) -> RequestHead {
    let Parts {
        method,
        uri,
        mut headers,
        ..
    } = parts;
    let upgrade = headers.remove(UPGRADE_HEADER);
    let source = headers.remove(TCP_SOURCE_HEADER);
    let source = source.filter(|source| !source.is_empty());
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let (kind, dest) = if upgrade.is_some_and(|upgrade| upgrade == UPGRADE_WEBSOCKET) {
        (FlowKind::WebSocket, uri.to_string())
    } else if source.is_some() {
        (FlowKind::Tcp, host.clone())
    } else {
        (FlowKind::Http, uri.to_string())
    };
    RequestHead {
        kind,
        dest,
        method,
        host,
        headers,
        flow_id: source.and_then(|source| source.to_str().map(str::to_owned).ok()),
        extras: Extras::default(),
    }
}

/// The answer's head: user headers are packed into one, and HTTP/2 knows no 101.
pub(super) fn response_head(answer: ConnectAnswer, websocket: bool) -> Response<()> {
    let mut response = Response::new(());
    let (status, meta, user) = match answer {
        ConnectAnswer::Accepted(head) => {
            let accepted = websocket && head.status == StatusCode::SWITCHING_PROTOCOLS;
            let status = if accepted { StatusCode::OK } else { head.status };
            (status, ORIGIN, head.headers)
        }
        ConnectAnswer::Failed(failure) => {
            let meta = if failure.flow_limited { OWN_LIMITED } else { OWN };
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response.headers_mut().insert(RESPONSE_META, meta);
            return response;
        }
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(length) = user.get(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.clone());
    }
    headers.insert(RESPONSE_META, meta);
    let packed = serialize_headers(&shown(user));
    // Base64 and two separators: always a value.
    if let Ok(packed) = HeaderValue::try_from(packed) {
        headers.insert(RESPONSE_HEADERS, packed);
    }
    response
}

/// The headers that clients may see.
fn shown(headers: HeaderMap) -> HeaderMap {
    let mut shown = HeaderMap::with_capacity(headers.len());
    for (name, value) in &headers {
        if !is_internal_header(name.as_str()) {
            shown.append(name, value.clone());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use adit_wire::http2::deserialize_headers;
    use adit_wire::{ConnectFailure, ResponseHead};
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn asked(headers: &[(&str, &str)]) -> RequestHead {
        let mut request = Request::get("https://shop.example:8443/cart?item=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request_head(request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn headers_tell_the_kind_of_a_request_and_go_no_further() {
        let plain = asked(&[("x-one", "1"), (TCP_SOURCE_HEADER, "")]);
        assert_eq!(plain.kind, FlowKind::Http);
        assert_eq!(plain.host, "shop.example:8443");
        assert_eq!(plain.dest, "https://shop.example:8443/cart?item=1");
        assert_eq!(plain.headers.len(), 1);
        let socket = asked(&[(UPGRADE_HEADER, UPGRADE_WEBSOCKET), (TCP_SOURCE_HEADER, "flow")]);
        assert_eq!(socket.kind, FlowKind::WebSocket);
        let flow = asked(&[(TCP_SOURCE_HEADER, "flow-1")]);
        assert_eq!(
            (flow.kind, flow.flow_id.as_deref()),
            (FlowKind::Tcp, Some("flow-1"))
        );
        assert_eq!(flow.dest, "shop.example:8443");
    }

    #[test]
    fn a_failure_is_a_502_of_the_connectors_own() {
        for (flow_limited, meta) in [(false, OWN), (true, OWN_LIMITED)] {
            let failure = ConnectFailure {
                message: "no".to_owned(),
                flow_limited,
            };
            let head = response_head(ConnectAnswer::Failed(failure), false);
            assert_eq!(head.status(), StatusCode::BAD_GATEWAY);
            assert_eq!(head.headers().get(RESPONSE_META), Some(&meta));
        }
    }

    #[test]
    fn only_an_accepted_websocket_becomes_a_200() {
        for (websocket, shown) in [(true, StatusCode::OK), (false, StatusCode::SWITCHING_PROTOCOLS)] {
            let answer = ResponseHead {
                status: StatusCode::SWITCHING_PROTOCOLS,
                headers: HeaderMap::new(),
            };
            let head = response_head(ConnectAnswer::Accepted(answer), websocket);
            assert_eq!(head.status(), shown);
        }
    }

    proptest! {
        #[test]
        fn user_headers_survive_packing_and_internal_ones_are_dropped(
            values in proptest::collection::vec("[ -~]{0,20}", 0..5),
        ) {
            let mut headers = HeaderMap::new();
            headers.insert("cf-int-secret", HeaderValue::from_static("x"));
            for value in &values {
                headers.append("set-cookie", HeaderValue::from_str(value).unwrap());
            }
            let answer = ResponseHead { status: StatusCode::OK, headers };
            let head = response_head(ConnectAnswer::Accepted(answer), false);
            let packed = head.headers().get(RESPONSE_HEADERS).unwrap();
            let unpacked = deserialize_headers(packed.as_bytes()).unwrap();
            prop_assert_eq!(unpacked.len(), values.len());
            let got: Vec<_> = unpacked.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
            prop_assert_eq!(got, values);
        }
    }
}
