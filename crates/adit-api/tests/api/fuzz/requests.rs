//! Requests made from the document.

mod values;

use std::{collections::BTreeMap, fmt};

use axum::body::Body;
use http::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Choices;
use crate::support::{ACCOUNT, Api, Contract, EMAIL, KEY, NOBODY, OTHER_ACCOUNT, OTHER_TOKEN, TOKEN};

/// Ids that are kept to ask about; older ones give way.
const MOST: usize = 48;

/// What earlier answers told.
pub(super) struct Known {
    uuids: Vec<String>,
    tags: Vec<String>,
    /// Ids of what was there once, by what a path calls them.
    real: BTreeMap<String, Vec<String>>,
}

/// What bodies, queries and answers call an id, and what paths do.
const ALIASES: [(&str, &str); 2] = [("uuid", "tunnel_id"), ("client_id", "connector_id")];

impl Known {
    pub(super) fn of(api: &Api) -> Self {
        Self {
            uuids: vec![NOBODY.to_owned()],
            tags: vec![
                api.zone_id.to_string(),
                api.zone_id.to_string(),
                OTHER_ACCOUNT.to_owned(),
            ],
            real: BTreeMap::from([("zone_id".to_owned(), vec![api.zone_id.to_string()])]),
        }
    }

    /// Keeps the id of an object that was made by a call on this path, and every id in it.
    pub(super) fn learn_of(&mut self, contract: &Contract, path: &str, result: &Value) {
        let items = contract
            .calls()
            .filter_map(|(_, item, _)| item.strip_prefix(path)?.strip_prefix("/{")?.strip_suffix('}'));
        if let (Some(name), Some(id)) = (items.last(), result["id"].as_str()) {
            self.keep_real(name, id);
        }
        self.learn(result);
    }

    fn keep_real(&mut self, name: &str, id: &str) {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map_or(name, |found| found.1);
        let ids = self.real.entry(name.to_owned()).or_default();
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
            if ids.len() > MOST {
                ids.remove(0);
            }
        }
    }

    /// The id of something that was there once, where something of this name is wanted; mostly a late one.
    fn real(&self, name: &str, choices: &mut Choices<'_>) -> Option<String> {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map_or(name, |found| found.1);
        let ids = self.real.get(name).filter(|_| choices.chance(70))?;
        let back = choices.below(ids.len().min(4));
        ids.iter().rev().nth(back).cloned()
    }

    /// Keeps every id in a result.
    pub(super) fn learn(&mut self, result: &Value) {
        match result {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(id) if name.ends_with("_id") => {
                            self.keep_real(name, id);
                            self.keep(id);
                        }
                        Some(id) if name == "id" => self.keep(id),
                        _ => self.learn(value),
                    }
                }
            }
            Value::Array(items) => items.iter().take(3).for_each(|item| self.learn(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn keep(&mut self, id: &str) {
        let ids = match id.len() {
            36 => &mut self.uuids,
            32 => &mut self.tags,
            _ => return,
        };
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
            if ids.len() > MOST {
                ids.remove(3);
            }
        }
    }
}

/// A request before it is sent.
pub(super) struct Asked {
    method: Method,
    /// As it is in the document.
    pub(super) path: String,
    uri: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Asked {
    pub(super) fn into_http(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.uri);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request
            .body(self.body.map_or_else(Body::empty, Body::from))
            .unwrap()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            path: _,
            uri,
            headers,
            body,
        } = self;
        write!(f, "{method} {uri} {headers:?} {body:?}")
    }
}

/// Any request of a documented call.
pub(super) fn any(contract: &Contract, known: &mut Known, mut choices: Choices<'_>) -> Asked {
    let calls: Vec<_> = contract.calls().collect();
    let (method, path, operation) = choices.one(&calls);
    let mut uri = format!("/client/v4{path}");
    for parameter in contract.path_parameters(path) {
        let name = parameter["name"].as_str().unwrap();
        let value = if name == "account_id" && !choices.chance(10) {
            ACCOUNT.to_owned()
        } else if let Some(id) = known.real(name, &mut choices) {
            id
        } else {
            values::text(contract, &parameter["schema"], known, &mut choices)
        };
        uri = uri.replace(&format!("{{{name}}}"), &encoded(&value, &mut choices));
    }
    let mut separator = '?';
    for parameter in operation["parameters"].as_array().unwrap() {
        let times = match choices.below(40) {
            0..=29 => 0,
            30..=36 => 1,
            37 | 38 => 2,
            _ => 24,
        };
        let name = parameter["name"].as_str().unwrap();
        for _ in 0..times {
            let real = known.real(name, &mut choices);
            let value =
                real.unwrap_or_else(|| values::text(contract, &parameter["schema"], known, &mut choices));
            let room = 12_000_usize.saturating_sub(uri.len());
            let value: String = value.chars().take(room / 9).collect();
            uri.push_str(&format!("{separator}{name}={}", encoded(&value, &mut choices)));
            separator = '&';
        }
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = (!schema.is_null() && !choices.chance(3)).then(|| {
        let mut text = values::any(contract, schema, known, &mut choices).to_string();
        if choices.chance(3) {
            text = text.chars().take(text.len() / 2).collect();
        }
        text
    });
    Asked {
        method: method.clone(),
        path: (*path).to_owned(),
        uri,
        headers: credential(&mut choices),
        body,
    }
}

/// Encoded once, and now and then twice, as some clients do.
fn encoded(value: &str, choices: &mut Choices<'_>) -> String {
    let once = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    if choices.chance(10) {
        utf8_percent_encode(&once, NON_ALPHANUMERIC).to_string()
    } else {
        once
    }
}

fn credential(choices: &mut Choices<'_>) -> Vec<(&'static str, String)> {
    let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    match choices.below(40) {
        36 => bearer(OTHER_TOKEN),
        37 => bearer("unknown-token-0123456789-0123456789-012345"),
        38 => Vec::new(),
        39 => vec![("authorization", "Basic x".to_owned())],
        30..=35 => vec![("x-auth-email", EMAIL.to_owned()), ("x-auth-key", KEY.to_owned())],
        _ => bearer(TOKEN),
    }
}
