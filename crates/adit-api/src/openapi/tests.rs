//! The document itself; that answers fit it is what the tests of the API check.

use std::collections::BTreeSet;

use super::*;
use crate::router::endpoints;

fn every_string<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(text) if key == name => found.push(text),
                    _ => every_string(value, name, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every_string(item, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_declared_call_is_in_the_document_and_no_other() {
    let document = document(&endpoints());
    let declared: BTreeSet<String> = endpoints()
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method.as_str().to_lowercase(), endpoint.path))
        .collect();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters");
        documented.extend(methods.map(|method| format!("{method} {path}")));
    }
    assert_eq!(declared, documented);
    assert_eq!(endpoints().len(), documented.len(), "a call is declared twice");
}

#[test]
fn ids_of_operations_are_unique_and_references_lead_somewhere() {
    let document = document(&endpoints());
    let (mut ids, mut references) = (Vec::new(), Vec::new());
    every_string(&document, "operationId", &mut ids);
    every_string(&document, "$ref", &mut references);
    assert_eq!(ids.len(), endpoints().len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for reference in references {
        let pointer = reference
            .strip_prefix('#')
            .expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_variable_part_of_a_path_has_a_known_form() {
    for endpoint in endpoints() {
        for parameter in parameters::in_path(endpoint.path) {
            let name = parameter["name"].as_str().unwrap();
            assert!(
                parameters::of_path(name).is_some(),
                "{} of {}",
                name,
                endpoint.path
            );
        }
    }
}

#[test]
fn a_type_that_is_sent_both_ways_has_one_schema() {
    let mut schemas = Schemas::new();
    for endpoint in endpoints() {
        operation(&endpoint, &mut schemas);
    }
    let answers = schemas.answers.take_definitions(true);
    for (name, body) in schemas.bodies.take_definitions(true) {
        if let Some(answer) = answers.get(&name) {
            assert_eq!(&body, answer, "{name}");
        }
    }
}

#[test]
fn every_schema_is_one_of_json_schema_2020_12() {
    let document = document(&endpoints());
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let mut schema = schema.clone();
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(schema.get("nullable").is_none(), "{name}");
    }
}

#[test]
fn calls_say_who_may_make_them_and_how_they_fail() {
    for endpoint in endpoints() {
        let operation = operation(&endpoint, &mut Schemas::new());
        let fails = |status: &str| operation["responses"].get(status).is_some();
        match endpoint.access {
            Access::Groups(groups) => {
                assert_eq!(
                    operation["x-permission-groups"].as_array().unwrap().len(),
                    groups.len()
                );
                assert!(fails("400") && fails("403"), "{}", endpoint.path);
            }
            Access::Operator => {
                assert_eq!(operation["x-operator-only"], true);
                assert!(fails("400") && fails("403"), "{}", endpoint.path);
            }
            Access::Anyone => assert!(fails("400"), "{}", endpoint.path),
            Access::Public => assert_eq!(operation["security"], json!([])),
        }
        assert_eq!(fails("413"), endpoint.body.is_some(), "{}", endpoint.path);
        assert!(fails("404") || !endpoint.path.contains('{'), "{}", endpoint.path);
    }
}

#[test]
fn only_calls_that_the_stock_client_never_makes_have_messages() {
    let document = document(&endpoints());
    let schema = "/responses/200/content/application~1json/schema/properties/messages";
    for endpoint in endpoints() {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        let messages = operation.pointer(schema);
        let is_empty = messages.is_none_or(|messages| messages["maxItems"] == 0);
        assert_eq!(is_empty, !endpoint.path.ends_with("/verify"), "{}", endpoint.path);
    }
}
