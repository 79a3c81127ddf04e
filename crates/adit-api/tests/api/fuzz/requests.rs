//! Requests made from the document.

mod values;

use std::fmt;

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
}

impl Known {
    pub(super) fn of(api: &Api) -> Self {
        Self {
            uuids: vec![NOBODY.to_owned()],
            tags: vec![
                api.zone_id.to_string(),
                api.zone_id.to_string(),
                OTHER_ACCOUNT.to_owned(),
            ],
        }
    }

    /// Keeps every id in a result.
    pub(super) fn learn(&mut self, result: &Value) {
        match result {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(id) if name == "id" || name.ends_with("_id") => self.keep(id),
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
        } else {
            values::text(contract, &parameter["schema"], known, &mut choices)
        };
        uri = uri.replace(&format!("{{{name}}}"), &encoded(&value, &mut choices));
    }
    let mut separator = '?';
    for parameter in operation["parameters"].as_array().unwrap() {
        if choices.chance(25) {
            let value = values::text(contract, &parameter["schema"], known, &mut choices);
            let name = parameter["name"].as_str().unwrap();
            uri.push_str(&format!("{separator}{name}={}", encoded(&value, &mut choices)));
            separator = '&';
        }
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = (!schema.is_null() && !choices.chance(3)).then(|| {
        let mut text = values::any(contract, schema, known, &mut choices).to_string();
        if choices.chance(3) {
            text.truncate(text.len() / 2);
        }
        text
    });
    Asked {
        method: method.clone(),
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
