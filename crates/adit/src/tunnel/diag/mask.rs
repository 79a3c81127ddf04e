//! What nobody else may read, made unreadable before it is written.

use regex::Regex;
use serde_json::Value;

/// What stands where a secret stood.
const MASKED: &str = "[masked]";
/// Parts of names whose values are secrets.
const NAMES: [&str; 7] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "cookie",
    "credentials-contents",
];
/// Names that have such a part and no secret.
const HARMLESS: [&str; 2] = ["token-file", "use-reconnect-token"];

/// Finds secrets in texts: tokens in base64 JSON (those of tunnels and of management), users and passwords in URLs, and
/// what headers and queries carry.
pub(super) struct Mask {
    patterns: Vec<(Regex, &'static str)>,
}

impl Mask {
    /// # Errors
    /// Never, as the patterns are right.
    pub(super) fn new() -> Result<Self, regex::Error> {
        let patterns = [
            (r"eyJ[A-Za-z0-9_+/=.\-]{16,}", MASKED),
            (r"([a-zA-Z][a-zA-Z0-9+.\-]*://)[^\s/?#@\x22']+@", "${1}[masked]@"),
            (
                r"(?i)((?:access_token|api_token|token|secret|password)=)[^\s&\x22']+",
                "${1}[masked]",
            ),
            (r"(?i)((?:bearer|basic) )[A-Za-z0-9_+/=.\-]{8,}", "${1}[masked]"),
        ];
        let patterns = patterns
            .into_iter()
            .map(|(pattern, instead)| Ok((Regex::new(pattern)?, instead)));
        Ok(Self {
            patterns: patterns.collect::<Result<_, regex::Error>>()?,
        })
    }

    /// A text without secrets. Bytes that are no text are replaced.
    pub(super) fn text(&self, text: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(text).into_owned();
        for (pattern, instead) in &self.patterns {
            text = pattern.replace_all(&text, *instead).into_owned();
        }
        text
    }

    /// A JSON value without secrets.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text.as_bytes())),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| {
                    let is_told = value.as_str().is_some_and(|text| !text.is_empty());
                    let value = if is_told && is_secret(&name) {
                        Value::from(MASKED)
                    } else {
                        self.json(value)
                    };
                    (name, value)
                })
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !HARMLESS.contains(&name.as_str()) && NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let mask = Mask::new().unwrap();
        let masked = mask.json(json!({
            "token": "abc", "token-file": "/etc/t", "credentials-contents": "{}", "loglevel": "debug", "uid": "0",
            "nested": [{"TunnelSecret": "c2VjcmV0"}, "run --token eyJhIjoiNjk5ZDk4NjQyYzU2NGQyZTg1NWU5"],
            "url": "https://ada:pass@origin.example/x?access_token=aaaa&b=1",
        }));
        assert_eq!(
            masked,
            json!({
                "token": MASKED, "token-file": "/etc/t", "credentials-contents": MASKED, "loglevel": "debug", "uid": "0",
                "nested": [{"TunnelSecret": MASKED}, "run --token [masked]"],
                "url": "https://[masked]@origin.example/x?access_token=[masked]&b=1",
            })
        );
        assert_eq!(
            mask.text(b"Authorization: Bearer abcdefghijkl\xff"),
            "Authorization: Bearer [masked]\u{fffd}"
        );
    }

    proptest! {
        #[test]
        fn no_token_survives(before in "[ -~]{0,20}", token in "eyJ[A-Za-z0-9]{40,80}", after in "[ ,\n\"]{1,5}") {
            let text = Mask::new().unwrap().text(format!("{before}{token}{after}").as_bytes());
            prop_assert!(!text.contains(&token), "{}", text);
        }
    }
}
