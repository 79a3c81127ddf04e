//! What a fresh store needs before anyone can use it: an account, a zone and credentials.

use adit_core::{
    permission::{AddressRule, Policy},
    port::{Account, ApiToken, ChangeNumber, TokenOwner, ZoneError},
    token_value::ApiTokenValue,
};
use adit_model::{AccountId, ApiTokenId, Hostname, ZoneId};

use crate::{
    accounts,
    api_tokens::{self, Kept},
    credential::UserKey,
    engine::Connection,
    failure::{Cause, Failure},
    login, meta,
    tx::{Audit, Tx, counter, system},
    users, zones,
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
    /// The value of the operator's API token. A start with another value replaces it.
    pub api_token: ApiTokenValue,
    /// A user who may act in every account, and in whose name the operator's token acts. A start with another key for
    /// the address replaces the key. Without one, the token acts in the name of a user who has no key.
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
    /// The operator's API token.
    pub api_token: ApiTokenId,
    /// The newest change.
    pub change: ChangeNumber,
}

/// Where `meta` keeps the first account's id.
const FIRST_ACCOUNT: &str = "first_account";

/// The name of the operator's token.
const FIRST_TOKEN: &str = "bootstrap";

/// The account that the store was made with, if it was set up.
pub(crate) async fn first_account(connection: &mut Connection) -> Result<Option<AccountId>, Cause> {
    meta::get_parsed(connection, FIRST_ACCOUNT).await
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
        Some(_) | None => zones::insert(tx, account, bootstrap.domain.clone(), &system()).await?,
    };
    let api_token = ensure_operator(tx, account, &bootstrap).await?;
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
    meta::put(tx.connection, FIRST_ACCOUNT, account.to_string()).await?;
    Ok(account)
}

