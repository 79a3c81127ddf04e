//! What a fresh store needs before anyone can use it: an account, a zone and credentials.

use adit_core::port::ChangeNumber;
use adit_model::{AccountId, ApiTokenId, Hostname, ZoneId};

use crate::{
    credential::{ApiTokenValue, CredentialHash, UserKey},
    engine::Connection,
    failure::{Cause, Failure},
    row::parsed,
    sql::query,
    tx::{Audit, Tx, counter, system},
    zones::{self, ZoneError},
};

/// What the first start sets up, and each later one finds again.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The account. Counts on the first start only: a store keeps the account it was made with.
    pub account: AccountId,
    /// Its name; counts on the first start only.
    pub account_name: String,
    /// The base domain. A start with another one gives the account a further zone.
    pub domain: Hostname,
    /// The value of the account's first API token. A start with another value replaces it.
    pub api_token: ApiTokenValue,
    /// A user who may act in every account. A start with another key for the address replaces the key.
    pub user: Option<UserKey>,
}

/// What there is after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapOutcome {
    /// True if the account was made now.
    pub first_start: bool,
    /// The account that the store was made with.
    pub account: AccountId,
    /// The zone of the base domain.
    pub zone: ZoneId,
    /// The first API token.
    pub api_token: ApiTokenId,
    /// The newest change.
    pub change: ChangeNumber,
}

/// Where `meta` keeps the first account's id.
const FIRST_ACCOUNT: &str = "first_account";

/// The first token's name.
const FIRST_TOKEN: &str = "bootstrap";

/// The account that the store was made with, if it was set up.
pub(crate) async fn first_account(connection: &mut Connection) -> Result<Option<AccountId>, Cause> {
    let value: Option<Vec<u8>> = query("SELECT value FROM meta WHERE key = $1")
        .bind(FIRST_ACCOUNT)
        .optional_scalar(connection)
        .await?;
    let account = |bytes: Vec<u8>| std::str::from_utf8(&bytes).ok()?.parse().ok();
    value
        .map(|bytes| account(bytes).ok_or(Cause::BadColumn("value")))
        .transpose()
}

/// Sets up what is missing.
pub(crate) async fn run(
    tx: &mut Tx<'_>,
    bootstrap: Bootstrap,
) -> Result<BootstrapOutcome, Failure<ZoneError>> {
    let kept = first_account(tx.connection).await?;
    let account = match kept {
        Some(account) => account,
        None => make_first_account(tx, bootstrap.account, &bootstrap.account_name).await?,
    };
    let zone = match zones::find_named(tx.connection, &bootstrap.domain).await? {
        Some(zone) if zone.account == account => zone,
        Some(_) | None => zones::insert(tx, account, bootstrap.domain, &system()).await?,
    };
    let api_token = ensure_token(tx, account, FIRST_TOKEN, &bootstrap.api_token).await?;
    if let Some(user) = &bootstrap.user {
        ensure_user(tx, user).await?;
    }
    let change = counter(tx.connection, "change").await?;
    Ok(BootstrapOutcome {
        first_start: kept.is_none(),
        account,
        zone: zone.id,
        api_token,
        change,
    })
}

async fn make_first_account(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<AccountId, Cause> {
    ensure_account(tx, account, name).await?;
    query("INSERT INTO meta (key, value) VALUES ($1, $2)")
        .bind(FIRST_ACCOUNT)
        .bind(account.to_string().into_bytes())
        .execute(&mut *tx.connection)
        .await?;
    Ok(account)
}

/// Makes an account, if there is none with this id.
pub(crate) async fn ensure_account(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<(), Cause> {
    let done =
        query("INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
            .bind(account.to_string())
            .bind(name)
            .bind(tx.now.unix_micros())
            .execute(&mut *tx.connection)
            .await?;
    if done > 0 {
        let object = format!("{account} {name}");
        tx.audit(Audit {
            account: Some(account),
            actor: &system(),
            action: "account.create",
            object,
        })
        .await?;
    }
    Ok(())
}

/// Makes the account's API token of this name, or gives it this value.
pub(crate) async fn ensure_token(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    value: &ApiTokenValue,
) -> Result<ApiTokenId, Cause> {
    let hash = CredentialHash::of(value.expose());
    let kept = query("SELECT id FROM api_tokens WHERE account_id = $1 AND name = $2")
        .bind(account.to_string())
        .bind(name)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let (id, statement, action) = match kept {
        None => (
            ApiTokenId::random(),
            "INSERT INTO api_tokens (id, account_id, name, hash_prefix, value_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            "api_token.create",
        ),
        Some(row) => (
            parsed(&row, "id")?,
            "UPDATE api_tokens SET hash_prefix = $4, value_hash = $5, created_at = $6
             WHERE id = $1 AND account_id = $2 AND name = $3 AND value_hash <> $5",
            "api_token.replace",
        ),
    };
    let done = query(statement)
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name)
        .bind(hash.prefix())
        .bind(hash.as_bytes())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    if done > 0 {
        let object = format!("{id} {name}");
        tx.audit(Audit {
            account: Some(account),
            actor: &system(),
            action,
            object,
        })
        .await?;
    }
    Ok(id)
}

async fn ensure_user(tx: &mut Tx<'_>, user: &UserKey) -> Result<(), Cause> {
    let done = query(
        "INSERT INTO users (email, key_hash, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (email) DO UPDATE SET key_hash = excluded.key_hash WHERE users.key_hash <> excluded.key_hash",
    )
    .bind(user.email())
    .bind(CredentialHash::of(user.expose()).as_bytes())
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    if done > 0 {
        let object = user.email().to_owned();
        tx.audit(Audit {
            account: None,
            actor: &system(),
            action: "user.key_set",
            object,
        })
        .await?;
    }
    Ok(())
}
