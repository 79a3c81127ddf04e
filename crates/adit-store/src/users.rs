//! Users: whoever has an email address and its key.

use adit_core::port::User;
use adit_model::UserId;

use crate::{
    credential::{CredentialHash, UserKey, canonical_email},
    failure::Cause,
    row::{column, parsed},
    sql::query,
    tx::{Audit, Tx, system},
};

/// The user of this address, made if there is none; with `key`, it has this key afterwards.
pub(crate) async fn ensure(tx: &mut Tx<'_>, email: &str, key: Option<&UserKey>) -> Result<User, Cause> {
    let email = canonical_email(email);
    let hash = key.map(|key| CredentialHash::of(key.expose()));
    let row = query("SELECT id, key_hash FROM users WHERE email = $1")
        .bind(&email)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let id = match row {
        None => {
            let id = UserId::random();
            query("INSERT INTO users (id, email, key_hash, created_at) VALUES ($1, $2, $3, $4)")
                .bind(id.to_string())
                .bind(&email)
                .bind(hash.as_ref().map(CredentialHash::as_bytes))
                .bind(tx.now.unix_micros())
                .execute(&mut *tx.connection)
                .await?;
            id
        }
        Some(row) => {
            let id = parsed(&row, "id")?;
            let kept: Option<&[u8]> = column(&row, "key_hash")?;
            let same = |hash: &CredentialHash| kept.is_some_and(|kept| hash.matches(kept));
            if hash.as_ref().is_none_or(same) {
                return Ok(User { id, email });
            }
            query("UPDATE users SET key_hash = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(hash.as_ref().map(CredentialHash::as_bytes))
                .execute(&mut *tx.connection)
                .await?;
            id
        }
    };
    let action = if hash.is_some() {
        "user.key_set"
    } else {
        "user.create"
    };
    tx.audit(Audit {
        account: None,
        actor: &system(),
        action,
        object: format!("{id} {email}"),
    })
    .await?;
    Ok(User { id, email })
}
