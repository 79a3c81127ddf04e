//! What the API answered.

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::redaction::redacted;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The result of a success.
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        &self.body["result"]
    }

    /// The id of the object that is the result of a success.
    pub(crate) fn id(&self) -> String {
        self.result()["id"].as_str().unwrap().to_owned()
    }

    /// The ids of the objects that are the result of a success, in order.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let list = self.result().as_array().unwrap();
        list.iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    /// Status and first code of a failure, after checking that its envelope is whole.
    pub(crate) fn failure(&self) -> (u16, u64) {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        assert_eq!(self.body["success"], false, "{self:?}");
        assert_eq!(self.body["messages"], json!([]), "{self:?}");
        assert_eq!(self.body["result"], Value::Null, "{self:?}");
        let errors = self.body["errors"].as_array().unwrap();
        assert!(
            errors.iter().all(|error| error["code"].as_u64() >= Some(1000)),
            "{self:?}"
        );
        assert!(
            errors
                .iter()
                .all(|error| error["message"].as_str().is_some_and(|m| !m.is_empty()))
        );
        assert_eq!(
            self.headers.contains_key("x-should-retry"),
            self.status.is_client_error(),
            "{self:?}"
        );
        (self.status.as_u16(), errors[0]["code"].as_u64().unwrap())
    }

    /// The text of the first error.
    pub(crate) fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap()
    }

    /// Everything a client sees, with what differs from run to run redacted.
    pub(crate) fn whole(&self) -> Value {
        let shown = ["content-type", "x-should-retry", "allow", "retry-after"];
        let headers: serde_json::Map<String, Value> = shown
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.headers.get(*name)?.to_str().ok()?.into())))
            .collect();
        redacted(json!({"status": self.status.as_u16(), "headers": headers, "body": self.body}))
    }
}
