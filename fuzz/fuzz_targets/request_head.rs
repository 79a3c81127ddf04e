//! The head of a data stream from edge to connector: its length, then its fields.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::{FlowKind, MAX_MESSAGE_BYTES, RequestHead, decode_preamble, message_length};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let length = message_length(bytes);
    if let Ok(Some(length)) = length {
        assert!((8..=MAX_MESSAGE_BYTES).contains(&length) && length % 8 == 0);
    }
    for cut in 0..bytes.len().min(64) {
        match message_length(&bytes[..cut]) {
            Ok(None) => {}
            told => assert_eq!(told, length),
        }
    }
    // Pointers of a message may share their target, so a head can be larger than its message: 1 MiB of text at most,
    // and what a map of 32768 headers takes.
    let Ok(head) = bounded(16 << 20, || RequestHead::decode(bytes)) else {
        return;
    };
    let written = head.encode();
    let Ok(Some((_, preamble))) = decode_preamble(&written) else {
        panic!("what was written has no preamble");
    };
    let message = &written[preamble..];
    if message.len() > MAX_MESSAGE_BYTES {
        return;
    }
    assert_eq!(message_length(message), Ok(Some(message.len())));
    let back = RequestHead::decode(message).expect("what was written reads back");
    assert_eq!(
        (back.kind, &back.dest, &back.headers),
        (head.kind, &head.dest, &head.headers)
    );
    if head.kind == FlowKind::Tcp {
        assert_eq!(back.flow_id, head.flow_id);
    } else {
        assert_eq!((back.method, back.host), (head.method, head.host));
    }
});
