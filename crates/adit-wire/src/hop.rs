//! What of an HTTP head concerns one hop only, and what of it two readers could read differently. Edge and connector
//! share these, since each takes heads that a stranger wrote.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

/// The headers of a head that stay on its connection: RFC 9110, section 7.6.1.
#[derive(Debug)]
pub struct HopByHop<'h> {
    /// Those that its Connection header adds to the known ones.
    named: Vec<&'h str>,
}

impl<'h> HopByHop<'h> {
    /// Those of this head. Nothing is allocated unless its Connection header names something.
    #[must_use]
    pub fn of(headers: &'h HeaderMap) -> Self {
        Self {
            named: tokens(headers, &header::CONNECTION).collect(),
        }
    }

    /// Whether a header of that name stays here.
    #[must_use]
    pub fn holds(&self, name: &HeaderName) -> bool {
        let known = matches!(
            *name,
            header::CONNECTION | header::TE | header::TRANSFER_ENCODING | header::UPGRADE
        ) || matches!(name.as_str(), "keep-alive" | "proxy-connection");
        known
            || self
                .named
                .iter()
                .any(|named| named.eq_ignore_ascii_case(name.as_str()))
    }
}

/// Whether a header that is a list of tokens holds this one, whatever its case.
#[must_use]
pub fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|item| item.eq_ignore_ascii_case(token))
}

fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        // One that is no text names nothing; its neighbours still do.
        .filter_map(|item| std::str::from_utf8(item.trim_ascii()).ok())
        .filter(|item| !item.is_empty())
}

/// Whether a request asks to go on as a WebSocket on its HTTP/1.1 connection: RFC 6455, section 4.1.
#[must_use]
pub fn is_websocket_upgrade(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && version == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
}

/// The length that a head announces; `None` if there is none, or anything but one number: RFC 9112, section 6.3.
#[must_use]
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let first = values.next()?.to_str().ok()?;
    let digits = first.bytes().all(|byte| byte.is_ascii_digit());
    let length = first.parse().ok().filter(|_| digits)?;
    values.next().is_none().then_some(length)
}

/// Makes one field of all cookies. Over HTTP/2 each may have a field of its own; an HTTP/1 origin knows one: RFC 9113,
/// section 8.2.3.
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    if crumbs.nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(items: &[(&'static str, &'static str)]) -> HeaderMap {
        let item = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        items.iter().map(item).collect()
    }

    #[test]
    fn what_connection_names_stays_with_what_everyone_knows() {
        let mut headers = map(&[("connection", "close, X-Hop ,"), ("connection", "\"odd\"")]);
        let foreign = HeaderValue::from_bytes(b"\xff, x-last").unwrap();
        headers.append(header::CONNECTION, foreign);
        let hop = HopByHop::of(&headers);
        for name in [
            "connection",
            "te",
            "upgrade",
            "transfer-encoding",
            "keep-alive",
            "x-hop",
            "x-last",
            "close",
        ] {
            assert!(hop.holds(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["accept", "x-hop-2", "trailer"] {
            assert!(!hop.holds(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn two_lengths_are_no_length() {
        let length = |values: &[&'static str]| {
            let items: Vec<_> = values.iter().map(|value| ("content-length", *value)).collect();
            content_length(&map(&items))
        };
        assert_eq!(length(&["5"]), Some(5));
        for values in [
            &["5", "6"][..],
            &["5", "5"],
            &["+5"],
            &["5, 5"],
            &["-1"],
            &[""],
            &["0x5"],
            &["99999999999999999999"],
            &[],
        ] {
            assert_eq!(length(values), None, "{values:?}");
        }
    }

    #[test]
    fn crumbs_become_one_cookie() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2"), ("x", "y")]);
        join_cookies(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2"), ("x", "y")]));
    }

    #[test]
    fn only_a_get_over_http_1_1_with_both_headers_is_an_upgrade() {
        let both = map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        assert!(is_websocket_upgrade(&Method::GET, Version::HTTP_11, &both));
        assert!(!is_websocket_upgrade(&Method::POST, Version::HTTP_11, &both));
        assert!(!is_websocket_upgrade(&Method::GET, Version::HTTP_10, &both));
        let one = map(&[("upgrade", "websocket")]);
        assert!(!is_websocket_upgrade(&Method::GET, Version::HTTP_11, &one));
    }

    proptest! {
        #[test]
        fn no_head_panics(items in proptest::collection::vec(("connection|upgrade|cookie|content-length|te", proptest::collection::vec(any::<u8>(), 0..40)), 0..8)) {
            let mut headers = HeaderMap::new();
            for (name, value) in &items {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
                }
            }
            let _ = HopByHop::of(&headers).holds(&header::ACCEPT);
            let _ = content_length(&headers);
            let _ = is_websocket_upgrade(&Method::GET, Version::HTTP_11, &headers);
            join_cookies(&mut headers);
            prop_assert!(headers.get_all(header::COOKIE).iter().count() <= 1);
        }
    }
}
