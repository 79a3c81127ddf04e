//! API tokens, of users and of accounts, and what they can be given.

mod endpoints;
mod groups;
mod request;
mod verify;
mod view;

use adit_core::port::{TokenError, TokenTerms};
use axum::extract::State;

pub(crate) use endpoints::endpoints;

use crate::{
    auth::Caller,
    envelope::Success,
    extract::{JsonBody, PageRules, QueryParams},
    problem::Problem,
    scope::{TokenScope, TokensScope},
    state::ApiState,
};
use request::TokenRequest;
pub(crate) use request::TokenRequestError;
use view::{CreatedToken, DeletedToken, TokenView};

const PAGES: PageRules = PageRules {
    default: 20,
    limit: 1000,
};

/// `GET …/tokens`.
async fn list(
    State(state): State<ApiState>,
    scope: TokensScope,
    query: QueryParams,
) -> Result<Success<Vec<TokenView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = state
        .catalog
        .list_tokens(&scope.owner, query.oldest_first()?, page)
        .await?;
    Ok(Success::page(&found, page, TokenView::of))
}

/// `POST …/tokens`: the only answer that has the value.
async fn create(
    State(state): State<ApiState>,
    TokensScope { owner, caller }: TokensScope,
    JsonBody(body): JsonBody<TokenRequest>,
) -> Result<Success<CreatedToken>, TokenRequestError> {
    let terms = body.check(&state, &owner, None).await?;
    may_give(&state, &caller, &terms).await?;
    let made = state.catalog.create_token(owner, terms, &caller.actor).await;
    let (token, value) = made.map_err(TokenError::from)?;
    Ok(Success::of(CreatedToken::of(&token, &value)))
}

/// `GET …/tokens/{token_id}`.
async fn get(scope: TokenScope) -> Success<TokenView> {
    Success::of(TokenView::of(&scope.token))
}

/// `PUT …/tokens/{token_id}`: what is not said of bounds is no longer bounded.
async fn replace(
    State(state): State<ApiState>,
    TokenScope { token, caller }: TokenScope,
    JsonBody(body): JsonBody<TokenRequest>,
) -> Result<Success<TokenView>, TokenRequestError> {
    let terms = body.check(&state, &token.owner, Some(&token)).await?;
    may_give(&state, &caller, &terms).await?;
    let changed = state.catalog.update_token(&token, terms, &caller.actor).await?;
    Ok(Success::of(TokenView::of(&changed)))
}

/// `PUT …/tokens/{token_id}/value`: who learns a token's value may do what it may.
async fn roll(
    State(state): State<ApiState>,
    TokenScope { token, caller }: TokenScope,
) -> Result<Success<String>, TokenRequestError> {
    may_give(&state, &caller, &TokenTerms::of(&token)).await?;
    let value = state.catalog.roll_token(&token, &caller.actor).await?;
    Ok(Success::of(value.expose().to_owned()))
}

/// `DELETE …/tokens/{token_id}`.
async fn delete(
    State(state): State<ApiState>,
    TokenScope { token, caller }: TokenScope,
) -> Result<Success<DeletedToken>, TokenRequestError> {
    state.catalog.delete_token(&token, &caller.actor).await?;
    Ok(Success::of(DeletedToken::of(&token)))
}

/// Whether the caller may give that away: users and the operator anything, a token what it may do itself, for as long
/// and from where it may.
async fn may_give(state: &ApiState, caller: &Caller, terms: &TokenTerms) -> Result<(), TokenRequestError> {
    let Some(own) = caller.token().filter(|_| !caller.is_operator()) else {
        return Ok(());
    };
    let wanted = TokenTerms {
        policies: request::with_accounts_of_zones(state, &terms.policies).await?,
        ..terms.clone()
    };
    if wanted.are_within(own) {
        Ok(())
    } else {
        Err(TokenRequestError::TooMuch(caller.refuse()))
    }
}
