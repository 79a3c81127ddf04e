//! Which headers cross between edge and origin.

use adit_model::ConnectorId;
use adit_wire::{hop::HopByHop, is_internal_header};
use http::header::{
    CONNECTION, CONTENT_LENGTH, Entry, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_VERSION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const CF_TRACE_ID: HeaderName = HeaderName::from_static("cf-trace-id");
const CONNECTOR_TAG: HeaderName = HeaderName::from_static("cf-warp-tag-id");
const TAG_PREFIX: &str = "cf-warp-tag-";

/// `Cf-Warp-Tag-*`: what a connector says of itself in each request to an origin.
#[derive(Clone, Debug)]
pub(crate) struct Tags(Vec<(HeaderName, HeaderValue)>);

impl Tags {
    /// Nothing: for requests of the connector's own.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// The connector's id, and the operator's `--tag`s; `None` if one of these cannot be a header.
    pub(crate) fn new(connector: ConnectorId, tags: &[(String, String)]) -> Option<Self> {
        let own = HeaderValue::from_str(&connector.to_string()).ok()?;
        let mut all = vec![(CONNECTOR_TAG, own)];
        for (name, value) in tags {
            let name = HeaderName::from_bytes(format!("{TAG_PREFIX}{name}").as_bytes()).ok()?;
            all.push((name, HeaderValue::from_str(value).ok()?));
        }
        Some(Self(all))
    }
}

/// Whether bytes follow the head: only with chunked coding, or with a Content-Length above 0, which is returned.
///
/// # Errors
/// The text of a Content-Length that is none.
pub(crate) fn has_body(headers: &HeaderMap) -> Result<(bool, Option<u64>), String> {
    let chunked = headers.get_all(TRANSFER_ENCODING).iter().any(|value| {
        let codings = value.as_bytes().to_ascii_lowercase();
        codings.windows(b"chunked".len()).any(|part| part == b"chunked")
    });
    if chunked {
        return Ok((true, None));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok((false, None));
    };
    if lengths.any(|other| other != length) {
        return Err("the request has two different Content-Lengths".to_owned());
    }
    let parsed = length
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    match parsed.and_then(|text| text.parse().ok()) {
        Some(0) => Ok((false, None)),
        Some(length) => Ok((true, Some(length))),
        None => Err("the request's Content-Length is no number".to_owned()),
    }
}

/// The headers of a request to the origin. `host` replaces the client's Host if given.
pub(super) fn request_headers(
    mut headers: HeaderMap,
    client_host: &str,
    host: Option<&HeaderValue>,
    upgrade: bool,
    tags: &Tags,
) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    strip_hop_by_hop(&mut headers);
    // Two lengths of one body are a way to smuggle requests.
    let length = headers.remove(CONTENT_LENGTH).filter(|_| !chunked);
    headers.extend(length.map(|length| (CONTENT_LENGTH, length)));
    headers.remove(CF_TRACE_ID);
    remove_where(&mut headers, |name| {
        is_internal_header(name) || name.starts_with(TAG_PREFIX)
    });
    for (name, value) in &tags.0 {
        headers.append(name.clone(), value.clone());
    }
    let client_host = HeaderValue::from_str(client_host)?;
    match host {
        Some(host) => {
            headers.insert(HOST, host.clone());
            headers.insert(X_FORWARDED_HOST, client_host);
        }
        None => drop(headers.insert(HOST, client_host)),
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Entry::Vacant(version) = headers.entry(SEC_WEBSOCKET_VERSION) {
            version.insert(HeaderValue::from_static("13"));
        }
    }
    Ok(headers)
}

/// The headers of an answer on its way to the edge. Those of an accepted upgrade stay.
pub(crate) fn response_headers(mut headers: HeaderMap, upgraded: bool) -> HeaderMap {
    if !upgraded {
        strip_hop_by_hop(&mut headers);
    }
    headers
}

