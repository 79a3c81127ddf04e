//! What a connector says over HTTP/2: packed headers, and who answered.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::http2::{ResponseSource, deserialize_headers, serialize_headers};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A header of four packed bytes costs an entry of the map; names and values are shorter than their base64.
    if let Ok(headers) = bounded(64 * 1024 + 128 * bytes.len(), || deserialize_headers(bytes)) {
        let packed = serialize_headers(&headers);
        assert_eq!(deserialize_headers(packed.as_bytes()), Ok(headers));
    }

    let source = bounded(64 * 1024 + 16 * bytes.len(), || ResponseSource::from_meta(bytes));
    if let ResponseSource::Connector { flow_limited } = source {
        let meta = format!(r#"{{"src":"cloudflared","flow_rate_limited":{flow_limited}}}"#);
        assert_eq!(ResponseSource::from_meta(meta.as_bytes()), source);
    }
});
