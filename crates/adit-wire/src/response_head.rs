//! The head of a data stream from connector to edge.

use adit_wire_capnp::stream_capnp::connect_response;
use http::{HeaderMap, StatusCode};

use crate::{
    MessageError, StreamKind, framing,
    request_head::{append, each_header, header_name, texts_of},
};

const STATUS: &str = "HttpStatus";
const FLOW_LIMITED: &str = "FlowConnectRateLimited";
/// The most kept of a failure's words.
const MAX_WORDS_BYTES: usize = 1024;

/// Status and headers of an origin's answer.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    /// The status; 101 for an accepted WebSocket.
    pub status: StatusCode,
    /// The headers. Repeated names keep their count and order.
    pub headers: HeaderMap,
}

/// Why a connector could not even ask the origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectFailure {
    /// The connector's words; shown to operators, not to the public. At most 1024 bytes when they come from a peer.
    pub message: String,
    /// Its flow limit was hit.
    pub flow_limited: bool,
}

/// What a connector answers to a [`crate::RequestHead`].
#[derive(Debug, Clone)]
pub enum ConnectAnswer {
    /// The origin answered; for TCP, which has no head, 200 without headers.
    Accepted(ResponseHead),
    /// It was not reached. The public sees a 502.
    Failed(ConnectFailure),
}

impl ConnectAnswer {
    /// The preamble and the head, in one piece.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (entries, texts) = match self {
            Self::Accepted(head) => (head.headers.len(), texts_of(&head.headers)),
            Self::Failed(failure) => (0, failure.message.len()),
        };
        let mut message = framing::builder(entries + 1, texts + 32);
        let mut root = message.init_root::<connect_response::Builder<'_>>();
        match self {
            Self::Accepted(head) => {
                let count = u32::try_from(1 + head.headers.len()).unwrap_or(u32::MAX);
                let mut metadata = root.init_metadata(count);
                let mut item = metadata.reborrow().get(0);
                item.set_key(STATUS);
                item.set_val(head.status.as_str());
                let mut next = 1;
                each_header(&head.headers, |key, value| {
                    let mut item = metadata.reborrow().get(next);
                    item.set_key(key);
                    item.set_val(capnp::text::Reader(value));
                    next += 1;
                });
            }
            Self::Failed(failure) => {
                root.set_error(&failure.message[..]);
                if failure.flow_limited {
                    let mut item = root.init_metadata(1).get(0);
                    item.set_key(FLOW_LIMITED);
                    item.set_val("true");
                }
            }
        }
        framing::opened_by(StreamKind::Data, &message)
    }

    /// Reads the message that follows the preamble.
    ///
    /// # Errors
    /// [`MessageError`] if it is malformed or holds an invalid status or header.
    pub fn decode(message: &[u8]) -> Result<Self, MessageError> {
        let reader = framing::open(message)?;
        let root: connect_response::Reader<'_> = reader.get_root()?;
        let error = root.get_error()?.0;
        let mut head = ResponseHead::default();
        let mut flow_limited = false;
        for item in root.get_metadata()? {
            let (key, value) = (item.get_key()?.0, item.get_val()?.0);
            if let Some(name) = header_name(key) {
                append(&mut head.headers, name, value)?;
            } else if key == STATUS.as_bytes() {
                head.status = StatusCode::from_bytes(value).map_err(|_| MessageError::BadField("status"))?;
            } else if key == FLOW_LIMITED.as_bytes() {
                flow_limited = value == b"true";
            }
        }
        if error.is_empty() {
            return Ok(Self::Accepted(head));
        }
        let shown = error.get(..MAX_WORDS_BYTES).unwrap_or(error);
        let mut message = String::from_utf8_lossy(shown).into_owned();
        // Each byte that is no text has become three.
        message.truncate(message.floor_char_boundary(MAX_WORDS_BYTES));
        Ok(Self::Failed(ConnectFailure {
            message,
            flow_limited,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request_head::tests::any_headers;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(status in 100_u16..1000, headers in any_headers()) {
            let head = ResponseHead { status: StatusCode::from_u16(status).unwrap(), headers };
            let bytes = ConnectAnswer::Accepted(head.clone()).encode();
            let ConnectAnswer::Accepted(back) = ConnectAnswer::decode(&bytes[8..]).unwrap() else {
                panic!("an accepted answer came back as a failure");
            };
            prop_assert_eq!(back.status, head.status);
            prop_assert_eq!(back.headers, head.headers);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>) {
            let _ = ConnectAnswer::decode(&bytes);
        }
    }

    #[test]
    fn the_words_of_a_failure_are_bounded_whatever_bytes_they_are() {
        for (words, kept) in [
            (vec![0xFF; 2000], 1023),
            ("\u{2026}".repeat(400).into_bytes(), 1023),
        ] {
            let mut message = capnp::message::Builder::new_default();
            let mut root = message.init_root::<connect_response::Builder<'_>>();
            root.set_error(capnp::text::Reader(&words));
            let bytes = capnp::serialize::write_message_to_words(&message);
            let ConnectAnswer::Failed(read) = ConnectAnswer::decode(&bytes).unwrap() else {
                panic!("a failure came back as accepted");
            };
            assert_eq!(read.message.len(), kept);
        }
    }

    #[test]
    fn a_failure_keeps_its_words_and_its_mark() {
        let failure = ConnectFailure {
            message: "no route to host".to_owned(),
            flow_limited: true,
        };
        let bytes = ConnectAnswer::Failed(failure.clone()).encode();
        let ConnectAnswer::Failed(back) = ConnectAnswer::decode(&bytes[8..]).unwrap() else {
            panic!("a failure came back as accepted");
        };
        assert_eq!(back, failure);
    }
}
