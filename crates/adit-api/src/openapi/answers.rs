//! What a call may answer: its success, and each failure with its codes.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Access, Answer, Endpoint},
    envelope::{Message, ResultInfo},
    problem::{Failure, FailureEnvelope, failures},
};

/// Every answer, by its status.
pub(super) fn all(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let success = json!({
        "description": "Done.",
        "content": {"application/json": {"schema": success(endpoint, generator)}},
    });
    let mut answers = Map::from_iter([("200".to_owned(), success)]);
    let mut by_status = BTreeMap::<u16, BTreeMap<u32, Vec<&str>>>::new();
    for failure in of(endpoint) {
        let says = by_status
            .entry(failure.status.as_u16())
            .or_default()
            .entry(failure.code)
            .or_default();
        if !says.contains(&failure.says) {
            says.push(failure.says);
        }
    }
    for (status, codes) in by_status {
        answers.insert(status.to_string(), failed(&codes, generator));
    }
    answers
}

/// How a call can fail: by its shape, and as it says itself.
pub(super) fn of(endpoint: &Endpoint) -> Vec<Failure> {
    let (public, anyone) = match endpoint.access {
        Access::Public => (true, true),
        Access::Anyone => (false, true),
        Access::Groups(_) | Access::Operator => (false, false),
    };
    let shapes = [
        (true, failures::ANY),
        (!public, failures::CREDENTIAL),
        (!anyone, failures::PERMISSION),
        (endpoint.path.contains('{'), failures::PATH),
        (!endpoint.query.is_empty(), failures::QUERY),
        (endpoint.body.is_some(), failures::BODY),
    ];
    let of_shape = shapes
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, failures)| failures);
    of_shape
        .chain(endpoint.failures.iter().copied())
        .flatten()
        .copied()
        .collect()
}

fn success(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let array = |item: schemars::Schema| json!({"type": "array", "items": item});
    let (result, paged) = match endpoint.answer {
        Answer::Nothing => (json!({"type": "null"}), false),
        Answer::One(schema) => (json!(schema(generator)), false),
        Answer::All(schema) => (array(schema(generator)), false),
        Answer::Page(schema) => (array(schema(generator)), true),
        Answer::Bare => return json!({"type": "object", "additionalProperties": true}),
    };
    let messages = if endpoint.has_messages {
        json!({"type": "array", "items": schema_of::<Message>(generator)})
    } else {
        json!({"type": "array", "maxItems": 0})
    };
    let mut properties = json!({
        "success": {"const": true},
        "errors": {"type": "array", "maxItems": 0},
        "messages": messages,
        "result": result,
    });
    let mut required = vec!["success", "errors", "messages", "result"];
    if paged {
        properties["result_info"] = schema_of::<ResultInfo>(generator);
        required.push("result_info");
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!(generator.subschema_for::<T>())
}

/// A failure with one of these codes.
fn failed(codes: &BTreeMap<u32, Vec<&str>>, generator: &mut SchemaGenerator) -> Value {
    let meanings: Vec<String> = codes
        .iter()
        .map(|(code, says)| format!("- `{code}`: {}", says.join("; or ")))
        .collect();
    let numbers: Vec<u32> = codes.keys().copied().collect();
    let schema = json!({
        "allOf": [
            schema_of::<FailureEnvelope>(generator),
            {"properties": {"errors": {"prefixItems": [{"properties": {"code": {"enum": numbers}}}]}}},
        ],
    });
    json!({
        "description": meanings.join("\n"),
        "content": {"application/json": {"schema": schema}},
    })
}
