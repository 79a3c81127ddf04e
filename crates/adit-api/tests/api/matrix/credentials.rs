//! A credential of each kind.

use std::collections::BTreeMap;

use adit_core::permission::PermissionGroup;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Api, EMAIL, KEY, OTHER_TOKEN, TOKEN};

/// Names and values of header fields.
pub(super) type Headers = Vec<(&'static str, String)>;

fn bearer(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

fn user() -> Headers {
    vec![("x-auth-email", EMAIL.to_owned()), ("x-auth-key", KEY.to_owned())]
}

/// Policies that grant these groups on the account, on its zones and on every user.
pub(crate) fn policies(groups: &[PermissionGroup]) -> Value {
    let account = format!("com.cloudflare.api.account.{ACCOUNT}");
    let resources = [
        ("com.cloudflare.api.account", json!({&account: "*"})),
        (
            "com.cloudflare.api.account.zone",
            json!({&account: {"com.cloudflare.api.account.zone.*": "*"}}),
        ),
        (
            "com.cloudflare.api.user",
            json!({"com.cloudflare.api.user.*": "*"}),
        ),
    ];
    let policies = resources.into_iter().filter_map(|(scope, resources)| {
        let of_scope = groups.iter().filter(|group| group.scope().as_str() == scope);
        let ids: Vec<Value> = of_scope.map(|group| json!({"id": group.id()})).collect();
        (!ids.is_empty())
            .then(|| json!({"effect": "allow", "permission_groups": ids, "resources": resources}))
    });
    policies.collect()
}

/// Makes a token of the user; gives its value.
pub(crate) async fn token(api: &Api, policies: Value, more: Value) -> String {
    let mut body = json!({"name": "test", "policies": policies});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let mut request = Request::post("/client/v4/user/tokens");
    for (name, value) in user() {
        request = request.header(name, value);
    }
    let answer = api
        .send(request.body(Body::from(body.to_string())).unwrap())
        .await;
    answer.result()["value"].as_str().unwrap().to_owned()
}

/// The credentials made so far.
pub(super) struct Credentials {
    fixed: BTreeMap<&'static str, Headers>,
    by_groups: BTreeMap<Vec<PermissionGroup>, Headers>,
}

impl Credentials {
    pub(super) async fn make(api: &Api) -> Self {
        let all = || policies(PermissionGroup::ALL);
        let mut fixed = BTreeMap::from([
            ("none", Vec::new()),
            ("malformed", vec![("authorization", "Basic eA==".to_owned())]),
            ("unknown", bearer("unknownTokenOf40Characters-0123456789ab")),
            ("wrong account", bearer(OTHER_TOKEN)),
            ("email and key", user()),
            ("operator", bearer(TOKEN)),
        ]);
        for (name, more) in [
            ("expired", json!({"expires_on": "2020-01-01T00:00:00Z"})),
            ("not yet valid", json!({"not_before": "2999-01-01T00:00:00Z"})),
            ("disabled", json!({"status": "disabled"})),
            (
                "wrong address",
                json!({"condition": {"request.ip": {"in": ["198.51.100.0/24"]}}}),
            ),
        ] {
            fixed.insert(name, bearer(&token(api, all(), more).await));
        }
        let by_groups = BTreeMap::new();
        Self { fixed, by_groups }
    }

    /// The credential of a column, for a call that accepts these groups.
    pub(super) async fn named(&mut self, api: &Api, name: &str, accepted: &[&str]) -> Headers {
        if name != "wrong group" {
            return self.fixed[name].clone();
        }
        let others = PermissionGroup::ALL.iter().copied();
        let others = others.filter(|group| !accepted.contains(&group.name())).collect();
        self.with(api, others).await
    }

    /// A token with this group alone.
    pub(super) async fn with_group(&mut self, api: &Api, name: &str) -> Headers {
        self.with(api, vec![PermissionGroup::named(name).unwrap()]).await
    }

    async fn with(&mut self, api: &Api, groups: Vec<PermissionGroup>) -> Headers {
        if let Some(headers) = self.by_groups.get(&groups) {
            return headers.clone();
        }
        let headers = bearer(&token(api, policies(&groups), json!({})).await);
        self.by_groups.insert(groups, headers.clone());
        headers
    }
}
