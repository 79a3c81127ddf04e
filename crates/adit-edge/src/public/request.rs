//! From a public request to the head that goes to a connector.

use adit_model::Hostname;
use adit_wire::{
    FlowKind, RequestHead,
    hop::{HopByHop, has_token, is_websocket_upgrade, join_cookies},
};
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, Method, header, request::Parts, uri::Authority};
use hyper::ext::Protocol;

use super::{forwarded::is_edge_header, page::Page};

/// How long the request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// There is none.
    None,
    /// The client said how many bytes.
    Exact(u64),
    /// It ends when it ends.
    Unknown,
}

/// Whom a request is for: the name to look up and the Host to pass on.
pub(super) struct Target {
    pub(super) host: Hostname,
    pub(super) authority: String,
}

/// Reads the request's target. Where both an authority and a Host header name the host, they must not differ: RFC 9113,
/// section 8.3.1. For the absolute form of HTTP/1 a server may ignore the header (RFC 9112, section 3.2.2), but whoever
/// stands before this edge may have decided by it.
pub(super) fn target(parts: &Parts) -> Result<Target, Page> {
    if parts.method == Method::CONNECT && websocket(parts).is_none() {
        return Err(Page::ConnectRefused);
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Page::BadRequest("There is more than one Host header.")),
        (host, _) => host.map(|host| {
            host.to_str()
                .map_err(|_| Page::BadRequest("The Host header is no host name."))
        }),
    };
    let authority = match (parts.uri.authority().map(Authority::as_str), header.transpose()?) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Page::BadRequest(
                "The Host header names another host than the target.",
            ));
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return Err(Page::BadRequest("There is no Host header.")),
    };
    if authority.contains('@') {
        return Err(Page::BadRequest("The target must not hold a user name."));
    }
    let host = Hostname::from_authority(authority).map_err(|_| Page::UnknownHost)?;
    Ok(Target {
        host,
        authority: authority.to_owned(),
    })
}

/// How a client asked for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebSocket {
    /// By an upgrade of an HTTP/1.1 connection: RFC 6455.
    Upgrade,
    /// On an HTTP/2 stream: RFC 8441.
    Stream,
}

/// The WebSocket handshake that a request is, if it is one.
pub(super) fn websocket(parts: &Parts) -> Option<WebSocket> {
    let upgrade = || is_websocket_upgrade(&parts.method, parts.version, &parts.headers);
    let stream = || {
        let protocol = parts.extensions.get::<Protocol>();
        parts.method == Method::CONNECT && protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
    };
    if stream() {
        Some(WebSocket::Stream)
    } else {
        upgrade().then_some(WebSocket::Upgrade)
    }
}

/// The head for the connector: the client's headers without those of this hop and those that are the edge's to set.
pub(super) fn head(
    parts: &Parts,
    target: &Target,
    scheme: &str,
    body: BodyLength,
) -> Result<RequestHead, Page> {
    refuse_unknown_codings(&parts.headers)?;
    let websocket = websocket(parts);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') {
        return Err(Page::BadRequest("The target must be a path."));
    }
    let mut headers = HeaderMap::with_capacity(parts.headers.len() + 8);
    let hop = HopByHop::of(&parts.headers);
    for (name, value) in &parts.headers {
        let drop = hop.holds(name)
            || is_edge_header(name)
            || matches!(*name, header::HOST | header::CONTENT_LENGTH | header::EXPECT);
        if !drop {
            headers.append(name, value.clone());
        }
    }
    join_cookies(&mut headers);
    if websocket == Some(WebSocket::Stream) {
        headers.insert(header::SEC_WEBSOCKET_KEY, handshake_key()?);
        headers
            .entry(header::SEC_WEBSOCKET_VERSION)
            .or_insert(HeaderValue::from_static("13"));
    }
    if has_token(&parts.headers, &header::TE, "trailers") {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    match body {
        BodyLength::Exact(length) => {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        // A connector on QUIC drops a body that neither of the two announces.
        BodyLength::Unknown => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        BodyLength::None if parts.headers.contains_key(header::CONTENT_LENGTH) => {
            headers.insert(header::CONTENT_LENGTH, 0.into());
        }
        BodyLength::None => {}
    }
    Ok(RequestHead {
        kind: match websocket {
            Some(_) => FlowKind::WebSocket,
            None => FlowKind::Http,
        },
        dest: format!("{scheme}://{}{path}", target.authority),
        // Behind the edge every WebSocket begins as an upgrade.
        method: websocket.map_or_else(|| parts.method.clone(), |_| Method::GET),
        host: target.authority.clone(),
        headers,
        flow_id: None,
        extras: adit_wire::Extras::default(),
    })
}

/// The body is read as chunked and goes on in frames of the next hop, so that any other coding would be lost on the way.
fn refuse_unknown_codings(headers: &HeaderMap) -> Result<(), Page> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if chunked(coding) => Ok(()),
        (Some(_), _) => Err(Page::BadRequest(
            "The only transfer coding that is taken is chunked.",
        )),
    }
}

