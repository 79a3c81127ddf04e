//! The configuration file of a connector, as far as its rules go: YAML, brought into the JSON that the API has for them.
//! Source: cloudflare/cloudflared: config/configuration.go.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
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
const ORIGIN_KEYS: [&str; 16] = [
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
    "proxyProtocol",
    "ipRules",
    "http2Origin",
    "access",
];

/// `enabled` is of older files, and means nothing any more.
const PRIVATE_KEYS: [&str; 4] = ["connectTimeout", "tcpKeepAlive", "maxActiveFlows", "enabled"];

/// Top-level keys that are no flags.
const NO_FLAGS: [&str; 4] = ["tunnel", "ingress", "originRequest", "warp-routing"];

/// A configuration file.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    /// `ingress`, `originRequest` and `warp-routing`, as the API has them.
    pub(crate) json: Vec<u8>,
    /// Keys within those that mean nothing. What else the file has may be flags.
    pub(crate) unused: Vec<String>,
    /// The tunnel's name or id, if it has one.
    pub(crate) tunnel: Option<String>,
    /// What may be flags.
    pub(crate) flags: Vec<FileFlag>,
}

/// A key of a file that may be a long flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileFlag {
    pub(crate) name: String,
    /// As they would stand on the command line.
    pub(crate) values: Vec<String>,
    /// Where the key stands, from 1.
    pub(crate) line: usize,
}

impl ConfigFile {
    /// Reads the file that `--config` names, else the first one in the usual places.
    ///
    /// # Errors
    /// If there is none, or it is no YAML.
    pub(crate) fn read(options: &TunnelOptions) -> Result<Self, Failure> {
        let path = Self::path(options.config.as_ref()).ok_or_else(|| {
            Failure::because("there is no configuration file in the usual places")
                .hint("name one with --config, before or after `ingress`")
        })?;
        Self::read_at(path)
    }

    /// The file that is named, else the first one in the usual places.
    pub(crate) fn path(named: Option<&PathBuf>) -> Option<PathBuf> {
        set(named).cloned().or_else(usual)
    }

    /// Reads the file at a place.
    ///
    /// # Errors
    /// If it cannot be read, or is no YAML.
    pub(crate) fn read_at(path: PathBuf) -> Result<Self, Failure> {
        let unreadable = |error: io::Error| {
            Failure::failed(anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
        };
        let length = fs::metadata(&path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(unreadable(io::Error::other("it is too large")));
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let problem =
            |problem: String| Failure::because(format!("cannot understand {}: {problem}", path.display()));
        let mut whole = whole(&text).map_err(problem)?;
        let (tunnel, flags) = (text_of(whole.get("tunnel")), flags(&whole, &text));
        let (json, unused) = rules(&mut whole).map_err(problem)?;
        Ok(Self {
            path,
            json,
            unused,
            tunnel,
            flags,
        })
    }
}

fn usual() -> Option<PathBuf> {
    directories()
        .into_iter()
        .flat_map(|dir| NAMES.map(|name| dir.join(name)))
        .find(|path| Path::exists(path))
}

/// The keys and values of a text.
fn whole(text: &str) -> Result<Map<String, Value>, String> {
    match serde_saphyr::from_str(text).map_err(|error| in_a_line(&error))? {
        Value::Null => Ok(Map::new()),
        Value::Object(whole) => Ok(whole),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("it is no list of keys and values".to_owned())
        }
    }
}

/// Where the text goes wrong, and how; without the picture that the reader draws of it.
fn in_a_line(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// A value as it would stand on a command line.
fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What may be flags; what is none is the caller's to know.
fn flags(whole: &Map<String, Value>, text: &str) -> Vec<FileFlag> {
    let values = |value: &Value| match value {
        Value::Array(values) => values.iter().filter_map(|value| text_of(Some(value))).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            text_of(Some(other)).into_iter().collect()
        }
    };
    whole
        .iter()
        .filter(|(key, _)| !NO_FLAGS.contains(&key.as_str()))
        .map(|(key, value)| FileFlag {
            name: key.clone(),
            values: values(value),
            line: line_of(key, text),
        })
        .collect()
}

/// The line that a top-level key begins, from 1.
fn line_of(key: &str, text: &str) -> usize {
    let begins = |line: &str| {
        let bare = line.trim_start_matches(['"', '\'']);
        bare.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    text.lines().position(begins).map_or(1, |place| place + 1)
}

/// The rules among the keys of a file, and the keys in them that mean nothing.
fn rules(whole: &mut Map<String, Value>) -> Result<(Vec<u8>, Vec<String>), String> {
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
    if let Some(mut private) = whole.remove("warp-routing") {
        if let Some(private) = private.as_object_mut() {
            note_unused(private, &[&PRIVATE_KEYS], "warp-routing", &mut unused);
            read_times(private, "warp-routing")?;
        }
        config.insert("warp-routing".to_owned(), private);
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
    read_times(origin, place)
}

fn read_times(object: &mut Map<String, Value>, place: &str) -> Result<(), String> {
    for key in TIMES {
        if let Some(time) = object.get_mut(key) {
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

    fn rules(text: &str) -> Result<(Vec<u8>, Vec<String>), String> {
        super::rules(&mut whole(text)?)
    }

    #[test]
    fn other_keys_may_be_flags() {
        let text =
            "tunnel: shop\nprotocol: http2\nedge: [a:1, b:2]\nno-autoupdate: true\nretries: 3\ningress: []\n";
        let whole = whole(text).unwrap();
        let flag = |name: &str, values: &[&str], line| FileFlag {
            name: name.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            line,
        };
        let wanted = vec![
            flag("protocol", &["http2"], 2),
            flag("edge", &["a:1", "b:2"], 3),
            flag("no-autoupdate", &["true"], 4),
            flag("retries", &["3"], 5),
        ];
        assert_eq!(flags(&whole, text), wanted);
    }

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
