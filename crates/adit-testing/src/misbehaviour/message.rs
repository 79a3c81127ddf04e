//! Answers of a connector on QUIC, written by hand so that they may be wrong. The layout is Cap'n Proto's: one segment,
//! a root of two pointers (the words of a failure, and a list of pairs of texts).

use adit_wire::StreamKind;

/// Words of a message under construction.
#[derive(Default)]
struct Words(Vec<u64>);

impl Words {
    /// A text at the end of the message, pointed to from the word `at`.
    fn text(&mut self, at: usize, text: &[u8]) {
        let to = self.0.len();
        let mut bytes = text.to_vec();
        bytes.push(0);
        let length = bytes.len();
        bytes.resize(length.next_multiple_of(8), 0);
        for word in bytes.chunks_exact(8) {
            self.0
                .push(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        self.0[at] = list_pointer(to - at - 1, 2, length);
    }
}

/// A pointer to a list `offset` words behind it, of `count` elements of a kind.
fn list_pointer(offset: usize, kind: u64, count: usize) -> u64 {
    1 | (offset as u64) << 2 | kind << 32 | (count as u64) << 35
}

/// The preamble and an answer with these pairs. An empty `error` means that the origin answered.
pub(super) fn answer(error: &[u8], pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut words = Words(vec![2 << 48, 0, 0]);
    if !error.is_empty() {
        words.text(1, error);
    }
    // A tag that counts the pairs, then two pointers each.
    let tag = words.0.len();
    words.0[2] = list_pointer(tag - 3, 7, 2 * pairs.len());
    words.0.push((pairs.len() as u64) << 2 | 2 << 48);
    let first = words.0.len();
    words.0.resize(first + 2 * pairs.len(), 0);
    for (at, (key, value)) in (first..).step_by(2).zip(pairs) {
        words.text(at, key);
        words.text(at + 1, value);
    }
    opened(&words.0)
}

/// An answer whose pairs all point to the same long text: a small message that reads as a large one.
pub(super) fn shared_text(pairs: usize, length: usize) -> Vec<u8> {
    let mut words = Words(vec![
        2 << 48,
        0,
        list_pointer(0, 7, 2 * pairs),
        (pairs as u64) << 2 | 2 << 48,
    ]);
    let first = words.0.len();
    words.0.resize(first + 2 * pairs, 0);
    let keys = words.0.len();
    words.text(first, b"HttpHeader:X");
    let values = words.0.len();
    words.text(first + 1, &vec![b'v'; length]);
    for at in (first..first + 2 * pairs).step_by(2) {
        words.0[at] = list_pointer(keys - at - 1, 2, 13);
        words.0[at + 1] = list_pointer(values - at - 2, 2, length + 1);
    }
    opened(&words.0)
}

/// Preamble and table before the words of a message.
pub(super) fn opened(words: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    StreamKind::Data.encode(&mut bytes);
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(u32::try_from(words.len()).expect("a message").to_le_bytes());
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use adit_wire::{ConnectAnswer, decode_preamble};

    use super::*;

    #[test]
    fn what_is_written_by_hand_reads_as_an_answer() {
        let bytes = answer(b"", &[(b"HttpStatus", b"418"), (b"HttpHeader:X", b"y")]);
        let (_, preamble) = decode_preamble(&bytes).unwrap().unwrap();
        let ConnectAnswer::Accepted(head) = ConnectAnswer::decode(&bytes[preamble..]).unwrap() else {
            panic!("no answer");
        };
        assert_eq!(
            (head.status.as_u16(), &head.headers["x"]),
            (418, &"y".parse().unwrap())
        );
        let bytes = shared_text(3, 5);
        let ConnectAnswer::Accepted(head) = ConnectAnswer::decode(&bytes[preamble..]).unwrap() else {
            panic!("no answer");
        };
        assert_eq!(head.headers.get_all("x").iter().count(), 3);
    }
}
