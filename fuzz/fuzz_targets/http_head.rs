//! A head as any client or origin may write it: which of its headers cross, how long its body is, what it asks for.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::hop::{HopByHop, content_length, has_token, is_websocket_upgrade, join_cookies};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

/// Lines of `name: value`, as far as they could have come through an HTTP parser.
fn head(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut headers = head(bytes);
    bounded(4096 + 32 * bytes.len(), || {
        let hop = HopByHop::of(&headers);
        let kept: HeaderMap = headers
            .iter()
            .filter(|(name, _)| !hop.holds(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for name in [
            header::CONNECTION,
            header::TE,
            header::TRANSFER_ENCODING,
            header::UPGRADE,
        ] {
            assert!(!kept.contains_key(name));
        }
        for name in kept.keys() {
            assert!(!has_token(&headers, &header::CONNECTION, name.as_str()));
        }
    });
    if let Some(length) = content_length(&headers) {
        let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
        let written = values.next().and_then(|value| value.to_str().ok());
        assert_eq!(written.and_then(|text| text.parse().ok()), Some(length));
        assert!(values.next().is_none());
    }
    if is_websocket_upgrade(&Method::GET, Version::HTTP_11, &headers) {
        assert!(HopByHop::of(&headers).holds(&header::UPGRADE));
    }
    let before = headers.get_all(header::COOKIE).iter().count();
    join_cookies(&mut headers);
    assert_eq!(headers.get_all(header::COOKIE).iter().count(), before.min(1));
});
