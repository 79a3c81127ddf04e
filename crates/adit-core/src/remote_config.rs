//! The configuration that the API keeps for a tunnel and edges push to its connectors.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::value::RawValue;

use crate::ingress::{Ingress, IngressError};

/// A configuration that a connector can run, as JSON. What it holds beyond what Adit knows is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig(String);

impl RemoteConfig {
    /// Reads a JSON object. Two things are added where they are absent, as clients of the v4 API expect to read them
    /// back: `"warp-routing": {"enabled": false}`, and an empty `hostname` on a rule without one.
    ///
    /// # Errors
    /// [`IngressError`] if a connector could not run it.
    pub fn parse(json: &str) -> Result<Self, IngressError> {
        Ingress::from_json(json.as_bytes())?;
        completed(json)
            .map(Self)
            .map_err(|error| IngressError::Json(error.to_string()))
    }

    /// The JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// The JSON with what was absent.
fn completed(json: &str) -> serde_json::Result<String> {
    let mut config: Fields<'_> = serde_json::from_str(json)?;
    let rules = config.get("ingress").map(completed_rules).transpose()?;
    if let Some(rules) = &rules {
        config.set("ingress", rules);
    }
    let no_routing = RawValue::from_string(r#"{"enabled":false}"#.to_owned())?;
    if config.get("warp-routing").is_none_or(is_null) {
        config.set("warp-routing", &no_routing);
    }
    serde_json::to_string(&config)
}

fn completed_rules(rules: &RawValue) -> serde_json::Result<Box<RawValue>> {
    let mut rules: Vec<Fields<'_>> = serde_json::from_str(rules.get())?;
    let no_name = RawValue::from_string("\"\"".to_owned())?;
    for rule in &mut rules {
        if rule.get("hostname").is_none_or(is_null) {
            rule.set("hostname", &no_name);
        }
    }
    serde_json::value::to_raw_value(&rules)
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The fields of an object in their order, with values as they were written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    fn set(&mut self, name: &str, value: &'a RawValue) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> String {
        RemoteConfig::parse(json).unwrap().as_json().to_owned()
    }

    #[test]
    fn what_is_unknown_is_kept_as_it_was_written() {
        let written = concat!(
            r#"{"z":1.50,"a":123456789012345678901234567890,"ingress":[{"hostname":"a.example","#,
            r#""service":"http://a","originRequest":{"newThing":{"b":[1, 2],"a":null},"connectTimeout":5}},"#,
            r#"{"hostname":"","service":"http_status:404"}],"warp-routing":{"enabled":true},"#,
            r#""originRequest":{"proxyAddress":"127.0.0.1"}}"#,
        );
        assert_eq!(parse(written), written);
    }

    #[test]
    fn what_clients_read_back_is_added_where_it_is_absent() {
        for routing in ["", r#","warp-routing":null"#] {
            let json = format!(r#"{{"ingress":[{{"service":"http_status:404"}}]{routing}}}"#);
            assert_eq!(
                parse(&json),
                r#"{"ingress":[{"service":"http_status:404","hostname":""}],"warp-routing":{"enabled":false}}"#
            );
        }
        assert_eq!(
            parse(r#"{"ingress":[{"hostname":null,"service":"bastion"}]}"#),
            r#"{"ingress":[{"hostname":"","service":"bastion"}],"warp-routing":{"enabled":false}}"#
        );
    }

    #[test]
    fn what_no_connector_could_run_is_refused() {
        assert_eq!(RemoteConfig::parse("{}"), Err(IngressError::NoRules));
        for json in [
            "[]",
            "null",
            "",
            r#"{"ingress":{}}"#,
            r#"{"ingress":[[]]}"#,
            "{\"a\":1",
        ] {
            assert!(RemoteConfig::parse(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn completing_a_completed_one_changes_nothing(
            hostname in prop::option::of("[a-z]{1,8}"), unknown in "[a-z]{1,8}", value in ".{0,12}",
        ) {
            let mut rule = serde_json::json!({"service": "http://a", "path": "x"});
            if let Some(hostname) = hostname {
                rule["hostname"] = hostname.into();
            }
            let json = serde_json::json!({
                format!("x-{unknown}"): value,
                "ingress": [rule, {"service": "http_status:404"}],
            });
            let once = parse(&json.to_string());
            prop_assert_eq!(parse(&once), once.clone());
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&once).unwrap()[format!("x-{unknown}")], &value);
        }

        #[test]
        fn no_text_panics(text in ".{0,60}", rule in r#"\{("[a-z]{0,9}":"?[a-z:/*]{0,12}"?,?){0,3}\}"#) {
            let _ = RemoteConfig::parse(&text);
            let _ = RemoteConfig::parse(&format!(r#"{{"ingress":[{rule}]}}"#));
        }
    }
}
