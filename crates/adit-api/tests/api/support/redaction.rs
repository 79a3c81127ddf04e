//! Ids and times that differ from run to run, replaced by what stays: which of them are equal.

use std::{borrow::Cow, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use regex::{Captures, Regex};
use serde_json::Value;

use super::{ACCOUNT, KEY, NOBODY, OTHER_ACCOUNT};

/// What tests choose themselves, and snapshots may therefore show.
const KNOWN: [&str; 4] = [ACCOUNT, OTHER_ACCOUNT, KEY, NOBODY];

static VARYING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?<uuid> \b [0-9a-f]{8} (?: - [0-9a-f]{4} ){3} - [0-9a-f]{12} \b )
        | (?<id> \b [0-9a-f]{32} \b )
        | (?<jwt> \b eyJ [\w-]+ \. [\w-]+ \. [\w-]+ )
        | (?<time> \b \d{4}-\d\d-\d\d T \d\d:\d\d:\d\d \. \d{6} Z \b )",
    )
    .unwrap()
});

/// `value` with `[uuid 1]`, `[id 1]` and `[time 1]` for the first, `[uuid 2]` … for the second of them, in order of
/// appearance. A tunnel token shows what it holds.
pub(crate) fn redacted(mut value: Value) -> Value {
    Redaction::default().walk(&mut value);
    value
}

/// The distinct values met so far, by kind.
#[derive(Default)]
struct Redaction {
    uuids: Vec<String>,
    ids: Vec<String>,
    times: Vec<String>,
}

impl Redaction {
    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.walk(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        let text = token_content(text).map_or(Cow::Borrowed(text), Cow::Owned);
        let replaced = VARYING.replace_all(&text, |found: &Captures<'_>| self.name(found));
        replaced.into_owned()
    }

    fn name(&mut self, found: &Captures<'_>) -> String {
        if KNOWN.contains(&&found[0]) {
            return found[0].to_owned();
        }
        if found.name("jwt").is_some() {
            return "[jwt]".to_owned();
        }
        let (kind, met) = if found.name("uuid").is_some() {
            ("uuid", &mut self.uuids)
        } else if found.name("id").is_some() {
            ("id", &mut self.ids)
        } else {
            ("time", &mut self.times)
        };
        let place = met.iter().position(|value| *value == found[0]);
        let place = place.unwrap_or_else(|| {
            met.push(found[0].to_owned());
            met.len() - 1
        });
        format!("[{kind} {}]", place + 1)
    }
}

/// The JSON inside a tunnel token.
fn token_content(text: &str) -> Option<String> {
    let json = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
    json.starts_with('{').then(|| format!("base64 of {json}"))
}

#[test]
fn what_is_equal_is_seen_to_be_equal() {
    let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let token = BASE64_STANDARD.encode(format!(r#"{{"t":"{one}"}}"#));
    let value = serde_json::json!([
        one,
        format!("{two}.cfargotunnel.com"),
        one,
        NOBODY,
        [ACCOUNT, "0123456789abcdef0123456789abcdef"],
        {"at": "2026-01-02T03:04:05.000006Z", "token": token},
    ]);
    let expected = serde_json::json!([
        "[uuid 1]",
        "[uuid 2].cfargotunnel.com",
        "[uuid 1]",
        NOBODY,
        [ACCOUNT, "[id 1]"],
        {"at": "[time 1]", "token": r#"base64 of {"t":"[uuid 1]"}"#},
    ]);
    assert_eq!(redacted(value), expected);
}
