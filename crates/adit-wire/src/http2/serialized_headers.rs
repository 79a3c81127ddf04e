//! User headers packed into one header value: `b64(name):b64(value)` joined by `;`.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::HeaderMap;

use crate::request_head::append;

/// A value that does not follow the packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the serialised headers are malformed")]
pub struct SerializedHeadersError;

/// Packs headers. Empty if there are none.
#[must_use]
pub fn serialize_headers(headers: &HeaderMap) -> String {
    let mut out = String::new();
    for (name, value) in headers {
        if !out.is_empty() {
            out.push(';');
        }
        STANDARD_NO_PAD.encode_string(name.as_str(), &mut out);
        out.push(':');
        STANDARD_NO_PAD.encode_string(value.as_bytes(), &mut out);
    }
    out
}

/// Unpacks headers: empty parts are skipped, each other part has exactly one colon.
///
/// # Errors
/// [`SerializedHeadersError`] if a part has no or several colons, is not unpadded base64, or is no HTTP header.
pub fn deserialize_headers(packed: &[u8]) -> Result<HeaderMap, SerializedHeadersError> {
    let mut headers = HeaderMap::new();
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for part in packed.split(|b| *b == b';').filter(|part| !part.is_empty()) {
        let mut halves = part.split(|b| *b == b':');
        let (Some(left), Some(right), None) = (halves.next(), halves.next(), halves.next()) else {
            return Err(SerializedHeadersError);
        };
        name.clear();
        value.clear();
        STANDARD_NO_PAD
            .decode_vec(left, &mut name)
            .map_err(|_| SerializedHeadersError)?;
        STANDARD_NO_PAD
            .decode_vec(right, &mut value)
            .map_err(|_| SerializedHeadersError)?;
        append(&mut headers, &name, &value).map_err(|_| SerializedHeadersError)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request_head::tests::any_headers;

    #[test]
    fn the_packing_is_the_one_seen_on_the_wire() {
        let headers = deserialize_headers(b"WC1P:MQ;Q29udGVudC1MZW5ndGg:NQ").unwrap();
        assert_eq!(headers["x-o"], "1");
        assert_eq!(headers["content-length"], "5");
        assert_eq!(deserialize_headers(b"").unwrap().len(), 0);
    }

    #[test]
    fn a_part_without_exactly_one_colon_is_refused() {
        assert_eq!(deserialize_headers(b"WC1P"), Err(SerializedHeadersError));
        assert_eq!(deserialize_headers(b"WC1P:MQ:MQ"), Err(SerializedHeadersError));
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(headers in any_headers()) {
            prop_assert_eq!(deserialize_headers(serialize_headers(&headers).as_bytes()).unwrap(), headers);
        }

        #[test]
        fn no_input_panics(packed: Vec<u8>) {
            let _ = deserialize_headers(&packed);
        }
    }
}
