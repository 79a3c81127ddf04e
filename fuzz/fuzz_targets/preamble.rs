//! What opens a QUIC stream, cut at every byte.
#![no_main]

use adit_wire::{StreamKind, decode_preamble};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = decode_preamble(bytes);
    match whole {
        Ok(Some((kind, length))) => {
            assert_eq!(length, kind.preamble_bytes());
            let mut written = Vec::new();
            kind.encode(&mut written);
            // The version's value does not count, so only the signature is the same.
            assert_eq!(&written[..6], &bytes[..6]);
            assert_eq!(decode_preamble(&written), whole);
        }
        Ok(None) => {
            // More bytes are asked for only where some make it whole.
            assert!(bytes.len() < 8);
            assert!([StreamKind::Data, StreamKind::Rpc].into_iter().any(|kind| {
                let mut written = Vec::new();
                kind.encode(&mut written);
                bytes
                    .iter()
                    .zip(&written[..6])
                    .all(|(seen, wanted)| seen == wanted)
            }));
        }
        Err(_) => {}
    }
    // A peer may write in pieces: no cut changes the answer, it only delays it.
    for cut in 0..bytes.len().min(16) {
        match decode_preamble(&bytes[..cut]) {
            Ok(None) => {}
            told => assert_eq!(told, whole),
        }
    }
});
