//! One log line, as viewers read it. What is its kind's first value is left out: level debug, kind cloudflared.
//! Source: cloudflare/cloudflared: management/events.go.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How grave a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Gravity {
    #[default]
    Debug,
    Info,
    Warn,
    Error,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    /// The connector itself.
    #[default]
    Cloudflared,
    Http,
    Tcp,
    Udp,
}

impl Subject {
    /// By the number that the field `event` of a log line has.
    pub(super) const fn of_number(number: u64) -> Self {
        match number {
            1 => Self::Http,
            2 => Self::Tcp,
            3 => Self::Udp,
            _ => Self::Cloudflared,
        }
    }
}

/// One line.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Line {
    /// RFC 3339, to the second.
    pub(super) time: String,
    #[serde(skip_serializing_if = "is_first")]
    pub(super) level: Gravity,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) message: String,
    #[serde(skip_serializing_if = "is_first")]
    pub(super) event: Subject,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) fields: Map<String, Value>,
}

fn is_first<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    logs: [&'a Line; 1],
}

impl Line {
    /// The message that brings it.
    pub(super) fn message(&self) -> String {
        let message = Message {
            r#type: "logs",
            logs: [self],
        };
        // Plain values always serialise.
        serde_json::to_string(&message).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_are_left_out() {
        let mut line = Line {
            time: "2026-11-23T00:25:11Z".to_owned(),
            message: "m".to_owned(),
            ..Line::default()
        };
        assert_eq!(
            line.message(),
            r#"{"type":"logs","logs":[{"time":"2026-11-23T00:25:11Z","message":"m"}]}"#
        );
        (line.level, line.event) = (Gravity::Warn, Subject::Http);
        line.fields.insert("connIndex".to_owned(), 2.into());
        assert_eq!(
            line.message(),
            r#"{"type":"logs","logs":[{"time":"2026-11-23T00:25:11Z","level":"warn","message":"m","event":"http","fields":{"connIndex":2}}]}"#
        );
    }
}
