//! Questions for the texts of a name (TXT, RFC 1035), and their answers.

use super::name::Reader;
use super::question::{encode, records};
use super::{CLASS_INTERNET, DnsError};

const TXT: u16 = 16;

/// Writes a question; `None` for what is no name.
#[must_use]
pub fn encode_text_question(id: u16, name: &str) -> Option<Vec<u8>> {
    encode(id, name, TXT)
}

/// Reads the answer to a question: the texts in its order, each put together of its pieces. A name that does not exist has
/// none.
///
/// # Errors
/// [`DnsError`]
pub fn decode_text_answer(bytes: &[u8], id: u16, name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
    let mut texts = Vec::new();
    let (mut reader, answers) = records(bytes, id, name, TXT)?;
    for _ in 0..answers {
        texts.extend(text(&mut reader)?);
    }
    Ok(texts)
}

/// One record, if it is a text.
fn text(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DnsError> {
    let _owner = reader.name()?;
    let [kind, class, _, _, length] = reader.words()?;
    let end = reader.place() + usize::from(length);
    if (kind, class) != (TXT, CLASS_INTERNET) {
        reader.skip(usize::from(length))?;
        return Ok(None);
    }
    let mut text = Vec::new();
    while reader.place() < end {
        let [length] = reader.bytes()?;
        text.extend_from_slice(reader.take(usize::from(length))?);
    }
    if reader.place() != end {
        return Err(DnsError::Malformed);
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "features.example.com";

    fn answer(texts: &[&[&str]]) -> Vec<u8> {
        let mut bytes = encode_text_question(7, NAME).unwrap();
        bytes[2..4].copy_from_slice(&0x8180_u16.to_be_bytes());
        bytes[7] = u8::try_from(texts.len()).unwrap();
        for pieces in texts {
            let mut data = Vec::new();
            for piece in *pieces {
                data.push(u8::try_from(piece.len()).unwrap());
                data.extend(piece.as_bytes());
            }
            bytes.extend([0xc0, 12]);
            for word in [TXT, CLASS_INTERNET, 0, 60, u16::try_from(data.len()).unwrap()] {
                bytes.extend(word.to_be_bytes());
            }
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn texts_come_in_their_order_and_in_one_piece() {
        let bytes = answer(&[&["{\"a\":", "1}"], &["other"], &[]]);
        let texts = decode_text_answer(&bytes, 7, NAME).unwrap();
        assert_eq!(texts, [&b"{\"a\":1}"[..], b"other", b""]);
        assert_eq!(
            decode_text_answer(&bytes, 8, NAME),
            Err(DnsError::AnotherQuestion)
        );
    }

    #[test]
    fn a_name_that_does_not_exist_has_no_texts() {
        let mut bytes = answer(&[]);
        bytes[3] |= 3;
        assert_eq!(decode_text_answer(&bytes, 7, NAME), Ok(Vec::new()));
        bytes[3] = 0x82;
        assert_eq!(decode_text_answer(&bytes, 7, NAME), Err(DnsError::Failed(2)));
    }

    proptest! {
        #[test]
        fn an_answer_cut_anywhere_is_an_error_and_none_panics(at: prop::sample::Index, noise: Vec<u8>) {
            let whole = answer(&[&["one", "two"], &["three"]]);
            prop_assert!(decode_text_answer(&whole[..at.index(whole.len())], 7, NAME).is_err());
            let _ = decode_text_answer(&noise, 7, NAME);
            let _ = decode_text_answer(&[&whole[..38], &noise].concat(), 7, NAME);
        }
    }
}