/// Makes an account, if there is none with this id.
pub(crate) async fn ensure_account(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<(), Cause> {
    if login::account_exists(tx.connection, account).await? {
        return Ok(());
    }
    let account = Account {
        id: account,
        name: name.to_owned(),
        created_at: tx.now,
    };
    accounts::insert(tx, &account, &system()).await
}

/// Makes the operator's token, or brings it up to date: it has the value of this start, acts in the name of its user,
/// and may do what this version lets it do.
async fn ensure_operator(
    tx: &mut Tx<'_>,
    account: AccountId,
    bootstrap: &Bootstrap,
) -> Result<ApiTokenId, Cause> {
    let value = &bootstrap.api_token;
    let kept = api_tokens::operators(tx.connection, value).await?;
    let known = kept.as_ref().and_then(|kept| kept.token.as_ref());
    let user = match (&bootstrap.user, known.and_then(|token| token.owner.user())) {
        (Some(user), _) => users::ensure(tx, user.email(), Some(user)).await?,
        (None, Some(user)) => user.clone(),
        (None, None) => users::ensure(tx, &format!("operator@{}", bootstrap.domain), None).await?,
    };
    let policies = Policy::of_operator(account, user.id);
    let owner = TokenOwner::Operator { account, user };
    ensure(tx, kept, FIRST_TOKEN, value, owner, policies).await
}

/// Makes the account's API token of this name, or gives it this value. It may do everything in the account.
pub(crate) async fn ensure_token(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    value: &ApiTokenValue,
) -> Result<ApiTokenId, Cause> {
    let kept = api_tokens::named(tx.connection, account, name, value).await?;
    let policies = Policy::everything_in(account);
    ensure(tx, kept, name, value, TokenOwner::Account(account), policies).await
}

async fn ensure(
    tx: &mut Tx<'_>,
    kept: Option<Kept>,
    name: &str,
    value: &ApiTokenValue,
    owner: TokenOwner,
    policies: Vec<Policy>,
) -> Result<ApiTokenId, Cause> {
    let (id, known, has_value) = match kept {
        Some(Kept { id, token, has_value }) => (Some(id), token, has_value),
        None => (None, None, false),
    };
    let alike = |token: &ApiToken| {
        token.owner == owner
            && token.policies.len() == policies.len()
            && token
                .policies
                .iter()
                .zip(&policies)
                .all(|(is, should)| is.says_the_same(should))
    };
    if let Some(token) = &known
        && has_value
        && alike(token)
    {
        return Ok(token.id);
    }
    let token = ApiToken {
        id: id.unwrap_or_else(ApiTokenId::random),
        name: name.to_owned(),
        owner,
        disabled: false,
        policies,
        addresses: AddressRule::default(),
        not_before: None,
        expires_at: None,
        created_at: known.as_ref().map_or(tx.now, |token| token.created_at),
        modified_at: tx.now,
        last_used_at: None,
    };
    api_tokens::put(tx, &token, Some(value)).await?;
    let action = if id.is_some() {
        "api_token.replace"
    } else {
        "api_token.create"
    };
    let object = format!("{} {name}", token.id);
    tx.audit(Audit {
        account: token.owner.account(),
        actor: &system(),
        action,
        object,
    })
    .await?;
    Ok(token.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credential::CredentialHash,
        open::migrate,
        place::Place,
        seal::StoreKeys,
        sql::query,
        store::{Store, StoreOptions},
    };
    use adit_core::port::{ApiCredential, Login as _, LoginCredential};

    /// What the first version of the schema held after its first start.
    async fn fill(connection: &mut Connection, account: AccountId, token: &ApiTokenValue, user: &UserKey) {
        let hash = CredentialHash::of(token.expose());
        for statement in [
            query("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'First', 1)")
                .bind(account.to_string()),
            query("INSERT INTO meta (key, value) VALUES ($1, $2)")
                .bind(FIRST_ACCOUNT)
                .bind(account.to_string().into_bytes()),
            query("INSERT INTO users (email, key_hash, created_at) VALUES ($1, $2, 1)")
                .bind(user.email())
                .bind(CredentialHash::of(user.expose()).as_bytes()),
            query(
                "INSERT INTO api_tokens (id, account_id, name, hash_prefix, value_hash, created_at)
                 VALUES ($1, $2, $3, $4, $5, 1)",
            )
            .bind(ApiTokenId::random().to_string())
            .bind(account.to_string())
            .bind(FIRST_TOKEN)
            .bind(hash.prefix())
            .bind(hash.as_bytes()),
        ] {
            statement.execute(connection).await.unwrap();
        }
    }

    #[tokio::test]
    async fn credentials_of_the_first_schema_stay_good_and_its_token_becomes_the_operators() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("adit.db");
        let (account, token) = (AccountId::random(), ApiTokenValue::generate());
        let user = UserKey::generate("ada@example.com");
        let place = Place::Sqlite(file.clone());
        place.prepare().unwrap();
        let mut connection = place.connect_writer().await.unwrap();
        let first = place.migrations().into_iter().take(1).collect();
        migrate(&mut connection, &place, first).await.unwrap();
        fill(&mut connection, account, &token, &user).await;
        connection.finish().await.unwrap();

        let keys = StoreKeys::new([42; 32]);
        let store = Store::open(file.to_str().unwrap(), &keys, StoreOptions::default())
            .await
            .unwrap();
        let bootstrap = Bootstrap {
            account: AccountId::random(),
            account_name: "Other".to_owned(),
            domain: "example.com".parse().unwrap(),
            api_token: token.clone(),
            user: None,
        };
        let outcome = store.bootstrap(bootstrap).await.unwrap();
        assert_eq!(outcome.account, account);
        let found = store
            .authenticate(ApiCredential::Token(token.expose()))
            .await
            .unwrap();
        let Some(LoginCredential::Token(found)) = found else {
            panic!("the token is unknown")
        };
        assert!(matches!(found.owner, TokenOwner::Operator { account: own, .. } if own == account));
        assert!(!found.policies.is_empty());
        let (email, key) = (user.email(), user.expose());
        let found = store
            .authenticate(ApiCredential::Key { email, key })
            .await
            .unwrap();
        assert!(matches!(found, Some(LoginCredential::User(_))));
    }
}
