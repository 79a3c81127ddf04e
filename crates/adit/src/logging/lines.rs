//! A connector's log lines, in the two shapes that those of the stock client have, so that whoever reads its lines can read
//! these: `2026-08-14T09:00:00Z INF message key=value`, and one JSON object a line.

use std::{
    error::Error,
    fmt::{self, Write as _},
    time::SystemTime,
};

use adit_model::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// For people; with colours on a terminal.
    Text {
        /// Whether a terminal reads it.
        colours: bool,
    },
    /// For programs.
    Json,
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.put(name, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field.name(), text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl Said {
    fn put(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let time = second(SystemTime::now());
        let level = *event.metadata().level();
        match self {
            Self::Text { colours } => text(&mut writer, &time, level, &said, *colours),
            Self::Json => json(&mut writer, time, level, said),
        }
    }
}

/// A time to the second.
fn second(time: SystemTime) -> String {
    let text = Timestamp::from(time).to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

fn text(writer: &mut impl fmt::Write, time: &str, level: Level, said: &Said, colours: bool) -> fmt::Result {
    let (word, colour) = match level {
        Level::ERROR => ("ERR", "1;31"),
        Level::WARN => ("WRN", "33"),
        Level::INFO => ("INF", "32"),
        Level::DEBUG => ("DBG", "33"),
        Level::TRACE => ("TRC", "35"),
    };
    if colours {
        write!(writer, "\x1b[90m{time}\x1b[0m \x1b[{colour}m{word}\x1b[0m")?;
    } else {
        write!(writer, "{time} {word}")?;
    }
    if !said.message.is_empty() {
        write!(writer, " {}", on_one_line(&said.message))?;
    }
    // The error first, then by name.
    let mut fields: Vec<_> = said.fields.iter().collect();
    fields.sort_by_key(|(name, _)| (*name != "error", name.as_str()));
    for (name, value) in fields {
        if colours {
            write!(writer, " \x1b[36m{name}=\x1b[0m")?;
        } else {
            write!(writer, " {name}=")?;
        }
        match value {
            Value::String(text) if needs_quotes(text) => write!(writer, "{text:?}")?,
            Value::String(text) => writer.write_str(text)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                write!(writer, "{value}")?;
            }
        }
    }
    writer.write_char('\n')
}

/// A message may quote others, who must not be able to begin a line.
fn on_one_line(message: &str) -> String {
    message.replace('\n', "\\n").replace('\r', "\\r")
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '='))
}

fn json(writer: &mut impl fmt::Write, time: String, level: Level, said: Said) -> fmt::Result {
    let level = level.as_str().to_ascii_lowercase();
    let mut line = Map::from_iter([("level".to_owned(), level.into())]);
    line.extend(said.fields);
    line.insert("time".to_owned(), time.into());
    line.insert("message".to_owned(), said.message.into());
    writeln!(writer, "{}", Value::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let fields = [
            ("connIndex", Value::from(0)),
            ("ip", "127.0.0.1".into()),
            ("error", "it is gone".into()),
        ];
        Said {
            message: "Lost connection\nwith the edge".to_owned(),
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    #[test]
    fn a_line_for_people_has_time_level_message_and_pairs() {
        let mut line = String::new();
        text(&mut line, "2026-08-14T09:00:00Z", Level::WARN, &said(), false).unwrap();
        assert_eq!(
            line,
            "2026-08-14T09:00:00Z WRN Lost connection\\nwith the edge error=\"it is gone\" connIndex=0 ip=127.0.0.1\n"
        );
    }

    #[test]
    fn a_line_for_programs_is_one_object() {
        let mut line = String::new();
        json(&mut line, "2026-08-14T09:00:00Z".to_owned(), Level::INFO, said()).unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["level"], "info");
        assert_eq!(read["connIndex"], 0);
        assert_eq!(read["time"], "2026-08-14T09:00:00Z");
        assert_eq!(read["message"], "Lost connection\nwith the edge");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn a_time_has_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(1_500_000);
        assert_eq!(second(time), "1970-01-01T00:00:01Z");
    }
}
