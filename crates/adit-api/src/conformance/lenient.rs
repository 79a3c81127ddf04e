//! Requests of the SDK suites that no real server could serve, and what completes them.
//!
//! This is the whole list of what is lenient under a suite, each with its name and reason. The API itself knows
//! nothing of it.

use http::Method;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// One incomplete request.
struct Leniency {
    /// What it is called in the log.
    name: &'static str,
    method: Method,
    /// How its path ends; `*` stands for one id.
    path: &'static [&'static str],
    /// Completes the body; false if nothing was missing.
    complete: fn(&mut Object) -> bool,
}

/// The tunnel that all suites speak of.
const TUNNEL: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";

static ALL: [Leniency; 4] = [
    // The suites put `{}`; a configuration without ingress rules serves nothing.
    Leniency {
        name: "configuration_without_config",
        method: Method::PUT,
        path: &["cfd_tunnel", "*", "configurations"],
        complete: configuration_without_config,
    },
    // The suites' only rule has a host name; the last rule must match every request.
    Leniency {
        name: "configuration_without_catch_all",
        method: Method::PUT,
        path: &["cfd_tunnel", "*", "configurations"],
        complete: configuration_without_catch_all,
    },
    // The suites name the mode alone; a site on AWS needs to know what to move.
    Leniency {
        name: "aws_without_config",
        method: Method::PUT,
        path: &["warp_connector", "*", "configurations"],
        complete: aws_without_config,
    },
    // The suites post `{}`; a route of a host name leads from a name to a tunnel.
    Leniency {
        name: "hostname_route_without_ends",
        method: Method::POST,
        path: &["zerotrust", "routes", "hostname"],
        complete: hostname_route_without_ends,
    },
];

/// The body that the API sees instead of `body`, if that is one of the incomplete ones.
pub(super) fn complete(method: &Method, path: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut object: Object = if body.trim_ascii().is_empty() {
        Object::new()
    } else {
        serde_json::from_slice(body).ok()?
    };
    let mut changed = false;
    for leniency in &ALL {
        if leniency.method == *method && ends_with(path, leniency.path) && (leniency.complete)(&mut object) {
            tracing::info!(leniency = leniency.name, "completed a request of a suite");
            changed = true;
        }
    }
    changed.then(|| Value::Object(object).to_string().into_bytes())
}

fn ends_with(path: &str, end: &[&str]) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    segments.len() >= end.len()
        && segments
            .iter()
            .rev()
            .zip(end.iter().rev())
            .all(|(segment, wanted)| *wanted == "*" || segment == wanted)
}

fn catch_all() -> Value {
    json!({"hostname": "", "service": "http_status:404"})
}

fn configuration_without_config(body: &mut Object) -> bool {
    let missing = body.get("config").is_none_or(Value::is_null);
    if missing {
        body.insert("config".to_owned(), json!({"ingress": [catch_all()]}));
    }
    missing
}

fn configuration_without_catch_all(body: &mut Object) -> bool {
    let rules = body
        .get_mut("config")
        .and_then(|config| config.get_mut("ingress"))
        .and_then(Value::as_array_mut);
    let Some(rules) = rules else { return false };
    let named = |rule: &Value, key| {
        rule.get(key)
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty())
    };
    let missing = rules
        .last()
        .is_some_and(|last| named(last, "hostname") || named(last, "path"));
    if missing {
        rules.push(catch_all());
    }
    missing
}

fn aws_without_config(body: &mut Object) -> bool {
    let is_aws = body.get("ha_mode").is_some_and(|mode| mode == "aws");
    let missing = is_aws && body.get("config").is_none_or(Value::is_null);
    if missing {
        body.insert("config".to_owned(), json!({"fnr_id": "eni-0123456789abcdef0"}));
    }
    missing
}

fn hostname_route_without_ends(body: &mut Object) -> bool {
    let mut missing = false;
    for (name, value) in [("hostname", "suite.local"), ("tunnel_id", TUNNEL)] {
        if body.get(name).is_none_or(Value::is_null) {
            body.insert(name.to_owned(), value.into());
            missing = true;
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIGURATIONS: &str = "/client/v4/accounts/a/cfd_tunnel/t/configurations";

    fn completed(method: Method, path: &str, body: &str) -> Option<Value> {
        complete(&method, path, body.as_bytes()).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn an_incomplete_configuration_gets_a_last_rule() {
        let completed = |body: &str| completed(Method::PUT, CONFIGURATIONS, body);
        let only = json!({"config": {"ingress": [catch_all()]}});
        assert_eq!(completed("{}"), Some(only.clone()));
        assert_eq!(completed(""), Some(only.clone()));
        assert_eq!(completed(&only.to_string()), None);
        let rule = json!({"hostname": "a.example.com", "service": "http://localhost"});
        let one = json!({"config": {"ingress": [rule]}}).to_string();
        let both = json!({"config": {"ingress": [rule, catch_all()]}});
        assert_eq!(completed(&one), Some(both));
    }

    #[test]
    fn other_requests_stay_as_they_are() {
        for (method, path, body) in [
            (Method::POST, CONFIGURATIONS, "{}"),
            (Method::PUT, "/client/v4/accounts/a/cfd_tunnel/t", "{}"),
            (Method::PUT, "/configurations", "{}"),
            (Method::PUT, CONFIGURATIONS, "[]"),
            (Method::PUT, CONFIGURATIONS, "{"),
        ] {
            assert_eq!(
                completed(method.clone(), path, body),
                None,
                "{method} {path} {body}"
            );
        }
    }

    #[test]
    fn a_route_of_a_host_name_gets_its_missing_ends_only() {
        let path = "/client/v4/accounts/a/zerotrust/routes/hostname";
        let completed = |body: &str| completed(Method::POST, path, body);
        assert_eq!(
            completed("{}"),
            Some(json!({"hostname": "suite.local", "tunnel_id": TUNNEL}))
        );
        let named = completed(r#"{"hostname": "a.local"}"#).unwrap();
        assert_eq!(named, json!({"hostname": "a.local", "tunnel_id": TUNNEL}));
        assert_eq!(completed(&named.to_string()), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(path: String, body: Vec<u8>) {
            for method in [Method::PUT, Method::POST] {
                for path in [CONFIGURATIONS, path.as_str()] {
                    let _ = complete(&method, path, &body);
                }
            }
        }
    }
}
