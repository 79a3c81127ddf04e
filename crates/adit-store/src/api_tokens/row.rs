//! A row into an API token, and its JSON columns.

use adit_core::{
    permission::{AddressRule, Policy},
    port::{ApiToken, TokenOwner, User},
};
use serde_json::Value;

use crate::{
    engine::Row,
    failure::Cause,
    row::{column, optional_time, parsed, time},
};

/// The token of a row that also has the `email` of its user.
pub(crate) fn token(row: &Row) -> Result<ApiToken, Cause> {
    Ok(ApiToken {
        id: parsed(row, "id")?,
        name: column(row, "name")?,
        owner: owner(row)?,
        disabled: column(row, "disabled")?,
        policies: policies(column(row, "policies")?)?,
        addresses: serde_json::from_str(column(row, "addresses")?)
            .map_err(|_| Cause::BadColumn("addresses"))?,
        not_before: optional_time(row, "not_before")?,
        expires_at: optional_time(row, "expires_at")?,
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
        last_used_at: optional_time(row, "last_used_at")?,
    })
}

fn owner(row: &Row) -> Result<TokenOwner, Cause> {
    let given = |name| Ok::<_, Cause>(column::<Option<&str>>(row, name)?.is_some());
    let user = || {
        Ok::<_, Cause>(User {
            id: parsed(row, "user_id")?,
            email: column(row, "email")?,
        })
    };
    Ok(if column(row, "is_operator")? {
        TokenOwner::Operator {
            account: parsed(row, "account_id")?,
            user: user()?,
        }
    } else if given("user_id")? {
        TokenOwner::User(user()?)
    } else {
        TokenOwner::Account(parsed(row, "account_id")?)
    })
}

fn policies(text: &str) -> Result<Vec<Policy>, Cause> {
    let bad = || Cause::BadColumn("policies");
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| bad())?;
    values
        .iter()
        .map(|value| Policy::from_json(value).map_err(|_| bad()))
        .collect()
}

/// Policies as JSON.
pub(crate) fn policies_value(policies: &[Policy]) -> Value {
    Value::Array(policies.iter().map(Policy::to_json).collect())
}

/// Policies as they are kept.
pub(crate) fn policies_text(policies: &[Policy]) -> String {
    policies_value(policies).to_string()
}

/// Addresses as they are kept.
pub(crate) fn addresses_text(addresses: &AddressRule) -> String {
    // Networks always serialise.
    serde_json::to_value(addresses).unwrap_or_default().to_string()
}
