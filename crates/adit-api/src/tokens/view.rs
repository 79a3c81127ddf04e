//! API tokens as clients see them.

use std::time::SystemTime;

use adit_core::{
    permission::{AddressRule, Policy, Resource},
    port::ApiToken,
    token_value::ApiTokenValue,
};
use adit_model::{ApiTokenId, PolicyId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A token, without its value.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenView {
    id: ApiTokenId,
    name: String,
    status: &'static str,
    issued_on: Timestamp,
    modified_on: Timestamp,
    last_used_on: Option<Timestamp>,
    not_before: Option<Timestamp>,
    expires_on: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
    policies: Vec<PolicyView>,
}

/// A token that was just made, with its value.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    token: TokenView,
    /// Shown this once.
    value: String,
}

/// What is left of a deleted token.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeletedToken {
    id: ApiTokenId,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Condition {
    #[serde(rename = "request.ip")]
    request_ip: Addresses,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Addresses {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    r#in: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_in: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PolicyView {
    id: PolicyId,
    effect: &'static str,
    permission_groups: Vec<GroupView>,
    resources: Map<String, Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GroupView {
    id: &'static str,
    name: &'static str,
}

impl TokenView {
    /// What clients see of a token now.
    pub(crate) fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            status: token.status(Timestamp::from(SystemTime::now())).as_str(),
            issued_on: token.created_at,
            modified_on: token.modified_at,
            last_used_on: token.last_used_at,
            not_before: token.not_before,
            expires_on: token.expires_at,
            condition: condition(&token.addresses),
            policies: token.policies.iter().map(PolicyView::of).collect(),
        }
    }
}

impl CreatedToken {
    /// What clients see of a token when it is made.
    pub(crate) fn of(token: &ApiToken, value: &ApiTokenValue) -> Self {
        Self {
            token: TokenView::of(token),
            value: value.expose().to_owned(),
        }
    }
}

impl DeletedToken {
    /// What is left of a token.
    pub(crate) const fn of(token: &ApiToken) -> Self {
        Self { id: token.id }
    }
}

fn condition(addresses: &AddressRule) -> Option<Condition> {
    let texts = |nets: &[_]| nets.iter().map(|net: &ipnet::IpNet| net.to_string()).collect();
    (!addresses.is_empty()).then(|| Condition {
        request_ip: Addresses {
            r#in: texts(&addresses.allowed),
            not_in: texts(&addresses.denied),
        },
    })
}

impl PolicyView {
    fn of(policy: &Policy) -> Self {
        let group = |group: &adit_core::permission::PermissionGroup| GroupView {
            id: group.id(),
            name: group.name(),
        };
        Self {
            id: policy.id,
            effect: policy.effect.as_str(),
            permission_groups: policy.groups.iter().map(group).collect(),
            resources: Resource::write(&policy.resources),
        }
    }
}
