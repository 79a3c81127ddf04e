//! The frames of a WebSocket that carries TCP, of a client and of a server, cut into pieces of a size that the first byte
//! says.
#![no_main]

use adit_fuzz::bounded;
use adit_wire::websocket::{
    Event, FrameError, Frames, Sender, data_head, put_client_close, put_client_data, put_client_pong,
};
use bytes::BytesMut;

/// The bytes of messages, and what else was said.
type Said = (Vec<u8>, Vec<Event>);

fn read(sender: Sender, bytes: &[u8], size: usize) -> Result<Said, FrameError> {
    let (mut frames, mut input, mut said) = (Frames::of(sender), BytesMut::new(), Said::default());
    for piece in bytes.chunks(size) {
        input.extend_from_slice(piece);
        while let Some(event) = frames.next(&mut input)? {
            match event {
                Event::Data(bytes) => {
                    assert!(!bytes.is_empty());
                    said.0.extend_from_slice(&bytes);
                }
                Event::Ping(bytes) => {
                    assert!(bytes.len() <= 125);
                    said.1.push(Event::Ping(bytes));
                }
                Event::Close => said.1.push(Event::Close),
            }
        }
        // Nothing but the head of a frame waits.
        assert!(input.len() < 14, "{} bytes wait", input.len());
    }
    Ok(said)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    for sender in [Sender::Client, Sender::Server] {
        let limit = 64 * 1024 + 64 * bytes.len();
        let Ok(said) = bounded(limit, || read(sender, bytes, usize::from(*size) + 1)) else {
            continue;
        };
        assert_eq!(read(sender, bytes, bytes.len().max(1)), Ok(said.clone()));
        let mut written = BytesMut::new();
        if !said.0.is_empty() {
            put_client_data(&mut written, &said.0, [*size; 4]);
        }
        put_client_pong(&mut written, b"there", [*size; 4]);
        put_client_close(&mut written, [*size; 4]);
        let back = read(Sender::Client, &written, 100).expect("what was written reads back");
        assert_eq!(back, (said.0.clone(), vec![Event::Close]));
        let head = data_head(said.0.len());
        let served = read(Sender::Server, &[&head[..], &said.0[..]].concat(), 100);
        assert_eq!(served, Ok((said.0, Vec::new())));
    }
});
