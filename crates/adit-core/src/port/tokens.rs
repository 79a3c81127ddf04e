//! API tokens as objects: made, changed, replaced, removed.

use adit_model::{ApiTokenId, Timestamp};
use async_trait::async_trait;

use super::{Actor, ApiToken, Page, PageRequest, StoreError, TokenOwner};
use crate::{
    permission::{AddressRule, Policy},
    token_value::ApiTokenValue,
};

/// What its owner says of an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTerms {
    /// Its name; several may have the same.
    pub name: String,
    /// Whether it is switched off.
    pub disabled: bool,
    /// What it may do.
    pub policies: Vec<Policy>,
    /// From where.
    pub addresses: AddressRule,
    /// From when on, if not at once.
    pub not_before: Option<Timestamp>,
    /// Until when, if not for good.
    pub expires_at: Option<Timestamp>,
}

/// Why an API token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The owner has no such token.
    #[error("API token not found")]
    NoToken,
    /// It is no longer what the caller saw, and decided upon.
    #[error("the API token was changed by somebody else; look at it again")]
    Changed,
    /// The server itself keeps it.
    #[error("this is the operator's token, which the server keeps in cert.pem; it is not changed by calls")]
    Operators,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// API tokens.
#[async_trait]
pub trait ApiTokens: Send + Sync {
    /// The tokens of an owner, newest first or oldest first.
    async fn list_tokens(
        &self,
        owner: &TokenOwner,
        oldest_first: bool,
        page: PageRequest,
    ) -> Result<Page<ApiToken>, StoreError>;

    /// One token of an owner.
    async fn find_token(&self, owner: &TokenOwner, token: ApiTokenId)
    -> Result<Option<ApiToken>, StoreError>;

    /// Makes a token. This is the only time that its value is known.
    async fn create_token(
        &self,
        owner: TokenOwner,
        terms: TokenTerms,
        actor: &Actor,
    ) -> Result<(ApiToken, ApiTokenValue), StoreError>;

    /// Gives a token other terms, if it still is what was `seen`.
    async fn update_token(
        &self,
        seen: &ApiToken,
        terms: TokenTerms,
        actor: &Actor,
    ) -> Result<ApiToken, TokenError>;

    /// Gives a token another value, if it still is what was `seen`. The old value is no longer good.
    async fn roll_token(&self, seen: &ApiToken, actor: &Actor) -> Result<ApiTokenValue, TokenError>;

    /// Removes a token.
    async fn delete_token(&self, seen: &ApiToken, actor: &Actor) -> Result<(), TokenError>;
}
