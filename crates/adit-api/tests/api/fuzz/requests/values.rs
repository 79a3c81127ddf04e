//! Values of a schema, and values that are not.

use serde_json::{Map, Value, json};

use super::Known;
use crate::{fuzz::choices::Choices, support::Contract};

/// Texts that mean something somewhere.
const WORDS: [&str; 36] = [
    "blog",
    "blog-2",
    "www.example.com",
    "*.example.com",
    "example.com",
    "api.example.com",
    "example.org",
    "CNAME",
    "A",
    "AAAA",
    "TXT",
    "192.0.2.1",
    "2001:db8::1",
    "10.0.0.0/16",
    "10.1.0.0/16",
    "fd00::/64",
    "10.0.0.1/0",
    "0.0.0.0/0",
    "local",
    "cloudflare",
    "cfd_tunnel",
    "warp_connector",
    "http://localhost:8080",
    "http_status:404",
    "http_status:99",
    "cname",
    "lb",
    "active",
    "logs",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "AAAA",
    "2026-01-02T03:04:05Z",
    "true",
    "1",
    "name",
    "desc",
];

/// Texts that mean trouble somewhere.
const HOSTILE: [&str; 20] = [
    "",
    " ",
    "\u{0}",
    "a\u{0}b",
    "\u{feff}",
    "\u{10ffff}",
    "ä̈ö\u{202e}x",
    "'; DROP TABLE tunnels; --",
    "%",
    "%00",
    "%zz",
    "../../etc/passwd",
    "$1",
    "{\"a\":1}",
    "-1",
    "99999999999999999999999999",
    "1e400",
    "9999-12-31T23:59:60Z",
    "0000-00-00T00:00:00Z",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

const NUMBERS: [i64; 10] = [0, 1, 2, -1, 60, 255, 256, 86_400, i64::MAX, i64::MIN];

/// A value that mostly fits the schema.
pub(super) fn any(contract: &Contract, schema: &Value, known: &Known, choices: &mut Choices<'_>) -> Value {
    if choices.chance(4) {
        return hostile(choices);
    }
    let schema = contract.resolve(schema);
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(values) = schema["enum"].as_array() {
        return choices.one(values).clone();
    }
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema[alternatives].as_array() {
            let schema = choices.one(schemas).clone();
            return any(contract, &schema, known, choices);
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    if types.is_empty() {
        return hostile(choices);
    }
    match *choices.one(&types) {
        "string" => string(schema, known, choices).into(),
        "integer" | "number" => number(schema, choices),
        "boolean" => choices.chance(50).into(),
        "array" => (0..choices.below(4))
            .map(|_| any(contract, &schema["items"], known, choices))
            .collect(),
        "object" => object(contract, schema, known, choices),
        _ => Value::Null,
    }
}

/// The same as it is written in a path or a query.
pub(super) fn text(contract: &Contract, schema: &Value, known: &Known, choices: &mut Choices<'_>) -> String {
    let value = any(contract, schema, known, choices);
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string().chars().take(3000).collect())
}

fn object(contract: &Contract, schema: &Value, known: &Known, choices: &mut Choices<'_>) -> Value {
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let mut members = Map::new();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let wanted = if required(name) {
            !choices.chance(4)
        } else {
            choices.chance(60)
        };
        if wanted {
            let real = known.real(name, choices).map(Value::from);
            let value = real.unwrap_or_else(|| any(contract, schema, known, choices));
            members.insert(name.clone(), value);
        }
    }
    if choices.chance(5) {
        members.insert("unknown".to_owned(), hostile(choices));
    }
    members.into()
}

fn string(schema: &Value, known: &Known, choices: &mut Choices<'_>) -> String {
    let plain = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("uuid"), _) => choices.one(&known.uuids).clone(),
        (Some("date-time"), _) => "2026-01-02T03:04:05.000006Z".to_owned(),
        (_, Some(_)) => choices.one(&known.tags).clone(),
        _ if choices.chance(20) => format!("{}.cfargotunnel.com", choices.one(&known.uuids)),
        _ if choices.chance(10) => choices.one(&known.uuids).clone(),
        _ if choices.chance(40) => format!("{}-{}", choices.one(&WORDS), choices.below(1000)),
        _ => (*choices.one(&WORDS)).to_owned(),
    };
    if choices.chance(6) {
        (*choices.one(&HOSTILE)).to_owned()
    } else {
        plain
    }
}

fn number(schema: &Value, choices: &mut Choices<'_>) -> Value {
    match (
        schema["minimum"].as_i64(),
        schema["maximum"].as_i64(),
        choices.below(3),
    ) {
        (Some(least), _, 0) => least.into(),
        (_, Some(most), 1) => most.into(),
        _ => (*choices.one(&NUMBERS)).into(),
    }
}

fn hostile(choices: &mut Choices<'_>) -> Value {
    match choices.below(9) {
        0 => Value::Null,
        1 => choices.chance(50).into(),
        2 => (*choices.one(&NUMBERS)).into(),
        3 => json!(1.5e300),
        4 => json!([]),
        5 => json!({}),
        6 => json!([[[{"a": [null]}]]]),
        7 => "x".repeat(300 + choices.below(4000)).into(),
        _ => (*choices.one(&HOSTILE)).into(),
    }
}
