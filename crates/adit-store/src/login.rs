//! Whose a credential is.

use adit_core::port::{ApiCredential, LoginCredential, User};
use adit_model::AccountId;

use crate::{
    api_tokens,
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
        ApiCredential::Token(value) => {
            let token = api_tokens::with_value(connection, value).await?;
            Ok(token.map(|token| LoginCredential::Token(Box::new(token))))
        }
        ApiCredential::Key { email, key } => {
            let user = user(connection, email, key).await?;
            Ok(user.map(LoginCredential::User))
        }
    }
}

async fn user(connection: &mut Connection, email: &str, key: &str) -> Result<Option<User>, Cause> {
    let (email, hash) = (canonical_email(email), CredentialHash::of(key));
    let row = query("SELECT id, key_hash FROM users WHERE email = $1")
        .bind(&email)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    // A user without a key is there for the operator's token to act for.
    let Some(kept) = column::<Option<&[u8]>>(&row, "key_hash")? else {
        return Ok(None);
    };
    if !hash.matches(kept) {
        return Ok(None);
    }
    let id = parsed(&row, "id")?;
    Ok(Some(User { id, email }))
}

/// Whether there is such an account.
pub(crate) async fn account_exists(connection: &mut Connection, account: AccountId) -> Result<bool, Cause> {
    let exists = query("SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1)")
        .bind(account.to_string())
        .scalar(connection)
        .await?;
    Ok(exists)
}
