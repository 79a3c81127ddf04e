//! Spans of time.

use std::{str::FromStr, time::Duration};

/// A span of time as the stock client writes it: `30s`, `1m30s`, `500ms`; `d` for days as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GoDuration(pub(crate) Duration);

/// A text that is no span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a span of time such as 30s or 1m30s")]
pub(crate) struct BadDuration;

impl FromStr for GoDuration {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, BadDuration> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() || text.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or(BadDuration)?;
            let (number, tail) = rest.split_at_checked(digits).ok_or(BadDuration)?;
            let letters = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at_checked(letters).ok_or(BadDuration)?;
            let unit = match unit {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return Err(BadDuration),
            };
            let seconds = number.parse::<f64>().map_err(|_| BadDuration)? * unit;
            let part = Duration::try_from_secs_f64(seconds).map_err(|_| BadDuration)?;
            total = total.checked_add(part).ok_or(BadDuration)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Duration, BadDuration> {
        text.parse().map(|GoDuration(time)| time)
    }

    #[test]
    fn a_duration_is_read_as_the_stock_client_writes_it() {
        for (text, millis) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("0s", 0),
            ("2d", 172_800_000),
        ] {
            assert_eq!(read(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "30", "s", "-1s", "1x", "1s2", ".s", "99999999999999999999h"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn whole_seconds_are_read_back(seconds in 0_u32..1_000_000) {
            prop_assert_eq!(read(&format!("{seconds}s")), Ok(Duration::from_secs(seconds.into())));
        }
    }
}
