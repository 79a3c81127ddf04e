//! Questions by names that need not be a host's, and the heads of their answers.

use super::name::{Reader, write_labels};
use super::{
    CLASS_INTERNET, DnsError, MOST_RECORDS, NO_SUCH_NAME, OPCODE, RECURSION_DESIRED, REPLY, TRUNCATED,
};

/// The longest name, with its dots.
const MOST_NAME_BYTES: usize = 253;

/// Writes a question for records of a kind; `None` for what is no name.
pub(super) fn encode(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let is_label = |label: &str| (1..=63).contains(&label.len());
    if name.len() > MOST_NAME_BYTES || !name.split('.').all(is_label) {
        return None;
    }
    let mut bytes = Vec::with_capacity(18 + name.len());
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    write_labels(name, &mut bytes);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(CLASS_INTERNET.to_be_bytes());
    Some(bytes)
}

/// The records of the answer to a question, and how many there are. A name that does not exist has none.
pub(super) fn records<'b>(
    bytes: &'b [u8],
    id: u16,
    name: &str,
    kind: u16,
) -> Result<(Reader<'b>, u16), DnsError> {
    let mut reader = Reader::new(bytes);
    let [got, flags, questions, answers, _, _] = reader.words()?;
    if got != id || flags & (REPLY | OPCODE) != REPLY || questions != 1 {
        return Err(DnsError::AnotherQuestion);
    }
    let asked = reader.name()?;
    let [asked_kind, class] = reader.words()?;
    if !asked.eq_ignore_ascii_case(name) || asked_kind != kind || class != CLASS_INTERNET {
        return Err(DnsError::AnotherQuestion);
    }
    match flags & 0xf {
        0 if flags & TRUNCATED == 0 => Ok((reader, answers.min(MOST_RECORDS))),
        0 => Err(DnsError::Malformed),
        NO_SUCH_NAME => Ok((reader, 0)),
        code => Err(DnsError::Failed(u8::try_from(code).unwrap_or(u8::MAX))),
    }
}
