//! The head of a data stream from connector to edge.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::{ConnectAnswer, MAX_MESSAGE_BYTES, decode_preamble, message_length};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(answer) = bounded(16 << 20, || ConnectAnswer::decode(bytes)) else {
        return;
    };
    let written = answer.encode();
    let Ok(Some((_, preamble))) = decode_preamble(&written) else {
        panic!("what was written has no preamble");
    };
    let message = &written[preamble..];
    if message.len() > MAX_MESSAGE_BYTES {
        return;
    }
    assert_eq!(message_length(message), Ok(Some(message.len())));
    let back = ConnectAnswer::decode(message).expect("what was written reads back");
    match (answer, back) {
        (ConnectAnswer::Accepted(head), ConnectAnswer::Accepted(back)) => {
            assert_eq!((back.status, back.headers), (head.status, head.headers));
        }
        (ConnectAnswer::Failed(failure), ConnectAnswer::Failed(back)) => {
            assert!(
                failure.message.len() <= 1024,
                "{} bytes of words",
                failure.message.len()
            );
            assert_eq!(back, failure);
        }
        (answer, back) => panic!("{answer:?} came back as {back:?}"),
    }
});
