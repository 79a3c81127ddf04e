//! The OpenAPI 3.1 document, made from the declarations of the calls.

mod parameters;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Access, Answer, Endpoint},
    envelope::JSON,
};

/// The document as it is sent; made at the first request.
static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from(document(&crate::router::endpoints()).to_string()));

/// `GET /client/v4/openapi.json`. Not in the envelope: it is for tools that read such documents.
pub(crate) async fn show() -> Response {
    ([(CONTENT_TYPE, JSON)], DOCUMENT.clone()).into_response()
}

/// The call that shows the document.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/openapi.json",
        "This document",
        Access::Public,
        show,
    )]
}

/// The document of these calls.
fn document(endpoints: &[Endpoint]) -> Value {
    // A body may leave out what an answer always has, so each direction has schemas of its own.
    let mut bodies = SchemaSettings::openapi3().for_deserialize().into_generator();
    let mut answers = SchemaSettings::openapi3().for_serialize().into_generator();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let operation = operation(endpoint, &mut bodies, &mut answers);
        let path = paths
            .entry(endpoint.path)
            .or_insert_with(|| json!({"parameters": parameters::in_path(endpoint.path)}));
        if let Value::Object(methods) = path {
            methods.insert(endpoint.method.as_str().to_lowercase(), operation);
        }
    }
    let mut schemas = bodies.take_definitions(true);
    schemas.extend(answers.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Adit",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Cloudflare's v4 API, tunnel part, as Adit serves it.",
        },
        "servers": [{"url": "/client/v4"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "email": {"type": "apiKey", "in": "header", "name": "X-Auth-Email"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Auth-Key"},
            },
        },
    })
}

fn operation(endpoint: &Endpoint, bodies: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Value {
    let query: Vec<Value> = endpoint
        .query
        .iter()
        .flat_map(|parameters| parameters.iter())
        .map(parameters::in_query)
        .collect();
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": operation_id(&endpoint.method, endpoint.path),
        "parameters": query,
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": success(endpoint.answer, answers)}}},
            "4XX": failure("refused"),
            "5XX": failure("failed"),
        },
    });
    if let Some(body) = endpoint.body {
        operation["requestBody"] = json!({"content": {"application/json": {"schema": body(bodies)}}});
    }
    match endpoint.access {
        Access::Anyone => operation["security"] = json!([{"token": []}, {"email": [], "key": []}]),
        Access::Groups(groups) => {
            operation["security"] = json!([{"token": []}, {"email": [], "key": []}]);
            let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
            operation["x-permission-groups"] = json!(names);
        }
        Access::Operator => {
            operation["security"] = json!([{"token": []}, {"email": [], "key": []}]);
            operation["x-operator-only"] = json!(true);
        }
        Access::Public => operation["security"] = json!([]),
    }
    operation
}

/// Such as `get_accounts_cfd_tunnel_connections`.
fn operation_id(method: &Method, path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let words = parts.map(|part| part.trim_matches(['{', '}']).replace('.', "_"));
    std::iter::once(method.as_str().to_lowercase())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn success(answer: Answer, generator: &mut SchemaGenerator) -> Value {
    let array = |item: schemars::Schema| json!({"type": "array", "items": item});
    let (result, paged) = match answer {
        Answer::Nothing => (json!({"type": "null"}), false),
        Answer::One(schema) => (json!(schema(generator)), false),
        Answer::All(schema) => (array(schema(generator)), false),
        Answer::Page(schema) => (array(schema(generator)), true),
    };
    let mut properties = json!({
        "success": {"const": true},
        "errors": {"type": "array", "maxItems": 0},
        "messages": {"type": "array"},
        "result": result,
    });
    let mut required = vec!["success", "errors", "messages", "result"];
    if paged {
        let number = || json!({"type": "integer", "minimum": 0});
        properties["result_info"] = json!({
            "type": "object",
            "properties": {
                "count": number(), "page": number(), "per_page": number(),
                "total_count": number(), "total_pages": number(),
            },
            "required": ["count", "page", "per_page", "total_count"],
        });
        required.push("result_info");
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn failure(description: &str) -> Value {
    let error = json!({
        "type": "object",
        "properties": {"code": {"type": "integer", "minimum": 1000}, "message": {"type": "string"}},
        "required": ["code", "message"],
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "success": {"const": false},
            "errors": {"type": "array", "items": error, "minItems": 1},
            "messages": {"type": "array"},
            "result": {"type": "null"},
        },
        "required": ["success", "errors", "messages", "result"],
    });
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}
