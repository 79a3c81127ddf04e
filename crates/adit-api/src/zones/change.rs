//! Making zones, pausing them, and removing them.

use adit_core::{object, permission::Target, port::ZoneError};
use adit_model::{AccountId, Hostname, ZoneId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::ZoneView;
use crate::{
    auth::{AuthError, Caller},
    envelope::Success,
    extract::JsonBody,
    scope::ZoneScope,
    state::ApiState,
};

/// Why a zone was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZoneRequestError {
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

fn invalid(field: &'static str, reason: impl ToString) -> ZoneRequestError {
    ZoneRequestError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

/// A zone as a client asks for it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ZoneRequest {
    /// The domain.
    #[serde(default)]
    name: Option<String>,
    /// Whose; if absent, the account of the token that asks.
    #[serde(default, deserialize_with = "object::maybe")]
    account: Option<AccountRef>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AccountRef {
    #[serde(default)]
    id: Option<AccountId>,
}

/// What a client changes of a zone.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ZoneChange {
    /// Whether its host names are kept without being served.
    #[serde(default)]
    paused: Option<bool>,
}

/// What is left of a deleted zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeletedZone {
    id: ZoneId,
}

/// `POST /zones`.
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    JsonBody(body): JsonBody<ZoneRequest>,
) -> Result<Success<ZoneView>, ZoneRequestError> {
    let own = || caller.token().and_then(|token| token.owner.account());
    let asked = body.account.and_then(|account| account.id).or_else(own);
    let account = asked.ok_or_else(|| invalid("account", "its id is required"))?;
    caller.may_act_on(Target::Account(account))?;
    let name = body.name.ok_or_else(|| invalid("name", "is required"))?;
    let name: Hostname = name.parse().map_err(|error| invalid("name", error))?;
    let zone = state.catalog.add_zone(account, name, &caller.actor).await?;
    Ok(Success::of(ZoneView::of(&zone)))
}

/// `PATCH /zones/{zone_id}`.
pub(crate) async fn edit(
    State(state): State<ApiState>,
    ZoneScope { zone, actor }: ZoneScope,
    JsonBody(body): JsonBody<ZoneChange>,
) -> Result<Success<ZoneView>, ZoneRequestError> {
    let zone = match body.paused {
        Some(paused) => state.catalog.pause_zone(zone.id, paused, &actor).await?.0,
        None => zone,
    };
    Ok(Success::of(ZoneView::of(&zone)))
}

/// `DELETE /zones/{zone_id}`: its records go with it.
pub(crate) async fn delete(
    State(state): State<ApiState>,
    ZoneScope { zone, actor }: ZoneScope,
) -> Result<Success<DeletedZone>, ZoneRequestError> {
    state.catalog.remove_zone(zone.id, &actor).await?;
    Ok(Success::of(DeletedZone { id: zone.id }))
}
