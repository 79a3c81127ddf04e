//! What a client says of an API token, and whether it makes sense.

use std::net::IpAddr;

use adit_core::{
    object,
    permission::{AddressRule, Choice, Effect, PermissionGroup, Policy, Resource, ResourceError},
    port::{ApiToken, StoreError, TokenError, TokenOwner, TokenTerms},
};
use adit_model::{AccountId, PolicyId, Timestamp};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{auth::AuthError, state::ApiState};

const MAX_NAME: usize = 120;
/// The most policies of a token, resources of a policy, and networks of a condition.
const MOST: usize = 64;

/// Why an API token was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenRequestError {
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("a token gives no more than it has")]
    TooMuch(AuthError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl From<StoreError> for TokenRequestError {
    fn from(error: StoreError) -> Self {
        Self::Token(error.into())
    }
}

/// A token as a client sends it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TokenRequest {
    /// 1 to 120 characters.
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "object::maybe_all")]
    policies: Option<Vec<PolicyRequest>>,
    #[serde(default, deserialize_with = "object::maybe")]
    condition: Option<ConditionRequest>,
    #[serde(default)]
    not_before: Option<Timestamp>,
    #[serde(default)]
    expires_on: Option<Timestamp>,
    /// `active` or `disabled`.
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Disabled,
    Expired,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PolicyRequest {
    effect: EffectRequest,
    #[serde(deserialize_with = "object::all")]
    permission_groups: Vec<GroupRequest>,
    resources: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EffectRequest {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GroupRequest {
    id: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct ConditionRequest {
    #[serde(
        rename = "request.ip",
        alias = "request_ip",
        default,
        deserialize_with = "object::maybe"
    )]
    request_ip: Option<AddressesRequest>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct AddressesRequest {
    /// Networks, such as `192.0.2.0/24`, or addresses.
    #[serde(default)]
    r#in: Option<Vec<String>>,
    #[serde(default)]
    not_in: Option<Vec<String>>,
}

fn invalid(field: &'static str, reason: impl ToString) -> TokenRequestError {
    TokenRequestError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

impl TokenRequest {
    /// What is meant; a token of an account is about that account and its zones only. `before` is what the token was.
    pub(super) async fn check(
        self,
        state: &ApiState,
        owner: &TokenOwner,
        before: Option<&ApiToken>,
    ) -> Result<TokenTerms, TokenRequestError> {
        let name = self.name.map(|name| name.trim().to_owned()).unwrap_or_default();
        if !(1..=MAX_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(invalid(
                "name",
                "is required, with 1 to 120 characters and no control characters",
            ));
        }
        let policies = self.policies.unwrap_or_default();
        if !(1..=MOST).contains(&policies.len()) {
            return Err(invalid("policies", format!("1 to {MOST} are required")));
        }
        let policies: Vec<Policy> = policies.into_iter().map(policy).collect::<Result<_, _>>()?;
        if let Some(account) = owner.account() {
            only_about(account, &with_accounts_of_zones(state, &policies).await?)?;
        }
        if let (Some(start), Some(end)) = (self.not_before, self.expires_on)
            && end <= start
        {
            return Err(invalid("expires_on", "must be after not_before"));
        }
        let kept = before.is_some_and(|token| token.disabled);
        let request_ip = self.condition.and_then(|condition| condition.request_ip);
        Ok(TokenTerms {
            name,
            // An expired token is sent back as it was read.
            disabled: match self.status {
                Some(Status::Disabled) => true,
                Some(Status::Active) => false,
                Some(Status::Expired) | None => kept,
            },
            policies,
            addresses: addresses(request_ip.unwrap_or_default())?,
            not_before: self.not_before,
            expires_at: self.expires_on,
        })
    }
}

fn policy(request: PolicyRequest) -> Result<Policy, TokenRequestError> {
    if !(1..=MOST).contains(&request.resources.len()) {
        return Err(invalid(
            "resources",
            format!("1 to {MOST} are required in a policy"),
        ));
    }
    if request.permission_groups.is_empty() {
        return Err(invalid(
            "permission_groups",
            "at least one is required in a policy",
        ));
    }
    let resources =
        Resource::read(&request.resources).map_err(|error: ResourceError| invalid("resources", error))?;
    let mut groups = Vec::new();
    for GroupRequest { id } in request.permission_groups {
        let shown: String = id.chars().take(64).collect();
        let group = PermissionGroup::with_id(&id)
            .ok_or_else(|| invalid("permission_groups", format!("{shown:?} is no permission group")))?;
        if !resources.iter().any(|resource| resource.scope() == group.scope()) {
            let reason = format!(
                "{} is granted on {}, of which the policy has none",
                group.name(),
                group.scope().as_str()
            );
            return Err(invalid("permission_groups", reason));
        }
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(Policy {
        id: PolicyId::random(),
        effect: match request.effect {
            EffectRequest::Allow => Effect::Allow,
            EffectRequest::Deny => Effect::Deny,
        },
        groups,
        resources,
    })
}

fn addresses(request: AddressesRequest) -> Result<AddressRule, TokenRequestError> {
    let read = |texts: Option<Vec<String>>| -> Result<Vec<IpNet>, TokenRequestError> {
        let texts = texts.unwrap_or_default();
        if texts.len() > MOST {
            return Err(invalid("condition", format!("at most {MOST} networks")));
        }
        texts.iter().map(|text| network(text)).collect()
    };
    Ok(AddressRule {
        allowed: read(request.r#in)?,
        denied: read(request.not_in)?,
    })
}

fn network(text: &str) -> Result<IpNet, TokenRequestError> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        invalid(
            "condition",
            format!("{shown:?} is neither a network nor an address"),
        )
    })
}

/// A token that goes with an account must not reach beyond it: whoever may replace its value could.
fn only_about(account: AccountId, policies: &[Policy]) -> Result<(), TokenRequestError> {
    let own = Choice::Only(account);
    let is_own = |resource: &Resource| match resource {
        Resource::Account(of) | Resource::Zone { of: Some(of), .. } => *of == own,
        Resource::Zone { of: None, .. } | Resource::User(_) => false,
    };
    if policies.iter().all(|policy| policy.resources.iter().all(is_own)) {
        Ok(())
    } else {
        let reason =
            "a token of an account is about this account and its zones; for others make a token of a user";
        Err(invalid("resources", reason))
    }
}

/// The same policies with each zone that stands alone put into its account. A zone that does not exist stays alone.
pub(super) async fn with_accounts_of_zones(
    state: &ApiState,
    policies: &[Policy],
) -> Result<Vec<Policy>, StoreError> {
    let mut all = policies.to_vec();
    for resource in all.iter_mut().flat_map(|policy| &mut policy.resources) {
        if let Resource::Zone {
            of: of @ None,
            zone: Choice::Only(zone),
        } = resource
        {
            let found = state.catalog.zone(*zone).await?;
            *of = found.map(|zone| Choice::Only(zone.account));
        }
    }
    Ok(all)
}
