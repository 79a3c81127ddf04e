//! The OpenAPI document as a contract: what the API answers must be in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use http::{Method, StatusCode};
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Value, json};

const BASE: &str = "/client/v4";
/// The document as it is.
const OPEN: &str = "https://adit.test/openapi.json";
/// The document with what it does not name forbidden.
const CLOSED: &str = "https://adit.test/closed.json";

/// The document, with a check for each answer that was looked at.
pub(crate) struct Contract {
    document: Value,
    closed: Value,
    checks: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Contract {
    /// The one that there is.
    pub(crate) fn get() -> &'static Self {
        static ONE: LazyLock<Contract> = LazyLock::new(|| {
            let document: Value = serde_json::from_slice(&adit_api::openapi()).unwrap();
            let mut closed = document.clone();
            close_objects(&mut closed);
            Contract {
                document,
                closed,
                checks: Mutex::default(),
            }
        });
        &ONE
    }

    /// Every call: method, path with its variable parts in braces, operation.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (Method, &str, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| *name != "parameters");
            methods.map(move |(method, operation)| {
                (method.to_uppercase().parse().unwrap(), path.as_str(), operation)
            })
        })
    }

    /// The parameters in a path.
    pub(crate) fn path_parameters(&self, path: &str) -> &[Value] {
        self.document["paths"][path]["parameters"].as_array().unwrap()
    }

    /// The object that a reference leads to; what is no reference leads to itself.
    pub(crate) fn resolve<'c>(&'c self, schema: &'c Value) -> &'c Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                self.resolve(self.document.pointer(reference.trim_start_matches('#')).unwrap())
            }
            None => schema,
        }
    }

    /// Fails the test if a documented call answered anything that the document does not tell of, or accepted a body
    /// that it forbids. Other paths and methods are none of its business.
    pub(crate) fn check(
        &self,
        method: &Method,
        path: &str,
        sent: Option<&Value>,
        status: StatusCode,
        body: &Value,
    ) {
        let Some(template) = self.template(path) else {
            return;
        };
        let method = method.as_str().to_lowercase();
        let operation = &self.document["paths"][template][&method];
        if operation.is_null() {
            return;
        }
        let told = &operation["responses"][status.as_str()];
        let shown = || format!("{method} {path} answered {status}: {body}");
        assert!(told.is_object(), "an undocumented status: {}", shown());
        let place = format!("#/paths/{}/{method}", escaped(template));
        self.fits(
            &format!(
                "{CLOSED}{place}/responses/{}/content/application~1json/schema",
                status.as_str()
            ),
            body,
            &shown,
        );
        if let (StatusCode::OK, Some(sent), true) = (status, sent, operation["requestBody"].is_object()) {
            let shown = || format!("{method} {path} accepted {sent}");
            self.fits(
                &format!("{OPEN}{place}/requestBody/content/application~1json/schema"),
                sent,
                &shown,
            );
        }
    }

    fn fits(&self, place: &str, value: &Value, shown: &dyn Fn() -> String) {
        let check = self.check_at(place);
        let errors: Vec<String> = check
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{}\nbreaks the document: {}",
            shown(),
            errors.join("; ")
        );
    }

    fn check_at(&self, place: &str) -> Arc<Validator> {
        let mut checks = self.checks.lock();
        let make = || {
            let registry = jsonschema::Registry::new()
                .add(OPEN, &self.document)
                .unwrap()
                .add(CLOSED, &self.closed)
                .unwrap()
                .prepare()
                .unwrap();
            let options = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_registry(&registry)
                .should_validate_formats(true);
            let schema = json!({"$ref": place});
            Arc::new(options.build(&schema).unwrap())
        };
        checks.entry(place.to_owned()).or_insert_with(make).clone()
    }

    /// The documented path that a request's path is an instance of; a fixed part goes before a variable one.
    fn template(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next()?.strip_prefix(BASE)?;
        let fits = |template: &str| {
            let (wanted, given) = (template.split('/'), path.split('/'));
            wanted.clone().count() == given.clone().count()
                && wanted
                    .zip(given)
                    .all(|(part, given)| part.starts_with('{') || part == given)
        };
        let templates = self.document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str);
        templates
            .filter(|template| fits(template))
            .min_by_key(|template| template.matches('{').count())
    }
}

fn escaped(path: &str) -> String {
    path.replace('~', "~0")
        .replace('/', "~1")
        .replace('{', "%7B")
        .replace('}', "%7D")
}

/// Forbids members that the document does not name, so that an answer with one fails: of an object of which it names
/// none, all. The parts of an `allOf` stay
/// open: each knows only its own.
fn close_objects(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if name != "allOf" {
                    close_objects(value);
                }
            }
            let is_object = members.get("type").is_some_and(|kind| {
                kind == "object"
                    || kind
                        .as_array()
                        .is_some_and(|kinds| kinds.contains(&json!("object")))
            });
            let is_closed = is_object || members.contains_key("properties");
            if is_closed && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
