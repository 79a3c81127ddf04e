//! Names of accounts and API tokens: texts for people, of which several things may have the same.

/// A name without the blanks around it; `None` if it is empty, longer than `most` characters or has control characters.
pub(crate) fn read(text: Option<String>, most: usize) -> Option<String> {
    let name = text?.trim().to_owned();
    let fits = (1..=most).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_something_in_it_and_nothing_odd() {
        let read = |text: &str| read(Some(text.to_owned()), 3);
        assert_eq!(read(" a b "), Some("a b".to_owned()));
        assert_eq!(read("\u{e4}\u{f6}\u{fc}"), Some("\u{e4}\u{f6}\u{fc}".to_owned()));
        for bad in ["", "  ", "abcd", "a\u{0}b"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(super::read(None, 3), None);
    }
}