/// What concerns one connection stays on it; here, where the next hop speaks HTTP/1, also what a proxy asks of its client.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let trailers_wanted = headers
        .get(TE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    let hop = HopByHop::of(headers);
    let staying: Vec<HeaderName> = headers.keys().filter(|name| hop.holds(name)).cloned().collect();
    for name in staying
        .into_iter()
        .chain([TRAILER, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION])
    {
        headers.remove(name);
    }
    if trailers_wanted {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(items: &[(&'static str, &'static str)]) -> HeaderMap {
        let item = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        items.iter().map(item).collect()
    }

    fn tags() -> Tags {
        Tags::new(ConnectorId::random(), &[("Region".to_owned(), "eu".to_owned())]).unwrap()
    }

    #[test]
    fn what_concerns_one_connection_or_the_edge_stays_behind() {
        let sent = map(&[
            ("connection", "close, x-drop-me"),
            ("x-drop-me", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip"),
            ("cf-trace-id", "1:2:0:1"),
            ("cf-cloudflared-proxy-connection-upgrade", "websocket"),
            ("cf-warp-tag-id", "forged"),
            ("cf-connecting-ip", "192.0.2.1"),
            ("accept", "*/*"),
        ]);
        let got = request_headers(sent, "shop.example", None, false, &tags()).unwrap();
        assert_eq!(got["cf-connecting-ip"], "192.0.2.1");
        assert_eq!(got["accept"], "*/*");
        assert_eq!(got["host"], "shop.example");
        assert_eq!(got["cf-warp-tag-region"], "eu");
        assert_ne!(got["cf-warp-tag-id"], "forged");
        assert_eq!(got.len(), 5, "{got:?}");
    }

    #[test]
    fn a_host_of_the_rules_own_leaves_the_clients_in_x_forwarded_host() {
        let host = HeaderValue::from_static("inner");
        let got = request_headers(HeaderMap::new(), "shop.example", Some(&host), false, &tags()).unwrap();
        assert_eq!(
            (&got["host"], &got["x-forwarded-host"]),
            (&host, &HeaderValue::from_static("shop.example"))
        );
    }

    #[test]
    fn an_upgrade_asks_the_origin_for_one() {
        let sent = map(&[
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
        ]);
        let got = request_headers(sent, "h", None, true, &tags()).unwrap();
        assert_eq!(
            (&got["connection"], &got["upgrade"]),
            (&"Upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
        assert_eq!(
            (&got["sec-websocket-version"], &got["sec-websocket-key"]),
            (&"13".parse().unwrap(), &"k".parse().unwrap())
        );
    }

    #[test]
    fn a_body_follows_only_where_the_head_says_so() {
        assert_eq!(has_body(&HeaderMap::new()), Ok((false, None)));
        assert_eq!(has_body(&map(&[("content-length", "0")])), Ok((false, None)));
        assert_eq!(has_body(&map(&[("content-length", "12")])), Ok((true, Some(12))));
        assert_eq!(
            has_body(&map(&[("transfer-encoding", "Chunked"), ("content-length", "3")])),
            Ok((true, None))
        );
        assert!(has_body(&map(&[("content-length", "+1")])).is_err());
        assert!(has_body(&map(&[("content-length", "99999999999999999999")])).is_err());
    }

    #[test]
    fn a_length_that_is_said_twice_is_passed_on_once() {
        let mut sent = map(&[("content-length", "3")]);
        sent.append(CONTENT_LENGTH, HeaderValue::from_static("3"));
        assert_eq!(has_body(&sent), Ok((true, Some(3))));
        let got = request_headers(sent.clone(), "h", None, false, &tags()).unwrap();
        assert_eq!(got.get_all(CONTENT_LENGTH).iter().count(), 1);
        sent.append(CONTENT_LENGTH, HeaderValue::from_static("4"));
        assert!(has_body(&sent).is_err());
    }

    #[test]
    fn a_chunked_request_carries_no_second_length() {
        let sent = map(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        let got = request_headers(sent, "h", None, false, &tags()).unwrap();
        assert!(!got.contains_key("content-length") && !got.contains_key("transfer-encoding"));
    }
}
