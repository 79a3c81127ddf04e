//! Whose a credential is.

use adit_core::port::{ApiCredential, ApiToken, LoginCredential};
use adit_model::AccountId;

use crate::{
    credential::{CredentialHash, canonical_email},
    engine::Connection,
    failure::Cause,
    row::{column, parsed},
    sql::query,
};

/// The owner of a credential; `None` if nobody's.
pub(crate) async fn authenticate(
    connection: &mut Connection,
    credential: ApiCredential<'_>,
) -> Result<Option<LoginCredential>, Cause> {
    match credential {
        ApiCredential::Token(value) => token(connection, value).await,
        ApiCredential::Key { email, key } => user(connection, email, key).await,
    }
}

async fn token(connection: &mut Connection, value: &str) -> Result<Option<LoginCredential>, Cause> {
    let hash = CredentialHash::of(value);
    let rows = query("SELECT id, name, account_id, value_hash FROM api_tokens WHERE hash_prefix = $1")
        .bind(hash.prefix())
        .fetch_all(connection)
        .await?;
    for row in &rows {
        if hash.matches(column(row, "value_hash")?) {
            return Ok(Some(LoginCredential::Token(ApiToken {
                id: parsed(row, "id")?,
                name: column(row, "name")?,
                account: parsed(row, "account_id")?,
            })));
        }
    }
    Ok(None)
}

async fn user(connection: &mut Connection, email: &str, key: &str) -> Result<Option<LoginCredential>, Cause> {
    let (email, hash) = (canonical_email(email), CredentialHash::of(key));
    let row = query("SELECT key_hash FROM users WHERE email = $1")
        .bind(&email)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(hash
        .matches(column(&row, "key_hash")?)
        .then_some(LoginCredential::User { email }))
}

/// Whether there is such an account.
pub(crate) async fn account_exists(connection: &mut Connection, account: AccountId) -> Result<bool, Cause> {
    let exists = query("SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1)")
        .bind(account.to_string())
        .scalar(connection)
        .await?;
    Ok(exists)
}
