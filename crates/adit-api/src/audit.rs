//! Who changed what.

use adit_core::{
    permission::AUDIT_READ,
    port::{AuditEntry, AuditFilter},
};
use adit_model::{AccountId, Timestamp};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    endpoint::{Access, DIRECTION, Endpoint, Parameter},
    envelope::Success,
    extract::{PageRules, QueryParams, RequestError, list},
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

const PAGES: PageRules = PageRules {
    default: 100,
    limit: 1000,
};

const FILTERS: &[Parameter] = &[
    Parameter::text("id", "exactly this entry"),
    Parameter::text("since", "made at this time or later; a day means its start"),
    Parameter::text("before", "made at this time or earlier; a day means its start"),
    Parameter::text("actor.email", "by this user, or a token in their name"),
    Parameter::text("actor.ip", "from this address"),
    Parameter::text("action.type", "exactly this action, such as tunnel.create"),
];

/// A change that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditView {
    id: String,
    when: Timestamp,
    action: Action,
    actor: ActorView,
    interface: &'static str,
    resource: Resource,
    /// The object after the change, as JSON in a text; empty if there is none.
    new_value: String,
    /// The object before the change.
    old_value: String,
    /// The same as JSON.
    new_value_json: Option<Value>,
    /// The same as JSON.
    old_value_json: Option<Value>,
    owner: Owner,
    /// `request_id` joins the entry with the access log; `object` names what was changed.
    metadata: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Action {
    r#type: String,
    /// Only changes that were made are kept.
    result: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ActorView {
    id: String,
    email: Option<String>,
    ip: Option<String>,
    r#type: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Resource {
    r#type: String,
    id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Owner {
    id: Option<AccountId>,
}

impl AuditView {
    fn of(entry: &AuditEntry) -> Self {
        let (kind, id) = entry
            .actor
            .name
            .split_once(':')
            .unwrap_or((&entry.actor.name, ""));
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        let before_dot = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
        let object = &entry.object;
        Self {
            id: entry.id.to_string(),
            when: entry.at,
            action: Action {
                r#type: entry.action.clone(),
                result: true,
            },
            actor: ActorView {
                id: id.to_owned(),
                email: entry.actor.email.clone(),
                ip: entry.actor.address.map(|address| address.to_string()),
                r#type: kind.to_owned(),
            },
            interface: if kind == "system" { "system" } else { "API" },
            resource: Resource {
                r#type: before_dot(&entry.action),
                id: object.split(' ').next().unwrap_or_default().to_owned(),
            },
            new_value: text(&entry.after),
            old_value: text(&entry.before),
            new_value_json: entry.after.clone(),
            old_value_json: entry.before.clone(),
            owner: Owner { id: entry.account },
            metadata: json!({"request_id": entry.actor.request_id, "object": object}),
        }
    }
}

/// `GET /accounts/{account_id}/audit_logs`.
async fn of_account(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<AuditView>>, Problem> {
    list(&state, Some(scope.account), &query).await
}

/// `GET /user/audit_logs`: what belongs to no account, such as users and their tokens.
async fn of_none(
    State(state): State<ApiState>,
    _caller: Caller,
    query: QueryParams,
) -> Result<Success<Vec<AuditView>>, Problem> {
    list(&state, None, &query).await
}

async fn list(
    state: &ApiState,
    account: Option<AccountId>,
    query: &QueryParams,
) -> Result<Success<Vec<AuditView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| {
        let filter = filter(query)?;
        state.catalog.audit_log(account, &filter, page).await?
    });
    Ok(Success::page(&found, page, AuditView::of))
}

fn filter(query: &QueryParams) -> Result<AuditFilter, RequestError> {
    Ok(AuditFilter {
        id: query.value("id", "the number of an entry")?,
        since: query.time_or_day("since")?,
        before: query.time_or_day("before")?,
        actor_email: query.text("actor.email").map(str::to_lowercase),
        actor_address: query.value("actor.ip", "an address")?,
        action: query.text("action.type").map(str::to_owned),
        oldest_first: query.oldest_first()?,
    })
}

/// The calls that read the audit log.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/accounts/{account_id}/audit_logs",
            "List who changed what in the account",
            Access::Groups(AUDIT_READ),
            of_account,
        )
        .query(FILTERS)
        .query(DIRECTION)
        .gives_page::<AuditView>(),
        Endpoint::get(
            "/user/audit_logs",
            "List who changed what belongs to no account",
            Access::Operator,
            of_none,
        )
        .query(FILTERS)
        .query(DIRECTION)
        .gives_page::<AuditView>(),
    ]
}
