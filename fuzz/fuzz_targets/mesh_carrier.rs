//! What comes over a carrier of the mesh, in pieces: a claim or an answer, then frames.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::mesh::{CarrierAnswer, CarrierClaim, FrameError, put_first, put_frame, take_first, take_frame};
use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    begins::<CarrierClaim>(bytes);
    begins::<CarrierAnswer>(bytes);
    let (frames, left) = bounded(256 * 1024 + 16 * bytes.len(), || frames(bytes, bytes.len().max(1)));
    for size in [1, 3, 64] {
        assert_eq!(self::frames(bytes, size), (frames.clone(), left));
    }
    let mut written = BytesMut::new();
    for frame in &frames {
        put_frame(frame, &mut written).unwrap();
    }
    assert_eq!(self::frames(&written, written.len().max(1)), (frames, 0));
});

fn begins<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    if let Ok(Some(first)) = take_first::<T>(&mut input) {
        let mut written = BytesMut::new();
        match put_first(&first, &mut written) {
            Ok(()) => assert_eq!(take_first::<T>(&mut written), Ok(Some(first))),
            // Escapes may make it longer than it came.
            Err(error) => assert!(matches!(error, FrameError::TooLong(_))),
        }
    }
}

/// The frames, and how many bytes are left.
fn frames(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, usize) {
    let (mut input, mut frames) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(size) {
        input.extend_from_slice(piece);
        while let Some(frame) = take_frame(&mut input) {
            frames.push(frame.to_vec());
        }
    }
    (frames, input.len())
}
