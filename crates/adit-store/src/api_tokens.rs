//! API tokens: what they may do, kept beside the hash of their value.

mod row;

use adit_core::port::{ApiToken, TokenOwner};
use adit_model::{AccountId, ApiTokenId, Timestamp};

use self::row::token;
use crate::{
    credential::{ApiTokenValue, CredentialHash},
    engine::{Connection, Row},
    failure::Cause,
    row::{column, parsed},
    sql::query,
    tx::Tx,
};

/// All of a token, and its user's address.
macro_rules! tokens {
    () => {
        "SELECT t.*, u.email FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id"
    };
}

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

/// Writes a token: a new row, or all of the row that has its id.
pub(crate) async fn put(tx: &mut Tx<'_>, token: &ApiToken, value: &ApiTokenValue) -> Result<(), Cause> {
    let hash = CredentialHash::of(value.expose());
    let owner = &token.owner;
    query(
        "INSERT INTO api_tokens (id, account_id, user_id, is_operator, name, hash_prefix, value_hash, disabled,
             policies, addresses, not_before, expires_at, created_at, modified_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, user_id = excluded.user_id,
             hash_prefix = excluded.hash_prefix, value_hash = excluded.value_hash, policies = excluded.policies,
             modified_at = excluded.modified_at",
    )
    .bind(token.id.to_string())
    .bind(owner.account().map(|account| account.to_string()))
    .bind(owner.user().map(|user| user.id.to_string()))
    .bind(matches!(owner, TokenOwner::Operator { .. }))
    .bind(&token.name)
    .bind(hash.prefix())
    .bind(hash.as_bytes())
    .bind(token.disabled)
    .bind(row::policies_text(&token.policies))
    .bind(row::addresses_text(&token.addresses))
    .bind(token.not_before.map(Timestamp::unix_micros))
    .bind(token.expires_at.map(Timestamp::unix_micros))
    .bind(token.created_at.unix_micros())
    .bind(token.modified_at.unix_micros())
    .bind(token.last_used_at.map(Timestamp::unix_micros))
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}
