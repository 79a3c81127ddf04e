//! API tokens as objects: made, changed, replaced, removed.

use adit_model::{ApiTokenId, Timestamp};
use async_trait::async_trait;

use super::{Actor, ApiToken, Page, PageRequest, StoreError, TokenOwner};
use crate::{
    permission::{AddressRule, Policy, within},
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

impl TokenTerms {
    /// The terms of a token as it is.
    #[must_use]
    pub fn of(token: &ApiToken) -> Self {
        Self {
            name: token.name.clone(),
            disabled: token.disabled,
            policies: token.policies.clone(),
            addresses: token.addresses.clone(),
            not_before: token.not_before,
            expires_at: token.expires_at,
        }
    }

    /// Whether a token of these terms would be good for nothing, at no time and from nowhere that `own` is not good for.
    /// Who asks has `own` in use, so its first day is past, and a token's first day makes no difference.
    #[must_use]
    pub fn are_within(&self, own: &ApiToken) -> bool {
        let ends_in_time = own
            .expires_at
            .is_none_or(|own| self.expires_at.is_some_and(|end| end <= own));
        ends_in_time && own.addresses.contains(&self.addresses) && within(&own.policies, &self.policies)
    }
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
