//! Accounts.

use adit_core::{
    permission::ACCOUNT_READ,
    port::{Account, AccountError, AccountFilter},
};
use adit_model::{AccountId, Timestamp};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    endpoint::{Access, DIRECTION, Endpoint, Parameter},
    envelope::Success,
    extract::{JsonBody, PageRules, QueryParams, list},
    name,
    problem::{
        Problem,
        failures::{ACCOUNT, ACCOUNT_IN_USE},
    },
    scope::AccountScope,
    state::ApiState,
};

const PAGES: PageRules = PageRules {
    default: 20,
    limit: 1000,
};

const FILTERS: &[Parameter] = &[Parameter::text("name", "exactly this name")];

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountRequestError {
    #[error("name is required, with 1 to {MAX_NAME} characters and no control characters")]
    BadName,
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// What a client says of an account.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AccountRequest {
    /// 1 to 100 characters.
    #[serde(default)]
    name: Option<String>,
}

impl AccountRequest {
    fn name(self) -> Result<String, AccountRequestError> {
        name::read(self.name, MAX_NAME).ok_or(AccountRequestError::BadName)
    }
}

/// An account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AccountView {
    id: AccountId,
    name: String,
    r#type: &'static str,
    created_on: Timestamp,
    settings: Settings,
    managed_by: Option<ManagedBy>,
}

/// What the vendor lets an account choose; here all is off.
#[derive(Debug, Serialize, JsonSchema)]
struct Settings {
    enforce_twofactor: bool,
    abuse_contact_email: Option<String>,
}

/// The organisation above an account: none here.
#[derive(Debug, Serialize, JsonSchema)]
struct ManagedBy {}

/// What is left of a deleted account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeletedAccount {
    id: AccountId,
}

impl AccountView {
    fn of(account: &Account) -> Self {
        Self {
            id: account.id,
            name: account.name.clone(),
            r#type: "standard",
            created_on: account.created_at,
            settings: Settings {
                enforce_twofactor: false,
                abuse_contact_email: None,
            },
            managed_by: None,
        }
    }
}

/// `GET /accounts`: those that the caller may see.
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    query: QueryParams,
) -> Result<Success<Vec<AccountView>>, Problem> {
    let page = query.page(PAGES)?;
    let reach = caller.reach();
    let found = list!(query, |query| {
        let filter = AccountFilter {
            name: query.text("name").map(str::to_owned),
            oldest_first: query.oldest_first()?,
        };
        state.catalog.list_accounts(&reach, &filter, page).await?
    });
    Ok(Success::page(&found, page, AccountView::of))
}

/// `GET /accounts/{account_id}`.
async fn get(
    State(state): State<ApiState>,
    scope: AccountScope,
) -> Result<Success<AccountView>, AccountRequestError> {
    let found = state
        .catalog
        .find_account(scope.account)
        .await
        .map_err(AccountError::from)?;
    Ok(Success::of(AccountView::of(
        &found.ok_or(AccountError::NoAccount)?,
    )))
}

/// `POST /accounts`.
async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    JsonBody(body): JsonBody<AccountRequest>,
) -> Result<Success<AccountView>, AccountRequestError> {
    let made = state
        .catalog
        .add_account(body.name()?, &caller.actor)
        .await
        .map_err(AccountError::from)?;
    Ok(Success::of(AccountView::of(&made)))
}

/// `PUT /accounts/{account_id}`.
async fn rename(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<AccountRequest>,
) -> Result<Success<AccountView>, AccountRequestError> {
    let renamed = state
        .catalog
        .rename_account(scope.account, body.name()?, &scope.caller.actor)
        .await?;
    Ok(Success::of(AccountView::of(&renamed)))
}

/// `DELETE /accounts/{account_id}`.
async fn delete(
    State(state): State<ApiState>,
    scope: AccountScope,
) -> Result<Success<DeletedAccount>, AccountRequestError> {
    state
        .catalog
        .remove_account(scope.account, &scope.caller.actor)
        .await?;
    Ok(Success::of(DeletedAccount { id: scope.account }))
}

/// The calls on accounts.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let (all, one) = ("/accounts", "/accounts/{account_id}");
    let read = Access::Groups(ACCOUNT_READ);
    vec![
        Endpoint::get(all, "List accounts", read, list)
            .query(FILTERS)
            .query(DIRECTION)
            .gives_page::<AccountView>(),
        Endpoint::post(all, "Make an account", Access::Operator, create)
            .takes::<AccountRequest>()
            .gives::<AccountView>(),
        Endpoint::get(one, "Show an account", read, get)
            .gives::<AccountView>()
            .fails(ACCOUNT),
        Endpoint::put(one, "Rename an account", Access::Operator, rename)
            .takes::<AccountRequest>()
            .gives::<AccountView>()
            .fails(ACCOUNT),
        Endpoint::delete(
            one,
            "Delete an account that has neither live tunnels nor zones",
            Access::Operator,
            delete,
        )
        .gives::<DeletedAccount>()
        .fails(ACCOUNT)
        .fails(ACCOUNT_IN_USE),
    ]
}
