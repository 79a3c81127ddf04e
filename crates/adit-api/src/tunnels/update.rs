//! Changing a tunnel: its name, its secret.

use adit_core::port::{AskError, CatalogError, TunnelChanges};
use adit_model::{TunnelKind, TunnelNameError};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Asked, FindTunnelError, find_live, parse_secret, secret::BadSecret, view::TunnelView};
use crate::{envelope::Success, extract::JsonBody, scope::TunnelScope, state::ApiState};

/// Why a tunnel was not changed, or an edge is not known to know of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateTunnelError {
    #[error(transparent)]
    BadName(TunnelNameError),
    #[error(transparent)]
    BadSecret(#[from] BadSecret),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Edge(#[from] AskError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What to change about a tunnel; what is absent stays. Without `Debug`, because a secret is in it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TunnelChangeRequest {
    name: Option<String>,
    /// Base64 of 32 to 4096 bytes. Present connections stay; who comes with the old one is refused.
    tunnel_secret: Option<String>,
}

/// `PATCH …/cfd_tunnel/{tunnel_id}`.
pub(crate) async fn update(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<TunnelChangeRequest>,
) -> Result<Success<TunnelView>, UpdateTunnelError> {
    update_kind(&state, TunnelKind::CfdTunnel, &scope, body).await
}

/// Changes a tunnel of a kind.
pub(crate) async fn update_kind(
    state: &ApiState,
    kind: TunnelKind,
    scope: &TunnelScope,
    body: TunnelChangeRequest,
) -> Result<Success<TunnelView>, UpdateTunnelError> {
    find_live(state, kind, scope.tunnel).await?;
    let name = body.name.map(|name| name.parse()).transpose();
    let changes = TunnelChanges {
        name: name.map_err(UpdateTunnelError::BadName)?,
        secret: body.tunnel_secret.as_deref().map(parse_secret).transpose()?,
    };
    let rotates = changes.secret.is_some();
    let (tunnel, after) = state
        .catalog
        .update_tunnel(scope.tunnel, changes, &scope.actor)
        .await?;
    if rotates {
        // They answer only once they know of the change: from here on the old secret opens nothing.
        let asked = Asked {
            kind,
            tunnel: scope.tunnel,
            after,
        };
        asked.count(state).await?;
    }
    Ok(Success::of(TunnelView::of(&tunnel)))
}
