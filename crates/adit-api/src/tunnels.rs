//! Tunnels of type `cfd_tunnel`.

mod connections;
mod create;
mod delete;
mod endpoints;
mod list;
mod view;

use adit_core::port::{CatalogError, Tunnel};
use adit_model::TunnelKey;
use adit_wire::TunnelToken;
use axum::extract::State;

pub(crate) use connections::{CloseConnectionsError, close_connections, connections, connector};
pub(crate) use create::{CreateTunnelError, create};
pub(crate) use delete::{DeleteTunnelError, delete};
pub(crate) use endpoints::endpoints;
pub(crate) use list::{list, list_all_types};

use crate::{envelope::Success, scope::TunnelScope, state::ApiState};
use view::TunnelView;

/// Why a tunnel, or something of it, is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindTunnelError {
    #[error("Tunnel not found")]
    NoTunnel,
    #[error("Connector not found")]
    NoConnector,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Finds a tunnel, deleted or not.
pub(crate) async fn find(state: &ApiState, tunnel: TunnelKey) -> Result<Tunnel, FindTunnelError> {
    let found = state.catalog.tunnel(tunnel).await.map_err(CatalogError::from)?;
    found.ok_or(FindTunnelError::NoTunnel)
}

/// Finds a tunnel that is not deleted.
pub(crate) async fn find_live(state: &ApiState, tunnel: TunnelKey) -> Result<Tunnel, FindTunnelError> {
    let found = find(state, tunnel).await?;
    if found.deleted_at.is_none() {
        Ok(found)
    } else {
        Err(FindTunnelError::NoTunnel)
    }
}

/// `GET …/cfd_tunnel/{tunnel_id}`: deleted ones too, as tools wait for `deleted_at`.
pub(crate) async fn get(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<TunnelView>, FindTunnelError> {
    let tunnel = find(&state, scope.tunnel).await?;
    Ok(Success::of(TunnelView::of(&tunnel)))
}

/// `GET …/cfd_tunnel/{tunnel_id}/token`.
pub(crate) async fn token(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<String>, FindTunnelError> {
    let secret = state.catalog.tunnel_secret(scope.tunnel).await?;
    Ok(Success::of(
        TunnelToken {
            tunnel: scope.tunnel,
            secret,
        }
        .encode(),
    ))
}
