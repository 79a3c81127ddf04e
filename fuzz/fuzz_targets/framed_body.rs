//! The body of an answer in frames, from connector to edge, cut into pieces of a size that the first byte says.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::{FramedBody, MAX_MESSAGE_BYTES, MessageError, Piece, encode_body_end, encode_body_frame};
use bytes::Bytes;
use http::HeaderMap;

/// The body and, once it is over, its trailers.
fn read(bytes: &[u8], size: usize) -> Result<(Vec<u8>, Option<HeaderMap>), MessageError> {
    let (mut body, mut data, mut end) = (FramedBody::default(), Vec::new(), None);
    for piece in bytes.chunks(size) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(piece) = body.next(&mut input)? {
            match piece {
                Piece::Data(bytes) => {
                    assert!(!bytes.is_empty() && end.is_none());
                    data.extend_from_slice(&bytes);
                }
                Piece::End(trailers) => end = Some(trailers),
            }
        }
        assert!(input.is_empty());
    }
    assert_eq!(body.is_over(), end.is_some());
    Ok((data, end))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let limit = 16 * MAX_MESSAGE_BYTES + 4 * bytes.len();
    let Ok((data, end)) = bounded(limit, || read(bytes, usize::from(*size) + 1)) else {
        return;
    };
    let whole = read(bytes, bytes.len().max(1)).expect("it reads the same in one piece");
    assert_eq!(whole, (data.clone(), end.clone()));
    if let Some(trailers) = end {
        let frame = encode_body_frame(data.len()).map(|frame| [&frame[..], &data].concat());
        let written = [frame.unwrap_or_default(), encode_body_end(&trailers)].concat();
        let back = read(&written, written.len()).expect("what was written reads back");
        assert_eq!(back, (data, Some(trailers)));
    }
});
