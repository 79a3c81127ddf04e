//! PEM: blocks of base64 in a text.

use base64::{Engine, prelude::BASE64_STANDARD};

/// Why a text's blocks cannot be told apart: one does not end, or ends as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokenPem;

/// The text of a block.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(bytes);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

/// The bytes of the one block in a text, if it has this label.
pub(crate) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let mut blocks = blocks(text);
    let (found, body) = blocks.next()?.ok()?;
    if found != label || blocks.next().is_some() {
        return None;
    }
    BASE64_STANDARD.decode(body).ok()
}

/// The blocks of a text in order: each label with the base64 lines joined.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = Result<(&str, String), BrokenPem>> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        let label = lines.find_map(|line| between(line, "-----BEGIN "))?;
        let mut body = String::new();
        for line in lines.by_ref() {
            match between(line, "-----END ") {
                Some(end) if end == label => return Some(Ok((label, body))),
                Some(_) => break,
                None => body.push_str(line),
            }
        }
        Some(Err(BrokenPem))
    })
}

fn between<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    line.strip_prefix(prefix)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(label in "[A-Z]{1,10}( [A-Z]{1,10})?", bytes: Vec<u8>, before in "[a-z: \n]*") {
            let text = format!("{before}\n{}", encode(&label, &bytes));
            prop_assert_eq!(decode(&label, &text), Some(bytes.clone()));
            prop_assert_eq!(decode("", &text), None);
            prop_assert_eq!(decode(&label, &format!("{text}{text}")), None, "two blocks are not one");
        }

        #[test]
        fn no_text_panics(text: String) {
            prop_assert!(blocks(&text).count() <= text.len());
        }
    }
}
