//! Accounts: who owns tunnels, zones and API tokens.

use adit_model::{AccountId, Timestamp};
use async_trait::async_trait;

use super::{Actor, Page, PageRequest, StoreError};
use crate::permission::Reach;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name; several may have the same.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which accounts to list.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Exactly this name.
    pub name: Option<String>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such account.
    #[error("account not found")]
    NoAccount,
    /// It is the one that this installation was made with.
    #[error("the first account, which has the operator's token, stays")]
    First,
    /// It still has things that do not go with it.
    #[error("the account still has {0}; delete them first")]
    InUse(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// One account.
    async fn find_account(&self, account: AccountId) -> Result<Option<Account>, StoreError>;

    /// The accounts within reach that match.
    async fn list_accounts(
        &self,
        reach: &Reach,
        filter: &AccountFilter,
        page: PageRequest,
    ) -> Result<Page<Account>, StoreError>;

    /// Makes an account with a new id.
    async fn add_account(&self, name: String, actor: &Actor) -> Result<Account, StoreError>;

    /// Gives an account another name.
    async fn rename_account(
        &self,
        account: AccountId,
        name: String,
        actor: &Actor,
    ) -> Result<Account, AccountError>;

    /// Removes an account and its API tokens. One with live tunnels or with zones stays.
    async fn remove_account(&self, account: AccountId, actor: &Actor) -> Result<(), AccountError>;
}
