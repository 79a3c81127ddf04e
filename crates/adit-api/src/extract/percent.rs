//! Percent-encoding, once and twice: some clients encode a value before their HTTP library does so again.

use percent_encoding::percent_decode_str;

/// One decoding of a query's name or value, `+` being a blank; `None` if the result is not UTF-8.
pub(super) fn decode_form(text: &str) -> Option<String> {
    let blanks = text.replace('+', " ");
    percent_decode_str(&blanks)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// What a value that was decoded once says when decoded again; `None` if nothing else.
pub(crate) fn decode_again(text: &str) -> Option<String> {
    let again = percent_decode_str(text).decode_utf8().ok()?;
    (again != text).then(|| again.into_owned())
}

/// Reads a value as it is, and decoded again if that fails.
pub(crate) fn parse_either<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(text).or_else(|| parse(&decode_again(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_encoded_once_or_twice() {
        let parse = |text: &str| text.strip_suffix("!").map(str::to_owned);
        for sent in ["a b!", "a%20b!", "a+b%21", "a%2520b%2521"] {
            let once = decode_form(sent).unwrap();
            assert_eq!(parse_either(&once, parse).as_deref(), Some("a b"), "{sent}");
        }
    }

    #[test]
    fn a_stray_percent_sign_stands_for_itself() {
        assert_eq!(decode_form("100%").unwrap(), "100%");
        assert_eq!(decode_again("100%"), None);
        assert_eq!(decode_form("%ff"), None);
        assert_eq!(decode_again("%ff"), None);
    }
}
