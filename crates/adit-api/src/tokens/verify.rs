//! Is this API token good?

use adit_core::port::{ApiToken, TokenStatus};
use adit_model::{AccountId, ApiTokenId, Timestamp};
use axum::extract::FromRequestParts;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    auth::{AuthError, Caller},
    envelope::Success,
    extract::PathParams,
    problem::{Problem, TOKEN_IS_VALID},
    state::ApiState,
};

#[derive(Serialize, JsonSchema)]
pub(crate) struct Verified {
    id: ApiTokenId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<Timestamp>,
}

impl Verified {
    /// What is said of a token that was let in.
    fn of(token: &ApiToken) -> Success<Self> {
        Success::of(Self {
            id: token.id,
            status: TokenStatus::Active.as_str(),
            not_before: token.not_before,
            expires_on: token.expires_at,
        })
        .with_message(TOKEN_IS_VALID)
    }
}

/// A caller whose API token is verified: here an unknown one is not told from one that is no token at all.
pub(crate) struct VerifiedCaller(Caller);

impl FromRequestParts<ApiState> for VerifiedCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match Caller::of(parts, state).await {
            Ok(caller) => Ok(Self(caller)),
            Err(AuthError::UnknownToken | AuthError::UnknownKey | AuthError::Unusable(_)) => {
                Err(AuthError::NotVerified.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// An account in the path, read after the credential was verified.
pub(crate) struct NamedAccount(AccountId);

impl FromRequestParts<ApiState> for NamedAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        Ok(Self(PathParams::of(parts).await?.id("account_id")?))
    }
}

/// `GET /user/tokens/verify`.
pub(crate) async fn verify(VerifiedCaller(caller): VerifiedCaller) -> Result<Success<Verified>, AuthError> {
    let token = caller.token().ok_or(AuthError::NotVerified)?;
    Ok(Verified::of(token))
}

/// `GET /accounts/{account_id}/tokens/verify`: good only for a token of that account.
pub(crate) async fn verify_of_account(
    VerifiedCaller(caller): VerifiedCaller,
    NamedAccount(account): NamedAccount,
) -> Result<Success<Verified>, AuthError> {
    let token = caller
        .token()
        .filter(|token| token.owner.account() == Some(account))
        .ok_or(AuthError::NotVerified)?;
    Ok(Verified::of(token))
}