/// A key for a handshake in the name of a client that needs none: RFC 6455, section 4.1.
fn handshake_key() -> Result<HeaderValue, Page> {
    let key = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 16]>());
    HeaderValue::try_from(key).map_err(|_| Page::BadRequest("The request cannot be forwarded."))
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};

    use super::*;

    fn parts(build: http::request::Builder) -> Parts {
        build.body(()).unwrap().into_parts().0
    }

    fn shop() -> http::request::Builder {
        Request::get("/a?b=c").header("host", "Shop.example:8080")
    }

    fn built(parts: &Parts, body: BodyLength) -> RequestHead {
        head(parts, &target(parts).ok().unwrap(), "http", body).unwrap()
    }

    #[test]
    fn the_target_is_the_absolute_form_else_the_host_header() {
        let from_header = target(&parts(shop())).ok().unwrap();
        assert_eq!(
            (from_header.host.as_str(), &from_header.authority[..]),
            ("shop.example", "Shop.example:8080")
        );
        let absolute = parts(Request::get("http://other.example/x").header("host", "OTHER.example"));
        assert_eq!(target(&absolute).ok().unwrap().host.as_str(), "other.example");
        let without = parts(Request::get("http://other.example/x"));
        assert_eq!(target(&without).ok().unwrap().host.as_str(), "other.example");
    }

    #[test]
    fn an_unclear_target_is_refused() {
        let refused = |build| target(&parts(build)).err().unwrap();
        assert!(matches!(refused(Request::get("/")), Page::BadRequest(_)));
        let two = Request::get("http://other.example/x").header("host", "shop.example");
        assert!(matches!(refused(two), Page::BadRequest(_)));
        assert!(matches!(
            refused(shop().header("host", "b.example")),
            Page::BadRequest(_)
        ));
        assert!(matches!(
            refused(Request::get("/").header("host", "a@b")),
            Page::BadRequest(_)
        ));
        assert_eq!(
            refused(Request::get("/").header("host", "[::1]")),
            Page::UnknownHost
        );
        assert_eq!(refused(Request::connect("a.example:443")), Page::ConnectRefused);
    }

    #[test]
    fn headers_of_this_hop_and_of_the_edge_stay_behind() {
        let parts = parts(
            shop()
                .header("connection", "close, X-Secret-Hop")
                .header("x-secret-hop", "1")
                .header("keep-alive", "5")
                .header("te", "trailers, deflate")
                .header("cf-connecting-ip", "6.6.6.6")
                .header("x-forwarded-for", "6.6.6.6")
                .header("cf-cloudflared-proxy-connection-upgrade", "control-stream")
                .header("cookie", "a=1")
                .header("cookie", "b=2"),
        );
        let head = built(&parts, BodyLength::None);
        let names: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(names, [("cookie", "a=1; b=2"), ("te", "trailers")]);
        assert_eq!(head.dest, "http://Shop.example:8080/a?b=c");
    }

    #[test]
    fn the_body_is_announced_so_that_quic_forwards_it() {
        let post = parts(shop().method("POST").header("transfer-encoding", "chunked"));
        assert_eq!(
            built(&post, BodyLength::Unknown).headers["transfer-encoding"],
            "chunked"
        );
        assert_eq!(built(&post, BodyLength::Exact(7)).headers["content-length"], "7");
        assert!(built(&post, BodyLength::None).headers.is_empty());
    }

    #[test]
    fn only_a_get_with_both_headers_is_an_upgrade() {
        let upgrade = || {
            shop()
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", "WebSocket")
        };
        assert_eq!(websocket(&parts(upgrade())), Some(WebSocket::Upgrade));
        assert_eq!(websocket(&parts(upgrade().method("POST"))), None);
        assert_eq!(websocket(&parts(shop().header("upgrade", "websocket"))), None);
        let head = built(
            &parts(upgrade().header("sec-websocket-key", "k")),
            BodyLength::None,
        );
        assert_eq!(head.kind, FlowKind::WebSocket);
        assert_eq!(head.headers.len(), 1);
    }

    #[test]
    fn a_websocket_on_a_stream_becomes_an_upgrade() {
        let connect = |protocol| {
            Request::connect("https://shop.example/chat")
                .version(Version::HTTP_2)
                .extension(Protocol::from_static(protocol))
        };
        let head = built(&parts(connect("websocket")), BodyLength::None);
        assert_eq!((head.kind, head.method), (FlowKind::WebSocket, Method::GET));
        assert_eq!(head.headers[header::SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(head.headers[header::SEC_WEBSOCKET_KEY].len(), 24);
        assert_eq!(target(&parts(connect("ftp"))).err(), Some(Page::ConnectRefused));
    }

    #[test]
    fn over_http2_host_and_authority_must_agree() {
        let get = |host| {
            parts(
                Request::get("https://shop.example/")
                    .version(Version::HTTP_2)
                    .header("host", host),
            )
        };
        assert!(target(&get("SHOP.example")).is_ok());
        assert!(matches!(
            target(&get("other.example")).err(),
            Some(Page::BadRequest(_))
        ));
    }
}
