//! Messages of the mesh's control connection in both directions, in pieces.
#![no_main]

use std::fmt::Debug;

use adit_fuzz::bounded;
use adit_wire::mesh::{Decoder, MeshError, Message, ToEdge, ToNode, encode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    both_ways::<ToEdge>(bytes);
    both_ways::<ToNode>(bytes);
});

fn both_ways<M: Message + Debug + PartialEq>(bytes: &[u8]) {
    let whole = bounded(256 * 1024 + 16 * bytes.len(), || read::<M>(bytes, bytes.len().max(1)));
    for message in &whole.0 {
        let Ok(written) = encode(message) else { continue };
        // Escapes may make it longer than it came.
        let (back, end) = read::<M>(&written, written.len());
        assert_eq!(end, Ok(()));
        assert_eq!(back.as_slice(), std::slice::from_ref(message));
    }
    for size in [1, 3, 64] {
        assert_eq!(read::<M>(bytes, size), whole);
    }
}

fn read<M: Message>(bytes: &[u8], size: usize) -> (Vec<M>, Result<(), MeshError>) {
    let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
    for mut piece in bytes.chunks(size) {
        loop {
            match decoder.take(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, Ok(()))
}
