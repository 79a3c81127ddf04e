//! Cap'n Proto messages in standard stream framing, unpacked, with our limits.

use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};

use crate::StreamKind;

/// The largest message taken: 512 KiB. A head with 64 KiB of headers needs about 150 KiB.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// The most segments taken, as in cloudflared's decoder.
const MAX_SEGMENTS: u32 = 512;

/// Why bytes are not a message that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// More than 512 segments or more than 512 KiB.
    #[error("the message is larger than 512 KiB or has more than 512 segments")]
    TooLarge,
    /// Not a Cap'n Proto message of the expected shape.
    #[error("the message is malformed")]
    Malformed,
    /// A metadata key with more than one colon, or a header name or value that HTTP does not allow.
    #[error("the message holds an invalid header")]
    BadHeader,
    /// A method, status or destination that is none.
    #[error("the message holds an invalid {0}")]
    BadField(&'static str),
}

impl From<capnp::Error> for MessageError {
    fn from(_: capnp::Error) -> Self {
        Self::Malformed
    }
}

impl From<capnp::NotInSchema> for MessageError {
    fn from(_: capnp::NotInSchema) -> Self {
        Self::Malformed
    }
}

/// The length of the message that begins here, table included; `None` if the table is not complete yet.
///
/// # Errors
/// [`MessageError::TooLarge`] as soon as the table tells.
pub fn message_length(bytes: &[u8]) -> Result<Option<usize>, MessageError> {
    let Some(count) = word(bytes, 0) else {
        return Ok(None);
    };
    let segments = count
        .checked_add(1)
        .filter(|n| *n <= MAX_SEGMENTS)
        .ok_or(MessageError::TooLarge)?;
    let table = (4 + 4 * segments as usize).next_multiple_of(8);
    let mut total = table;
    for segment in 0..segments as usize {
        let Some(words) = word(bytes, 4 + 4 * segment) else {
            return Ok(None);
        };
        total = (words as usize)
            .checked_mul(8)
            .and_then(|size| total.checked_add(size))
            .filter(|total| *total <= MAX_MESSAGE_BYTES)
            .ok_or(MessageError::TooLarge)?;
    }
    Ok(Some(total))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A builder whose one segment holds a head with so many entries, and so many bytes in all their texts: the default one
/// clears 8 KiB for what often takes 500 bytes.
pub(crate) fn builder(entries: usize, text_bytes: usize) -> Builder<HeapAllocator> {
    /// Root, its pointers, and the tag of the list.
    const ROOT_WORDS: usize = 8;
    /// Of an entry: two pointers, and what two texts lose to the end of their words.
    const ENTRY_WORDS: usize = 4;
    let words = ROOT_WORDS + ENTRY_WORDS * entries + text_bytes / 8;
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    Builder::new(HeapAllocator::new().first_segment_words(words))
}

/// A stream's first bytes: preamble and message in one piece.
pub(crate) fn opened_by(kind: StreamKind, message: &Builder<HeapAllocator>) -> Vec<u8> {
    let segments = message.get_segments_for_output();
    let size = segments.iter().map(|segment| segment.len()).sum::<usize>();
    let mut out = Vec::with_capacity(kind.preamble_bytes() + 8 + 8 * segments.len() + size);
    kind.encode(&mut out);
    let preamble = out.len();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&number(segments.len().saturating_sub(1)));
    for segment in segments.iter() {
        out.extend_from_slice(&number(segment.len() / 8));
    }
    out.resize(preamble + (out.len() - preamble).next_multiple_of(8), 0);
    for segment in segments.iter() {
        out.extend_from_slice(segment);
    }
    out
}

/// Opens one whole message for reading; its fields are checked as they are read.
pub(crate) fn open(mut message: &[u8]) -> Result<Reader<impl capnp::message::ReaderSegments>, MessageError> {
    let options = ReaderOptions {
        traversal_limit_in_words: Some(2 * MAX_MESSAGE_BYTES / 8),
        nesting_limit: 16,
    };
    Ok(capnp::serialize::read_message_from_flat_slice(
        &mut message,
        options,
    )?)
}

#[cfg(test)]
mod tests {
    use adit_wire_capnp::stream_capnp::connect_request;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_length_counts_table_and_segments() {
        assert_eq!(message_length(&[0, 0, 0, 0, 5, 0, 0, 0]), Ok(Some(8 + 40)));
        assert_eq!(
            message_length(&[1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0]),
            Ok(Some(16 + 48))
        );
        assert_eq!(message_length(&[1, 0, 0, 0, 5, 0, 0, 0, 1]), Ok(None));
    }

    #[test]
    fn an_oversized_table_is_refused_before_it_is_read() {
        assert_eq!(message_length(&[0xFF; 4]), Err(MessageError::TooLarge));
        assert_eq!(
            message_length(&[0, 0, 0, 0, 0, 0, 1, 0]),
            Err(MessageError::TooLarge)
        );
    }

    #[test]
    fn a_head_fits_into_one_segment() {
        for (entries, length) in [(0, 0), (1, 1), (3, 7), (200, 8), (5, 9), (1, 60_000)] {
            let text = "x".repeat(length);
            let mut message = builder(entries, (2 * entries + 1) * length);
            let mut root = message.init_root::<connect_request::Builder<'_>>();
            root.set_dest(&text[..]);
            let mut metadata = root.init_metadata(u32::try_from(entries).unwrap());
            for at in 0..metadata.len() {
                metadata.reborrow().get(at).set_key(&text[..]);
                metadata.reborrow().get(at).set_val(&text[..]);
            }
            assert_eq!(
                message.get_segments_for_output().len(),
                1,
                "{entries} of {length}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>) {
            let _ = message_length(&bytes);
            let _ = open(&bytes).map(|_| ());
        }
    }
}
