//! The configuration file of a connector, as far as its rules go: YAML, brought into the JSON that the API has for them.
//! Source: cloudflare/cloudflared: config/configuration.go.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::super::{
    access::directories,
    options::{TunnelOptions, set},
};
use crate::{config::GoDuration, failure::Failure};

const NAMES: [&str; 2] = ["config.yml", "config.yaml"];
/// Far above any list of rules.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

const RULE_KEYS: [&str; 4] = ["hostname", "path", "service", "originRequest"];
/// Times: words such as `30s` in YAML, whole seconds in JSON.
const TIMES: [&str; 4] = ["connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"];
const ORIGIN_KEYS: [&str; 15] = [
    "noHappyEyeballs",
    "keepAliveConnections",
    "httpHostHeader",
    "originServerName",
    "matchSNItoHost",
    "caPool",
    "noTLSVerify",
    "disableChunkedEncoding",
    "bastionMode",
    "proxyAddress",
    "proxyPort",
    "proxyType",
    "ipRules",
    "http2Origin",
    "access",
];

/// The rules of a configuration file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    /// `ingress` and `originRequest`, as the API has them.
    pub(super) json: Vec<u8>,
    /// Keys within those that mean nothing. What else the file has may be flags.
    pub(super) unused: Vec<String>,
}

impl ConfigFile {
    /// Reads the file that `--config` names, else the first one in the usual places.
    ///
    /// # Errors
    /// If there is none, or it is no YAML.
    pub(super) fn read(options: &TunnelOptions) -> Result<Self, Failure> {
        let named = set(options.config.as_ref()).cloned();
        let path = named.or_else(usual).ok_or_else(|| {
            Failure::because("there is no configuration file in the usual places")
                .hint("name one with --config, before or after `ingress`")
        })?;
        let unreadable = |error: io::Error| {
            Failure::failed(anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
        };
        let length = fs::metadata(&path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(unreadable(io::Error::other("it is too large")));
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let (json, unused) = rules(&text).map_err(|problem| {
            Failure::because(format!("cannot understand {}: {problem}", path.display()))
        })?;
        Ok(Self { path, json, unused })
    }
}

fn usual() -> Option<PathBuf> {
    directories()
        .into_iter()
        .flat_map(|dir| NAMES.map(|name| dir.join(name)))
        .find(|path| Path::exists(path))
}

/// The rules in a text, and the keys in them that mean nothing.
fn rules(text: &str) -> Result<(Vec<u8>, Vec<String>), String> {
    let whole: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut whole = match whole {
        Value::Null => Map::new(),
        Value::Object(whole) => whole,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("it is no list of keys and values".to_owned());
        }
    };
    let mut unused = Vec::new();
    let mut config = Map::new();
    if let Some(mut origin) = whole.remove("originRequest") {
        read_origin_request(&mut origin, "originRequest", &mut unused)?;
        config.insert("originRequest".to_owned(), origin);
    }
    if let Some(mut ingress) = whole.remove("ingress") {
        let rules = ingress.as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
        for (at, rule) in rules.iter_mut().enumerate() {
            let place = format!("ingress[{at}]");
            let Some(rule) = rule.as_object_mut() else {
                continue;
            };
            note_unused(rule, &[&RULE_KEYS], &place, &mut unused);
            if let Some(origin) = rule.get_mut("originRequest") {
                read_origin_request(origin, &format!("{place}.originRequest"), &mut unused)?;
            }
        }
        config.insert("ingress".to_owned(), ingress);
    }
    let json = serde_json::to_vec(&Value::Object(config)).map_err(|error| error.to_string())?;
    Ok((json, unused))
}

fn note_unused(object: &Map<String, Value>, known: &[&[&str]], place: &str, unused: &mut Vec<String>) {
    let is_known = |key: &str| known.iter().any(|keys| keys.contains(&key));
    let unknown = object.keys().filter(|key| !is_known(key));
    unused.extend(unknown.map(|key| format!("{place}.{key}")));
}

fn read_origin_request(origin: &mut Value, place: &str, unused: &mut Vec<String>) -> Result<(), String> {
    let Some(origin) = origin.as_object_mut() else {
        return Ok(());
    };
    note_unused(origin, &[&TIMES, &ORIGIN_KEYS], place, unused);
    for key in TIMES {
        if let Some(time) = origin.get_mut(key) {
            *time = seconds(time).ok_or_else(|| format!("{place}.{key} is not a time such as 30s"))?;
        }
    }
    Ok(())
}

/// A time in whole seconds, rounded up; a number counts nanoseconds.
fn seconds(time: &Value) -> Option<Value> {
    let seconds = match time {
        Value::Null => return Some(Value::Null),
        Value::String(text) => {
            let GoDuration(time) = text.parse().ok()?;
            time.as_secs() + u64::from(time.subsec_nanos() > 0)
        }
        Value::Number(nanoseconds) => nanoseconds.as_u64()?.div_ceil(1_000_000_000),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Value::from(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_become_what_the_api_has() {
        let text = "tunnel: shop\nlogfile: /x\ningress:\n  - hostname: \"*.example.com\"\n    path: /a.*\n    \
                    service: http://localhost:1\n    originRequest: {connectTimeout: 1m30s, noTLSVerify: true, odd: 1}\n  \
                    - service: http_status:404\n    more: 2\noriginRequest:\n  keepAliveTimeout: 1500000000\n";
        let (json, unused) = rules(text).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"originRequest":{"keepAliveTimeout":2},"ingress":[{"hostname":"*.example.com","path":"/a.*","service":"http://localhost:1","originRequest":{"connectTimeout":90,"noTLSVerify":true,"odd":1}},{"service":"http_status:404","more":2}]}"#
        );
        assert_eq!(unused, ["ingress[0].originRequest.odd", "ingress[1].more"]);
    }

    #[test]
    fn a_file_without_rules_has_none_and_nonsense_is_told() {
        assert_eq!(rules("").unwrap().0, b"{}");
        assert_eq!(rules("tunnel: x").unwrap().0, b"{}");
        for bad in [
            "- a",
            "ingress: [",
            "a: b: c",
            "originRequest: {connectTimeout: soon}",
        ] {
            assert!(rules(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, key in "[a-z]{0,9}", value in "[ -~\n]{0,60}") {
            let _ = rules(&text);
            let _ = rules(&format!("ingress:\n  - {key}: {value}\noriginRequest: {value}"));
        }
    }
}
