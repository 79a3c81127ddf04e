//! Tables, times and counts as the stock client prints them.

use std::collections::BTreeMap;

use adit_model::Timestamp;
use serde::{Serialize, Serializer};

use super::objects::Connection;
use crate::{failure::Failure, output};

/// Columns that are as wide as their widest cell. Every cell, the last one too, is followed by one blank.
/// Control characters are replaced: a name with line ends would forge rows.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain(cell)))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("{cell:width$} "));
        }
        text.push('\n');
    }
    text
}

/// How many connections each location has: `2xams, 1xdfw`.
pub(super) fn per_location(connections: &[Connection], with_pending: bool) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for connection in connections
        .iter()
        .filter(|connection| with_pending || !connection.is_pending_reconnect)
    {
        *counts.entry(&connection.colo_name).or_default() += 1;
    }
    let texts: Vec<_> = counts
        .iter()
        .map(|(location, count)| format!("{count}x{location}"))
        .collect();
    texts.join(", ")
}

/// A time as tables show it, to the second.
pub(crate) fn to_the_second(time: &str) -> String {
    match Timestamp::parse(time).map(|time| time.to_string()) {
        Some(text) => match text.split_once('.') {
            Some((seconds, _)) => format!("{seconds}Z"),
            None => text,
        },
        None => time.to_owned(),
    }
}

/// A time as `info` shows it: `2025-02-18 22:41:43.5 +0000 UTC`.
pub(super) fn in_words(time: &str) -> String {
    let Some(text) = Timestamp::parse(time).map(|time| time.to_string()) else {
        return time.to_owned();
    };
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    let clock = clock
        .trim_end_matches('Z')
        .trim_end_matches('0')
        .trim_end_matches('.');
    // A whole minute would lose its zeros, too.
    let clock = if clock.len() < 8 {
        text.get(11..19).unwrap_or(clock)
    } else {
        clock
    };
    format!("{date} {clock} +0000 UTC")
}

/// A time in a printed object, as the stock client writes it: without zeros at the end of the second's fraction.
pub(super) fn time<S: Serializer>(time: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_zeros(time))
}

/// A time as the stock client writes it.
pub(super) fn without_zeros(time: &str) -> String {
    match time.strip_suffix('Z').and_then(|time| time.split_once('.')) {
        Some((seconds, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{seconds}{point}{fraction}Z")
        }
        None => time.to_owned(),
    }
}

/// Prints a result as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    output::result(&in_json(value)?)
}

/// A result as JSON, in lines.
///
/// # Errors
/// If it cannot be written so.
pub(super) fn in_json(value: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    Ok(format!("{}\n", escaped(&text)))
}

/// JSON as Go writes it, where HTML could read something into it, and as a terminal may be shown it: such characters
/// only occur within strings.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}'..='\u{9f}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => text.push(c),
        }
    }
    text
}

/// Text for a terminal: words of others must not move its cursor, change its title or begin a line.
pub(crate) fn plain(text: &str) -> String {
    let replaced = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(replaced).collect()
}

/// A log line on stderr, in the stock client's form.
pub(crate) fn log_line(message: &str, tunnel: Option<&str>) {
    let tunnel = tunnel.map_or(String::new(), |id| format!(" tunnelID={id}"));
    line_of_level("INF", &format!("{message}{tunnel}"));
}

/// As [`log_line`], of something that failed without ending the command.
pub(crate) fn error_line(message: &str) {
    line_of_level("ERR", message);
}

fn line_of_level(level: &str, message: &str) {
    let now = to_the_second(&Timestamp::from(std::time::SystemTime::now()).to_string());
    output::note(&format!("{now} {level} {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(table(&[row("ID", "NAME"), row("1", "ä")]), "ID NAME \n1  ä    \n");
    }

    #[test]
    fn times_are_shown_as_the_stock_client_shows_them() {
        let time = "2025-02-18T22:41:43.534395Z";
        assert_eq!(to_the_second(time), "2025-02-18T22:41:43Z");
        assert_eq!(in_words(time), "2025-02-18 22:41:43.534395 +0000 UTC");
        assert_eq!(
            in_words("2025-02-18T22:41:43.500000Z"),
            "2025-02-18 22:41:43.5 +0000 UTC"
        );
        assert_eq!(in_words("2025-02-18T22:40:00Z"), "2025-02-18 22:40:00 +0000 UTC");
        assert_eq!(in_words("never"), "never");
        assert_eq!(without_zeros(time), time);
        assert_eq!(
            without_zeros("2025-02-18T22:41:43.534390Z"),
            "2025-02-18T22:41:43.53439Z"
        );
        assert_eq!(
            without_zeros("2025-02-18T22:41:40.000000Z"),
            "2025-02-18T22:41:40Z"
        );
        assert_eq!(without_zeros("2025-02-18T22:41:40Z"), "2025-02-18T22:41:40Z");
    }

    #[test]
    fn connections_are_counted_per_location() {
        let connection = |location: &str, is_pending_reconnect| Connection {
            colo_name: location.to_owned(),
            id: String::new(),
            is_pending_reconnect,
            origin_ip: String::new(),
            opened_at: String::new(),
        };
        let connections = [
            connection("dfw", false),
            connection("ams", false),
            connection("ams", true),
        ];
        assert_eq!(per_location(&connections, false), "1xams, 1xdfw");
        assert_eq!(per_location(&connections, true), "2xams, 1xdfw");
    }
}
