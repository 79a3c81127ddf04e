//! Log lines of a connector, and how they are printed: byte for byte as the stock client does.
//!
//! A connector leaves out what is its kind's first value: without a level a line is of level debug, without an event
//! it is the connector's own.
//! Source: cloudflare/cloudflared: management/events.go, cmd/cloudflared/tail/cmd.go.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{failure::Failure, tunnel::render};

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Time, level, event, message, and further fields as JSON.
    Words,
    /// As the connector said it.
    Json,
}

impl FromStr for Format {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "default" | "" => Ok(Self::Words),
            "json" => Ok(Self::Json),
            _ => Err(Failure::usage(format!(
                "--output {text:?} is none of default, json"
            ))),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    logs: Vec<Line>,
}

/// One line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Map<String, Value>>,
}

/// What of a connector's message is printed: nothing, if it is of another kind. `None` if it is none at all.
pub(super) fn printed(message: &str, format: Format) -> Option<String> {
    let message: Message = serde_json::from_str(message).ok()?;
    if message.kind != "logs" {
        return Some(String::new());
    }
    Some(message.logs.into_iter().map(|line| line.print(format)).collect())
}

impl Line {
    fn print(mut self, format: Format) -> String {
        self.fields = self.fields.map(sorted);
        match format {
            Format::Json => {
                let known = |value: &mut Option<String>, first: &str| {
                    value.take_if(|value| value == first || value.is_empty());
                };
                known(&mut self.level, "debug");
                known(&mut self.event, "cloudflared");
                self.fields.take_if(|fields| fields.is_empty());
                format!("{}\n", escaped(&self))
            }
            Format::Words => format!(
                "{} {} {} {} {}\n",
                plain(&self.time),
                plain(self.level.as_deref().unwrap_or("debug")),
                plain(self.event.as_deref().unwrap_or("cloudflared")),
                plain(&self.message),
                escaped(&self.fields),
            ),
        }
    }
}

/// Text for a terminal: a connector's words must not move its cursor or change its title. Tabs stay.
fn plain(text: &str) -> String {
    let is_harmless = |c: char| c == '\t' || !c.is_control();
    let replaced = |c: char| if is_harmless(c) { c } else { '\u{fffd}' };
    text.chars().map(replaced).collect()
}

/// Names in their order, at every depth.
fn sorted(fields: Map<String, Value>) -> Map<String, Value> {
    let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
        .into_iter()
        .map(|(name, value)| (name, sorted_value(value)))
        .collect()
}

fn sorted_value(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(sorted(fields)),
        Value::Array(items) => Value::Array(items.into_iter().map(sorted_value).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// JSON on one line.
fn escaped(value: &impl Serialize) -> String {
    render::escaped(&serde_json::to_string(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = r#"{"type":"logs","logs":[{"time":"2026-11-22T14:09:59Z","level":"info","message":"GET /","event":"http","fields":{"b":{"z":1,"a":"<x>"},"a":[{"d":1,"c":2}]}}]}"#;
    const BARE: &str = r#"{"type":"logs","logs":[{"time":"2026-11-22T14:09:59Z","message":"started"}]}"#;

    #[test]
    fn lines_are_printed_as_the_stock_client_prints_them() {
        assert_eq!(
            printed(WHOLE, Format::Words).unwrap(),
            "2026-11-22T14:09:59Z info http GET / {\"a\":[{\"c\":2,\"d\":1}],\"b\":{\"a\":\"\\u003cx\\u003e\",\"z\":1}}\n"
        );
        assert_eq!(
            printed(WHOLE, Format::Json).unwrap(),
            "{\"time\":\"2026-11-22T14:09:59Z\",\"level\":\"info\",\"message\":\"GET /\",\"event\":\"http\",\
             \"fields\":{\"a\":[{\"c\":2,\"d\":1}],\"b\":{\"a\":\"\\u003cx\\u003e\",\"z\":1}}}\n"
        );
    }

    #[test]
    fn a_line_without_level_and_event_is_a_debug_line_of_the_connector_itself() {
        assert_eq!(
            printed(BARE, Format::Words).unwrap(),
            "2026-11-22T14:09:59Z debug cloudflared started null\n"
        );
        assert_eq!(
            printed(BARE, Format::Json).unwrap(),
            "{\"time\":\"2026-11-22T14:09:59Z\",\"message\":\"started\"}\n"
        );
    }

    #[test]
    fn other_messages_print_nothing_and_garbage_is_told_apart() {
        assert_eq!(printed(r#"{"type":"later"}"#, Format::Words).as_deref(), Some(""));
        assert_eq!(printed("garbage", Format::Words), None);
    }

    #[test]
    fn a_message_cannot_speak_to_the_terminal() {
        let message = r#"{"type":"logs","logs":[{"time":"t","message":"a\u001b]0;x\u0007\nb\u009bc"}]}"#;
        assert_eq!(
            printed(message, Format::Words).unwrap(),
            "t debug cloudflared a\u{fffd}]0;x\u{fffd}\u{fffd}b\u{fffd}c null\n"
        );
    }

    proptest! {
        #[test]
        fn no_message_panics(message: String, text: String) {
            let _ = printed(&message, Format::Words);
            let logs = serde_json::json!({"type": "logs", "logs": [{"message": text, "fields": {text.clone(): text}}]});
            for format in [Format::Words, Format::Json] {
                prop_assert_eq!(printed(&logs.to_string(), format).unwrap().lines().count(), 1);
            }
        }
    }
}
