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
        let ingress = Self::new(rules.collect::<Result<_, _>>()?)?;
        let mut beside = OriginRequest::default();
        defaults.apply(&mut beside)?;
        Ok(ingress.with_defaults(beside))
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
        let service = match origin_request.bastion_mode {
            true => Service::in_bastion_mode(&service)?,
            false => Service::parse(&service)?,
        };
        // What no service looks at may be anything.
        if let Some(rules) = own.ip_rules().or_else(|| defaults.ip_rules()) {
            match (rules, &service) {
                (Ok(rules), _) => origin_request.ip_rules = rules,
                (Err(fault), Service::SocksProxy) => return Err(IngressError::BadIpRule(fault)),
                (Err(_), _) => {}
            }
        }
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
    use crate::ingress::ProxyProtocol;

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
        assert_eq!(ingress.defaults().connect_timeout, Duration::from_secs(5));
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

    #[test]
    fn in_bastion_mode_every_url_is_the_bastion() {
        let mode = json!({"bastionMode": true});
        for (service, is) in [
            (json!("http://a:1"), Service::Bastion),
            (json!("nonsense"), Service::Bastion),
            (json!(null), Service::Bastion),
            (json!("http_status:200"), Service::Status(200)),
            (json!("socks-proxy"), Service::SocksProxy),
        ] {
            let ingress = read(&json!({"ingress": [{"service": service, "originRequest": mode}]})).unwrap();
            assert_eq!(ingress.find("a", "/").rule.service, is);
        }
    }

    #[test]
    fn rules_for_addresses_count_where_a_socks_server_looks_at_them() {
        let bad = json!({"ipRules": [{"prefix": "10.0.0.1", "allow": true}]});
        let with = |service: &str| read(&json!({"ingress": [{"service": service, "originRequest": bad}]}));
        assert!(with("http://a").is_ok());
        assert_eq!(
            with("socks-proxy").unwrap_err().to_string(),
            "unable to create ip rule for socks-proxy: unable to parse cidr: 10.0.0.1"
        );
        let source = json!([{"service": "socks-proxy", "originRequest":
            {"ipRules": [{"prefix": "10.0.0.0/8", "ports": [22], "allow": true}]}}]);
        assert_eq!(read(&json!({ "ingress": source })).unwrap().to_json(), source);
    }

    #[test]
    fn a_tcp_service_may_be_told_of_its_clients() {
        let with = |version| {
            read(&json!({"ingress": [{"service": "tcp://a:1", "originRequest": {"proxyProtocol": version}}]}))
        };
        let source = with("v2").unwrap();
        assert_eq!(
            source.find("a", "/").rule.origin_request.proxy_protocol,
            ProxyProtocol::V2
        );
        assert_eq!(
            source.to_json()[0]["originRequest"],
            json!({"proxyProtocol": "v2"})
        );
        assert!(matches!(with("v3"), Err(IngressError::BadProxyProtocol(_))));
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>, text in r#"\{"ingress":\[\{"[a-z]{0,9}":"?.{0,20}"?\}\]\}"#) {
            let _ = Ingress::from_json(&bytes);
            let _ = Ingress::from_json(text.as_bytes());
        }
    }
}
