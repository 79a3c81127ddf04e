//! What a client of the proxy into private networks says in HTTP.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::http_connect::{MAX_HEAD_BYTES, decode_proxy_request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bounded(64 * 1024, || decode_proxy_request(bytes)) {
        Ok(Some((request, taken))) => {
            assert!(taken <= bytes.len().min(MAX_HEAD_BYTES));
            // What follows a head does not change it.
            let followed = [&bytes[..taken], b"\r\nmore"].concat();
            assert_eq!(decode_proxy_request(&followed), Ok(Some((request, taken))));
        }
        Ok(None) => assert!(bytes.len() < MAX_HEAD_BYTES),
        Err(_) => {}
    }
});
