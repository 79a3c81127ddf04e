//! The JSON of a configuration: `{"ingress":[…],"originRequest":{…}}`. Durations are whole seconds.

mod settings;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use settings::WireOriginRequest;

use crate::object;

use super::{HostMatch, Ingress, IngressError, OriginRequest, PathMatch, Rule, Service, rule::PatternBudget};

#[derive(Deserialize)]
struct WireConfig {
    #[serde(default, deserialize_with = "object::maybe_all")]
    ingress: Option<Vec<WireRule>>,
    #[serde(default, rename = "originRequest", deserialize_with = "object::maybe")]
    origin_request: Option<WireOriginRequest>,
}

#[derive(Deserialize)]
struct WireRule {
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default, rename = "originRequest", deserialize_with = "object::maybe")]
    origin_request: Option<WireOriginRequest>,
}

impl Ingress {
    /// Reads a configuration as the API stores it and the edge pushes it. Keys it does not know are ignored.
    ///
    /// # Errors
    /// [`IngressError`] for JSON of another shape and for rules that make no sense, above all
    /// [`IngressError::NoRules`] without any: what that means is the caller's to say.
    pub fn from_json(json: &[u8]) -> Result<Self, IngressError> {
        let wire = read(json).map_err(|error| IngressError::Json(error.to_string()))?;
        let defaults = wire.origin_request.unwrap_or_default();
        let rules = wire.ingress.unwrap_or_default();
        let mut patterns = PatternBudget::default();
        let rules = (1..)
            .zip(rules)
            .map(|(number, rule)| rule.read(number, &defaults, &mut patterns));
        Self::new(rules.collect::<Result<_, _>>()?)
    }

    /// The `ingress` array of a configuration: only settings that differ from the defaults appear.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.rules().map(rule_json).collect()
    }
}

fn read(json: &[u8]) -> serde_json::Result<WireConfig> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let config = object::one(&mut deserializer)?;
    deserializer.end()?;
    Ok(config)
}

fn rule_json(rule: &Rule) -> Value {
    let mut out = Map::new();
    let hostname = rule.hostname.to_string();
    if !hostname.is_empty() {
        out.insert("hostname".to_owned(), hostname.into());
    }
    if let Some(path) = &rule.path {
        out.insert("path".to_owned(), path.as_str().into());
    }
    out.insert("service".to_owned(), rule.service.to_string().into());
    // Plain values always serialise.
    let settings =
        serde_json::to_value(WireOriginRequest::of(&rule.origin_request)).unwrap_or_else(|_| json!({}));
    out.insert("originRequest".to_owned(), settings);
    out.into()
}

impl WireRule {
    fn read(
        self,
        number: usize,
        defaults: &WireOriginRequest,
        patterns: &mut PatternBudget,
    ) -> Result<Rule, IngressError> {
        let own = self.origin_request.unwrap_or_default();
        let mut origin_request = OriginRequest::default();
        defaults.apply(&mut origin_request)?;
        // Only a rule's own access block counts.
        origin_request.access = None;
        own.apply(&mut origin_request)?;
        let path = self.path.filter(|path| !path.is_empty());
        let service = self.service.unwrap_or_default();
        let service = match service.as_str() {
            "" if origin_request.bastion_mode => Service::Bastion,
            text => Service::parse(text)?,
        };
        Ok(Rule {
            hostname: HostMatch::parse(self.hostname.as_deref().unwrap_or_default())?,
            path: path
                .map(|path| PathMatch::parse_within(&path, number, patterns))
                .transpose()?,
            service,
            origin_request,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn read(json: &Value) -> Result<Ingress, IngressError> {
        Ingress::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn a_rules_settings_lie_over_the_configurations_key_by_key() {
        let ingress = read(&json!({
            "originRequest": {"connectTimeout": 5, "noTLSVerify": true, "access": {"required": true, "teamName": "t"}},
            "ingress": [{"service": "https://a", "originRequest": {"connectTimeout": 7, "matchSNItoHost": true}}],
            "warp-routing": {"enabled": false},
        }))
        .unwrap();
        let settings = &ingress.find("a", "/").rule.origin_request;
        assert_eq!(settings.connect_timeout, Duration::from_secs(7));
        assert!(settings.no_tls_verify && settings.match_sni_to_host);
        assert_eq!(settings.access, None, "only a rule's own access block counts");
    }

    #[test]
    fn the_array_shows_only_what_differs() {
        let source = json!([
            {"hostname": "*.a.example", "path": "^/x", "service": "https://b", "originRequest": {"tlsTimeout": 3}},
            {"service": "http_status:404", "originRequest": {}},
        ]);
        let ingress = read(&json!({ "ingress": source })).unwrap();
        assert_eq!(ingress.to_json(), source);
    }

    #[test]
    fn durations_that_are_no_whole_seconds_are_refused() {
        for wrong in [json!("30s"), json!(1.5), json!(30_000_000_000_u64), json!(-1)] {
            let config =
                json!({"ingress": [{"service": "http://a"}], "originRequest": {"connectTimeout": wrong}});
            assert!(matches!(read(&config), Err(IngressError::Json(_))), "{wrong}");
        }
    }

    #[test]
    fn an_empty_configuration_has_no_rules() {
        for config in [json!({}), json!({"ingress": []}), json!({"ingress": null})] {
            assert_eq!(read(&config).unwrap_err(), IngressError::NoRules);
        }
    }

    #[test]
    fn patterns_that_are_small_alone_are_refused_when_large_together() {
        let config = |rules: usize| {
            let mut ingress = vec![json!({"path": ".{999}", "service": "bastion"}); rules];
            ingress.push(json!({"service": "http_status:404"}));
            read(&json!({ "ingress": ingress }))
        };
        assert!(config(16).is_ok());
        assert!(matches!(
            config(17),
            Err(IngressError::BadPath { number: 17, .. })
        ));
    }

    #[test]
    fn an_audience_without_a_team_is_refused() {
        let config = json!({"ingress": [{"service": "http://a",
            "originRequest": {"access": {"required": true, "audTag": ["x"]}}}]});
        assert_eq!(read(&config).unwrap_err(), IngressError::AccessWithoutTeam);
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>, text in r#"\{"ingress":\[\{"[a-z]{0,9}":"?.{0,20}"?\}\]\}"#) {
            let _ = Ingress::from_json(&bytes);
            let _ = Ingress::from_json(text.as_bytes());
        }
    }
}
