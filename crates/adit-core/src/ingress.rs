//! Ingress rules: which origin serves a host name and a path. The API validates with this module, the connector
//! matches with it, the edge explains with it.
//!
//! First match wins, and the last rule matches everything, so every request has a rule. Start with
//! [`Ingress::from_json`], or [`Ingress::single`] for one service behind everything.
//! Source: cloudflare/cloudflared: ingress/ingress.go, ingress/rule.go.

mod address;
mod error;
mod ip_rules;
mod origin_request;
mod rule;
mod service;
mod wire;

pub use address::HostPort;
pub use error::{IngressError, UrlFault};
pub use ip_rules::{IpRule, IpRuleFault, may_reach};
pub use origin_request::{Access, OriginRequest, ProxyProtocol, ProxyType};
pub use rule::{HostMatch, PathMatch, Rule};
pub use service::{HttpOrigin, Service};

/// Ingress rules in order; the last one matches everything.
#[derive(Clone, Debug)]
pub struct Ingress {
    rules: Vec<Rule>,
    last: Rule,
    defaults: OriginRequest,
}

/// The rule that serves a request.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The rule.
    pub rule: &'a Rule,
}

impl Ingress {
    /// Everything goes to one service, as with `--url` and `--hello-world`.
    #[must_use]
    pub fn single(service: Service, origin_request: OriginRequest) -> Self {
        Self {
            rules: Vec::new(),
            defaults: origin_request.clone(),
            last: Rule {
                hostname: HostMatch::Any,
                path: None,
                service,
                origin_request,
            },
        }
    }

    /// What a connector without any configuration serves: 503 for everything.
    #[must_use]
    pub fn unconfigured() -> Self {
        Self::single(Service::unavailable(), OriginRequest::default())
    }

    /// Takes rules in order and checks what only shows in their order.
    ///
    /// # Errors
    /// [`IngressError`] without rules, if an earlier rule matches everything, or the last one does not.
    pub fn new(mut rules: Vec<Rule>) -> Result<Self, IngressError> {
        let last = rules.pop().ok_or(IngressError::NoRules)?;
        if let Some(at) = rules.iter().position(Rule::matches_everything) {
            let hostname = rules
                .get(at)
                .map(|rule| rule.hostname.to_string())
                .unwrap_or_default();
            return Err(IngressError::EarlyCatchAll {
                number: at + 1,
                hostname,
            });
        }
        if !last.matches_everything() {
            return Err(IngressError::LastIsNoCatchAll);
        }
        Ok(Self {
            rules,
            last,
            defaults: OriginRequest::default(),
        })
    }

    /// The rule for a request.
    ///
    /// `host` is the Host header's value; a port is ignored. `path` is the path of the URL as sent, without query:
    /// it is percent-decoded before a path pattern sees it.
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Matched<'_> {
        let host = without_port(host);
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let earlier = self
            .rules
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.matches(host, &path));
        match earlier {
            Some((index, rule)) => Matched { index, rule },
            None => Matched {
                index: self.rules.len(),
                rule: &self.last,
            },
        }
    }

    /// With the settings that stand beside the rules, already merged into each of them.
    #[must_use]
    fn with_defaults(self, defaults: OriginRequest) -> Self {
        Self { defaults, ..self }
    }

    /// The settings that rules have which say nothing else.
    #[must_use]
    pub const fn defaults(&self) -> &OriginRequest {
        &self.defaults
    }

    /// The rules in order; never empty.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(std::iter::once(&self.last))
    }
}

/// The host without its port; an IPv6 literal keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            let bare_ipv6 = name.contains(':') && !name.ends_with(']');
            if bare_ipv6 { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ingress(json: &str) -> Ingress {
        Ingress::from_json(json.as_bytes()).unwrap()
    }

    fn index(rules: &Ingress, host: &str, path: &str) -> usize {
        rules.find(host, path).index
    }

    #[test]
    fn the_first_match_wins_and_the_last_rule_takes_the_rest() {
        let rules = ingress(
            r#"{"ingress":[
                {"hostname":"a.example","path":"^/api","service":"http://one:1"},
                {"hostname":"a.example","service":"http://two:2"},
                {"hostname":"*.b.example","service":"http://three:3"},
                {"path":"\\.png$","service":"http://four:4"},
                {"service":"http_status:404"}]}"#,
        );
        assert_eq!(index(&rules, "a.example", "/api/x"), 0);
        assert_eq!(index(&rules, "a.example:8443", "/api"), 0);
        assert_eq!(index(&rules, "a.example", "/x/api"), 1);
        assert_eq!(index(&rules, "x.y.b.example", "/"), 2);
        assert_eq!(index(&rules, "b.example", "/"), 4);
        assert_eq!(index(&rules, "elsewhere", "/pic.png"), 3);
        assert_eq!(index(&rules, "elsewhere", "/pic.jpg"), 4);
    }

    #[test]
    fn host_names_are_compared_as_they_are_and_in_punycode() {
        let rules = ingress(
            r#"{"ingress":[{"hostname":"Bücher.example","service":"http://a"},
                {"hostname":"*.bücher.example","service":"http://b"},{"service":"http_status:404"}]}"#,
        );
        assert_eq!(index(&rules, "xn--bcher-kva.example", "/"), 0);
        assert_eq!(index(&rules, "x.xn--bcher-kva.example", "/"), 1);
        let rules = ingress(
            r#"{"ingress":[{"hostname":"a.example","service":"http://a"},{"service":"http_status:404"}]}"#,
        );
        assert_eq!(index(&rules, "A.example", "/"), 1, "no lower-casing");
    }

    #[test]
    fn path_patterns_search_the_decoded_path() {
        let rules =
            ingress(r#"{"ingress":[{"path":"/a b","service":"http://a"},{"service":"http_status:404"}]}"#);
        assert_eq!(index(&rules, "h", "/x/a%20b/c"), 0);
        assert_eq!(index(&rules, "h", "/x/a+b"), 1);
    }

    #[test]
    fn the_port_of_a_host_is_ignored() {
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("a.example"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("::1"), "::1");
        assert_eq!(without_port(""), "");
    }

    #[test]
    fn rules_in_a_senseless_order_are_refused() {
        let refused = |json: &str| Ingress::from_json(json.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            refused(r#"{"ingress":[{"hostname":"a.example","service":"http://a"}]}"#),
            "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)"
        );
        assert!(
            refused(r#"{"ingress":[{"hostname":"*","service":"http://a"},{"service":"http://b"}]}"#)
                .starts_with(
                    "Rule #1 is matching the hostname '*', but this will match every hostname, meaning"
                )
        );
        assert_eq!(Ingress::new(Vec::new()).unwrap_err(), IngressError::NoRules);
    }

    proptest! {
        #[test]
        fn every_request_has_a_rule(host in ".{0,40}", path in ".{0,40}") {
            let rules = ingress(
                r#"{"ingress":[{"hostname":"*.a","path":"x+","service":"http://a"},{"service":"http_status:404"}]}"#,
            );
            prop_assert!(rules.find(&host, &path).index < 2);
        }
    }
}
