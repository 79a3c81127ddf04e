//! The body of an answer whose trailers cross QUIC: frames of a length (32 bits, big-endian) and as many bytes; length 0
//! ends the body, and a message with the trailers follows.
//!
//! Only between Adit's own edge and connector: see [`crate::features::TRAILERS`].

use adit_wire_capnp::stream_capnp::connect_response;
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use crate::{
    MessageError, framing, message_length,
    request_head::{append, each_header, header_name, texts_of},
};

const LENGTH_BYTES: usize = 4;

/// What opens a frame of so many bytes; the bytes follow. `None` for an empty or a larger one, which has no frame.
#[must_use]
pub fn encode_body_frame(length: usize) -> Option<[u8; LENGTH_BYTES]> {
    let length = u32::try_from(length).ok().filter(|length| *length > 0);
    length.map(u32::to_be_bytes)
}

/// What ends a body: a length of 0 and the trailers, which may be none.
#[must_use]
pub fn encode_body_end(trailers: &HeaderMap) -> Vec<u8> {
    let mut message = framing::builder(trailers.len(), texts_of(trailers));
    let root = message.init_root::<connect_response::Builder<'_>>();
    let mut metadata = root.init_metadata(u32::try_from(trailers.len()).unwrap_or(u32::MAX));
    let mut next = 0;
    each_header(trailers, |key, value| {
        let mut item = metadata.reborrow().get(next);
        item.set_key(key);
        item.set_val(capnp::text::Reader(value));
        next += 1;
    });
    let mut bytes = vec![0; LENGTH_BYTES];
    bytes.extend(capnp::serialize::write_message_to_words(&message));
    bytes
}

/// A part of a framed body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the body; never empty.
    Data(Bytes),
    /// The body is over. Nothing follows.
    End(HeaderMap),
}

/// Reads a framed body. Holds at most a length or the trailers' message; the body's bytes pass without a copy.
#[derive(Debug, Default)]
pub struct FramedBody {
    /// What of a length or of the message came so far.
    held: BytesMut,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Length,
    /// So many bytes are left of a frame.
    Data(usize),
    Trailers,
    Over,
}

impl FramedBody {
    /// The next piece of what has come; `None` once `input` is used up.
    ///
    /// # Errors
    /// [`MessageError`] for trailers that are none, and for bytes behind them.
    pub fn next(&mut self, input: &mut Bytes) -> Result<Option<Piece>, MessageError> {
        loop {
            if input.is_empty() {
                return Ok(None);
            }
            match self.state {
                State::Length => {
                    self.hold(input, LENGTH_BYTES);
                    let Some(length) = self.held.first_chunk::<LENGTH_BYTES>() else {
                        return Ok(None);
                    };
                    let length = u32::from_be_bytes(*length);
                    self.held.clear();
                    self.state = match usize::try_from(length) {
                        Ok(0) => State::Trailers,
                        Ok(length) => State::Data(length),
                        Err(_) => return Err(MessageError::TooLarge),
                    };
                }
                State::Data(left) => {
                    let data = input.split_to(left.min(input.len()));
                    self.state = match left - data.len() {
                        0 => State::Length,
                        left => State::Data(left),
                    };
                    return Ok(Some(Piece::Data(data)));
                }
                State::Trailers => return self.trailers(input),
                State::Over => return Err(MessageError::Malformed),
            }
        }
    }

    /// Whether all of it was read.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Moves bytes over until `wanted` are held.
    fn hold(&mut self, input: &mut Bytes, wanted: usize) {
        let missing = wanted.saturating_sub(self.held.len()).min(input.len());
        self.held.extend_from_slice(&input.split_to(missing));
    }

    fn trailers(&mut self, input: &mut Bytes) -> Result<Option<Piece>, MessageError> {
        // A message says its length in its first bytes, so no more than the message is taken.
        let mut wanted = 8;
        loop {
            self.hold(input, wanted);
            match message_length(&self.held)? {
                Some(length) if length <= self.held.len() => {
                    let trailers = decode(&self.held)?;
                    self.held = BytesMut::new();
                    self.state = State::Over;
                    return if input.has_remaining() {
                        Err(MessageError::Malformed)
                    } else {
                        Ok(Some(Piece::End(trailers)))
                    };
                }
                Some(length) => wanted = length,
                None => wanted = self.held.len() + 1,
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }
}

fn decode(message: &[u8]) -> Result<HeaderMap, MessageError> {
    let reader = framing::open(message)?;
    let root: connect_response::Reader<'_> = reader.get_root()?;
    let mut trailers = HeaderMap::new();
    for item in root.get_metadata()? {
        if let Some(name) = header_name(item.get_key()?.0) {
            append(&mut trailers, name, item.get_val()?.0)?;
        }
    }
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request_head::tests::any_headers;

    fn encoded(chunks: &[Vec<u8>], trailers: &HeaderMap) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in chunks {
            bytes.extend(encode_body_frame(chunk.len()).into_iter().flatten());
            bytes.extend(chunk);
        }
        bytes.extend(encode_body_end(trailers));
        bytes
    }

    /// The body's bytes and its trailers, if the input was fed in pieces of at most `size` bytes.
    fn read(bytes: &[u8], size: usize) -> Result<(Vec<u8>, Option<HeaderMap>), MessageError> {
        let (mut body, mut got, mut end) = (FramedBody::default(), Vec::new(), None);
        for part in bytes.chunks(size) {
            let mut input = Bytes::copy_from_slice(part);
            while let Some(piece) = body.next(&mut input)? {
                match piece {
                    Piece::Data(data) => got.extend_from_slice(&data),
                    Piece::End(trailers) => end = Some(trailers),
                }
            }
        }
        assert_eq!(body.is_over(), end.is_some());
        Ok((got, end))
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_however_it_is_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..6),
            trailers in any_headers(),
            size in 1_usize..200,
        ) {
            let (body, end) = read(&encoded(&chunks, &trailers), size).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(end, Some(trailers));
        }

        #[test]
        fn a_body_cut_short_never_looks_complete(trailers in any_headers(), at: prop::sample::Index) {
            let bytes = encoded(&[vec![7; 20]], &trailers);
            let (_, end) = read(&bytes[..at.index(bytes.len())], 64).unwrap();
            prop_assert_eq!(end, None);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>, size in 1_usize..20) {
            let _ = read(&bytes, size);
            let _ = read(&[&[0; 4][..], &bytes].concat(), size);
        }
    }

    #[test]
    fn bytes_behind_the_trailers_are_refused() {
        let mut bytes = encoded(&[], &HeaderMap::new());
        bytes.push(0);
        assert_eq!(read(&bytes, 1000), Err(MessageError::Malformed));
        assert_eq!(read(&bytes, 1), Err(MessageError::Malformed));
    }
}
