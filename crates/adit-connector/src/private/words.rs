//! What went wrong, in the words that operators of stock connectors know, and search for.

use std::fmt::Write;
use std::io;
use std::time::Duration;

const KNOWN: [(io::ErrorKind, &str); 5] = [
    (io::ErrorKind::ConnectionRefused, "connection refused"),
    (io::ErrorKind::ConnectionReset, "connection reset by peer"),
    (io::ErrorKind::NetworkUnreachable, "network is unreachable"),
    (io::ErrorKind::HostUnreachable, "no route to host"),
    (io::ErrorKind::TimedOut, "i/o timeout"),
];

/// Why the system refused something.
pub(super) fn of_io(error: &io::Error) -> String {
    let known = KNOWN.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
}

/// A time such as `3m30s`, `2s` or `1.5s`.
pub(super) fn of_time(time: Duration) -> String {
    let mut text = String::new();
    let (hours, minutes) = (time.as_secs() / 3600, time.as_secs() / 60 % 60);
    // Writing to a text cannot fail.
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let seconds = Duration::new(time.as_secs() % 60, time.subsec_nanos());
    let _ = write!(text, "{}s", seconds.as_secs_f64());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_by_stock_connectors() {
        for (millis, text) in [
            (2000, "2s"),
            (1500, "1.5s"),
            (210_000, "3m30s"),
            (3_600_000, "1h0m0s"),
            (0, "0s"),
        ] {
            assert_eq!(of_time(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_refusal_is_told_without_a_number() {
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(of_io(&refused), "connection refused");
        assert_eq!(of_io(&io::Error::other("odd")), "odd");
    }
}
