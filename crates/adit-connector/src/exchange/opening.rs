//! Reads what opens a data stream.

use adit_net::quic::{ReadError, RecvStream};
use adit_wire::{MessageError, PreambleError, RequestHead, StreamKind, decode_preamble, message_length};
use bytes::{Bytes, BytesMut};

/// The most bytes taken at once.
const CHUNK: usize = 64 * 1024;

/// What a stream opened with.
pub(super) enum Opening {
    /// A request, with those bytes of its body that came along.
    Request(Box<RequestHead>, Bytes),
    /// A request whose head makes no sense, and why.
    Malformed(String),
    /// Procedure calls, with what came of them along.
    Rpc(Bytes),
}

/// Why a stream did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpeningError {
    #[error("the stream failed: {0}")]
    Read(#[from] ReadError),
    #[error("the stream ended within its head")]
    Truncated,
    #[error(transparent)]
    Preamble(#[from] PreambleError),
    #[error("the head's framing is wrong: {0}")]
    Framing(#[from] MessageError),
}

/// Reads until the head is whole; it takes at most [`adit_wire::MAX_MESSAGE_BYTES`] and one chunk more.
pub(super) async fn read(recv: &mut RecvStream) -> Result<Opening, OpeningError> {
    let mut seen = BytesMut::new();
    loop {
        if let Some(opening) = decode(&mut seen)? {
            return Ok(opening);
        }
        let chunk = recv.read_chunk(CHUNK).await?.ok_or(OpeningError::Truncated)?;
        seen.extend_from_slice(&chunk);
    }
}

fn decode(seen: &mut BytesMut) -> Result<Option<Opening>, OpeningError> {
    let Some((kind, preamble)) = decode_preamble(seen)? else {
        return Ok(None);
    };
    if kind == StreamKind::Rpc {
        return Ok(Some(Opening::Rpc(seen.split_off(preamble).freeze())));
    }
    let after = seen.get(preamble..).unwrap_or_default();
    let Some(length) = message_length(after)? else {
        return Ok(None);
    };
    let Some(message) = after.get(..length) else {
        return Ok(None);
    };
    let decoded = RequestHead::decode(message);
    let first = seen.split_off(preamble + length).freeze();
    Ok(Some(match decoded {
        Ok(head) => Opening::Request(Box::new(head), first),
        Err(error) => Opening::Malformed(error.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use adit_wire::FlowKind;
    use http::{HeaderMap, Method};
    use proptest::prelude::*;

    use super::*;

    fn opened(body: &[u8]) -> Vec<u8> {
        let head = RequestHead {
            kind: FlowKind::Http,
            dest: "http://shop.example/".to_owned(),
            method: Method::POST,
            host: "shop.example".to_owned(),
            headers: HeaderMap::new(),
            flow_id: None,
            extras: adit_wire::Extras::default(),
        };
        [&head.encode()[..], body].concat()
    }

    proptest! {
        #[test]
        fn a_head_split_anywhere_is_read_once_it_is_whole(at: prop::sample::Index, body: Vec<u8>) {
            let bytes = opened(&body);
            let head = bytes.len() - body.len();
            let at = at.index(head);
            let mut seen = BytesMut::from(&bytes[..at]);
            prop_assert!(decode(&mut seen).unwrap().is_none());
            seen.extend_from_slice(&bytes[at..]);
            let Some(Opening::Request(head, first)) = decode(&mut seen).unwrap() else {
                panic!("the head is whole");
            };
            prop_assert_eq!(head.method, Method::POST);
            prop_assert_eq!(&first[..], &body[..]);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>, head in prop::bool::ANY) {
            let prefix = if head { vec![0x0A, 0x36, 0xCD, 0x12, 0xA1, 0x3E, b'0', b'1'] } else { Vec::new() };
            let _ = decode(&mut BytesMut::from(&[prefix, bytes].concat()[..]));
        }
    }
}
