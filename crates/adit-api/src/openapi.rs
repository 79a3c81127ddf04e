//! The OpenAPI 3.1 document, made from the declarations of the calls.

mod answers;
mod parameters;
mod text;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Access, Endpoint},
    envelope::JSON,
};

/// The document as it is sent; made at the first request.
static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from(document(&crate::router::endpoints()).to_string()));

const ABOUT: &str = "Cloudflare's v4 API, tunnel part, as Adit serves it.

Every answer but this document is an envelope: `success`, `errors`, `messages` and `result`. A success has the status \
200, whatever it did. Of a failure the code of the first error says what happened; statuses and codes are listed with \
each call.";

/// The OpenAPI 3.1 document of the API as JSON, made from the declarations of its calls.
#[must_use]
pub fn openapi() -> Bytes {
    DOCUMENT.clone()
}

/// `GET /client/v4/openapi.json`. Not in the envelope: it is for tools that read such documents.
pub(crate) async fn show() -> Response {
    ([(CONTENT_TYPE, JSON)], openapi()).into_response()
}

/// The call that shows the document.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get("/openapi.json", "This document", Access::Public, show).gives_bare()]
}

/// The document of these calls.
fn document(endpoints: &[Endpoint]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let operation = operation(endpoint, &mut schemas);
        let path = paths
            .entry(endpoint.path)
            .or_insert_with(|| json!({"parameters": parameters::in_path(endpoint.path)}));
        if let Value::Object(methods) = path {
            methods.insert(endpoint.method.as_str().to_lowercase(), operation);
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Adit",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "servers": [{"url": "/client/v4"}],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "email": {"type": "apiKey", "in": "header", "name": "X-Auth-Email"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Auth-Key"},
            },
        },
    });
    text::for_readers(&mut document);
    document
}

/// The schemas of bodies and of answers: a body may leave out what an answer always has, so each direction has its own.
struct Schemas {
    bodies: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings
        };
        Self {
            bodies: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }

    fn finish(mut self) -> Map<String, Value> {
        let mut schemas = self.bodies.take_definitions(true);
        schemas.extend(self.answers.take_definitions(true));
        schemas.sort_keys();
        schemas
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let query: Vec<Value> = endpoint
        .query
        .iter()
        .flat_map(|parameters| parameters.iter())
        .map(parameters::in_query)
        .collect();
    let mut operation = json!({
        "tags": [tag(endpoint.path)],
        "summary": endpoint.summary,
        "operationId": operation_id(&endpoint.method, endpoint.path),
        "parameters": query,
        "responses": answers::all(endpoint, &mut schemas.answers),
    });
    if let Some(body) = endpoint.body {
        let schema: Schema = body(&mut schemas.bodies);
        // Without a body a change changes nothing.
        let required = endpoint.method != Method::PATCH;
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": schema}}});
    }
    let credentials = json!([{"token": []}, {"email": [], "key": []}]);
    match endpoint.access {
        Access::Anyone => operation["security"] = credentials,
        Access::Groups(groups) => {
            let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
            operation["security"] = credentials;
            operation["description"] = format!(
                "An API token needs one of these permission groups: {}.",
                names.join(", ")
            )
            .into();
            operation["x-permission-groups"] = json!(names);
        }
        Access::Operator => {
            operation["security"] = credentials;
            operation["description"] =
                "Only for the operator: email address and key, or the token of the first start.".into();
            operation["x-operator-only"] = json!(true);
        }
        Access::Public => operation["security"] = json!([]),
    }
    operation
}

/// Such as `get_accounts_cfd_tunnel_connections`.
fn operation_id(method: &Method, path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let words = parts.map(|part| part.trim_matches(['{', '}']).replace(['.', '-'], "_"));
    std::iter::once(method.as_str().to_lowercase())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

/// What a path is about: its first part, or the first one behind the account, zone or user that it is in.
fn tag(path: &str) -> &str {
    let is_fixed = |part: &&str| !part.is_empty() && !part.starts_with('{');
    let mut parts = path.split('/').filter(is_fixed);
    let first = parts.next().unwrap_or_default();
    match first {
        "accounts" | "user" | "zones" => parts.next().unwrap_or(first),
        _ => first.trim_end_matches(".json"),
    }
}

#[cfg(test)]
mod tests;
