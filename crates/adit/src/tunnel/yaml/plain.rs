//! How a text is written: as it is, in single quotes, or in double quotes.

use std::fmt::Write as _;

/// Words that a reader takes for something else than a text, beside numbers and times.
const SIGNS: [&str; 3] = ["", "~", "<<"];
/// Words that a reader, old ones too, takes for switches or nothing.
const WORDS: [&str; 9] = ["y", "yes", "on", "n", "no", "off", "true", "false", "null"];

/// A text on one line.
pub(super) fn scalar(text: &str) -> String {
    if text.chars().any(|c| !is_printable(c) || is_break(c)) || !reads_as_text(text) {
        return in_double_quotes(text);
    }
    if stands_plain(text) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a reader takes it for a text even without quotes.
fn reads_as_text(text: &str) -> bool {
    let is_cased = |word: &str| {
        let mut title = word.to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text == word || text == word.to_ascii_uppercase() || text == title
    };
    let is_word = SIGNS.contains(&text)
        || text.eq_ignore_ascii_case(".nan")
        || text.to_ascii_lowercase().trim_start_matches(['+', '-']) == ".inf"
        || WORDS.into_iter().any(is_cased);
    !(is_word || is_number(text) || is_sexagesimal(text) || is_time(text))
}

fn is_number(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return false;
    }
    let digits = text.replace('_', "");
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let lower = unsigned.to_ascii_lowercase();
    let in_base = |prefix: &str, base: u32| {
        let rest = lower.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(base)))
    };
    in_base("0x", 16) || in_base("0b", 2) || in_base("0o", 8) || is_float(unsigned)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, and an exponent or none.
fn is_float(unsigned: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    (!whole.is_empty() || !fraction.is_empty())
        && is_digits(whole)
        && is_digits(fraction)
        && exponent.is_none_or(|digits| !digits.is_empty() && is_digits(digits))
}

/// `1:20:30.5`, which old readers take for a number to the base of 60.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let is_first = parts.next().is_some_and(|first| {
        first.starts_with(|c: char| c.is_ascii_digit())
            && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let rest: Vec<_> = parts.collect();
    let is_sixtieth = |part: &&str| match part.as_bytes() {
        [unit] => unit.is_ascii_digit(),
        [ten, unit] => (b'0'..=b'5').contains(ten) && unit.is_ascii_digit(),
        _ => false,
    };
    is_first
        && !rest.is_empty()
        && rest.iter().all(is_sixtieth)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// A day, and a time of day behind it or not. Says so of some that are none, which only costs quotes.
fn is_time(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let year = parts.next().unwrap_or_default();
    let month = parts.next().unwrap_or_default();
    let day = parts.next().unwrap_or_default();
    let is_digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let digits = day.bytes().take_while(u8::is_ascii_digit).count();
    let (day, rest) = day.split_at(digits);
    let is_day = is_digits(year, 4..=4) && is_digits(month, 1..=2) && is_digits(day, 1..=2);
    let is_time_of_day = |rest: &str| {
        rest.starts_with(['T', 't', ' '])
            && rest.matches(':').count() >= 2
            && !rest.contains(char::is_alphabetic)
            || rest.starts_with(['T', 't']) && rest.ends_with('Z') && rest.matches(':').count() == 2
    };
    let rest = rest.strip_prefix('t').map_or(rest, |_| rest);
    is_day && (rest.is_empty() || is_time_of_day(rest))
}

/// Whether nothing in it means something to YAML outside of brackets.
fn stands_plain(text: &str) -> bool {
    let is_blank_or_end = |c: Option<char>| c.is_none_or(|c| c == ' ' || c == '\t');
    if text.starts_with("---") || text.starts_with("...") || text.starts_with(' ') || text.ends_with(' ') {
        return false;
    }
    let chars: Vec<char> = text.chars().collect();
    for (place, &c) in chars.iter().enumerate() {
        let next_is_blank = is_blank_or_end(chars.get(place + 1).copied());
        let after_blank = place > 0 && chars.get(place - 1) == Some(&' ');
        let speaks = match c {
            '#' => place == 0 || after_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                place == 0
            }
            '?' | '-' => place == 0 && next_is_blank,
            ':' => next_is_blank,
            _ => false,
        };
        if speaks {
            return false;
        }
    }
    true
}

/// What the stock client's library writes as it is: all of the first plane but controls and the byte order mark.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

fn is_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn in_double_quotes(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let escape = match c {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ if is_printable(c) => {
                quoted.push(c);
                continue;
            }
            _ => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02X}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04X}"),
                    _ => write!(quoted, "\\U{code:08X}"),
                };
                continue;
            }
        };
        quoted.push_str(escape);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_the_stock_clients_library_quotes_them() {
        for (text, written) in [
            ("blog", "blog"),
            ("", "\"\""),
            ("123", "\"123\""),
            ("0x1F", "\"0x1F\""),
            ("1.5e3", "\"1.5e3\""),
            ("2026.8.2", "2026.8.2"),
            ("10.1.0.137", "10.1.0.137"),
            ("1:20", "\"1:20\""),
            ("2025-02-18", "\"2025-02-18\""),
            ("2025-02-18T22:41:43Z", "\"2025-02-18T22:41:43Z\""),
            ("true", "\"true\""),
            ("Yes", "\"Yes\""),
            ("yEs", "yEs"),
            ("null", "\"null\""),
            ("y'es", "y'es"),
            ("- x", "'- x'"),
            ("-x", "-x"),
            (" lead", "' lead'"),
            ("a # c", "'a # c'"),
            ("a#c", "a#c"),
            ("the: net", "'the: net'"),
            ("2001:db8::", "'2001:db8::'"),
            ("2001:db8::1", "2001:db8::1"),
            ("it's: so", "'it''s: so'"),
            ("*.example.com", "'*.example.com'"),
            ("a\tb", "\"a\\tb\""),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("ümläut: x 日本", "'ümläut: x 日本'"),
        ] {
            assert_eq!(scalar(text), written, "{text:?}");
        }
    }
}
