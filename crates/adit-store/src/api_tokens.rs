//! API tokens: what they may do, kept beside the hash of their value.

/// All of a token, and its user's address.
macro_rules! tokens {
    () => {
        "SELECT t.*, u.email FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id"
    };
}

pub(crate) mod directory;
mod objects;
mod row;

use adit_core::{
    port::{ApiToken, TokenOwner},
    token_value::ApiTokenValue,
};
use adit_model::{AccountId, ApiTokenId, Timestamp};

use self::row::token;
use crate::{
    credential::CredentialHash,
    engine::{Connection, Row},
    failure::Cause,
    row::{column, parsed},
    sql::{Query, query},
    tx::{Object, Tx},
};

/// The token with this value.
pub(crate) async fn with_value(connection: &mut Connection, value: &str) -> Result<Option<ApiToken>, Cause> {
    let hash = CredentialHash::of(value);
    let rows = query(concat!(tokens!(), " WHERE t.hash_prefix = $1"))
        .bind(hash.prefix())
        .fetch_all(connection)
        .await?;
    for row in &rows {
        if hash.matches(column(row, "value_hash")?) {
            return token(row).map(Some);
        }
    }
    Ok(None)
}

/// A token that the server itself sees to.
pub(crate) struct Kept {
    /// Its id.
    pub(crate) id: ApiTokenId,
    /// All of it, unless an earlier version made it, without a user.
    pub(crate) token: Option<ApiToken>,
    /// Whether it has the value in question.
    pub(crate) has_value: bool,
}

fn kept(row: &Row, value: &ApiTokenValue) -> Result<Kept, Cause> {
    Ok(Kept {
        id: parsed(row, "id")?,
        token: token(row).ok(),
        has_value: CredentialHash::of(value.expose()).matches(column(row, "value_hash")?),
    })
}

/// The operator's token; `None` before the first set-up.
pub(crate) async fn operators(
    connection: &mut Connection,
    value: &ApiTokenValue,
) -> Result<Option<Kept>, Cause> {
    let row = query(concat!(tokens!(), " WHERE t.is_operator = $1"))
        .bind(true)
        .fetch_optional(connection)
        .await?;
    row.map(|row| kept(&row, value)).transpose()
}

/// An account's oldest token of this name.
pub(crate) async fn named(
    connection: &mut Connection,
    account: AccountId,
    name: &str,
    value: &ApiTokenValue,
) -> Result<Option<Kept>, Cause> {
    let row = query(concat!(
        tokens!(),
        " WHERE t.account_id = $1 AND t.name = $2 ORDER BY t.created_at, t.id LIMIT 1"
    ))
    .bind(account.to_string())
    .bind(name)
    .fetch_optional(connection)
    .await?;
    row.map(|row| kept(&row, value)).transpose()
}

/// Writes a token: a new row, or all of the row that has its id. Without `value` the row keeps the one it has.
pub(crate) async fn put(
    tx: &mut Tx<'_>,
    token: &ApiToken,
    value: Option<&ApiTokenValue>,
) -> Result<(), Cause> {
    let owner = &token.owner;
    let texts = |query: Query| {
        query
            .bind(token.id.to_string())
            .bind(owner.account().map(|account| account.to_string()))
            .bind(owner.user().map(|user| user.id.to_string()))
            .bind(&token.name)
            .bind(token.disabled)
            .bind(row::policies_text(&token.policies))
            .bind(row::addresses_text(&token.addresses))
            .bind(token.not_before.map(Timestamp::unix_micros))
            .bind(token.expires_at.map(Timestamp::unix_micros))
            .bind(token.modified_at.unix_micros())
    };
    const CHANGE: &str = "UPDATE api_tokens SET account_id = $2, user_id = $3, name = $4, disabled = $5,
        policies = $6, addresses = $7, not_before = $8, expires_at = $9, modified_at = $10 WHERE id = $1";
    let done = texts(query(CHANGE)).execute(&mut *tx.connection).await?;
    tx.changed(Object::Token(token.id)).await?;
    let Some(hash) = value.map(|value| CredentialHash::of(value.expose())) else {
        return Ok(());
    };
    if done == 0 {
        texts(query(
            "INSERT INTO api_tokens (id, account_id, user_id, name, disabled, policies, addresses, not_before,
                 expires_at, modified_at, is_operator, hash_prefix, value_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        ))
        .bind(matches!(owner, TokenOwner::Operator { .. }))
        .bind(hash.prefix())
        .bind(hash.as_bytes())
        .bind(token.created_at.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    } else {
        query("UPDATE api_tokens SET hash_prefix = $2, value_hash = $3 WHERE id = $1")
            .bind(token.id.to_string())
            .bind(hash.prefix())
            .bind(hash.as_bytes())
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(())
}
