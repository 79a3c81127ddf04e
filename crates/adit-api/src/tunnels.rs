//! Tunnels of type `cfd_tunnel`.

mod connections;
mod create;
mod delete;
mod endpoints;
mod list;
mod view;

use adit_core::port::{CatalogError, Tunnel};
use adit_model::{TunnelKey, TunnelKind, TunnelKind::CfdTunnel};
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

/// Finds a tunnel of this kind, deleted or not. To the calls on one kind, the other kind's do not exist.
pub(crate) async fn find(
    state: &ApiState,
    kind: TunnelKind,
    tunnel: TunnelKey,
) -> Result<Tunnel, FindTunnelError> {
    let found = state.catalog.tunnel(tunnel).await.map_err(CatalogError::from)?;
    found
        .filter(|tunnel| tunnel.kind == kind)
        .ok_or(FindTunnelError::NoTunnel)
}

/// Finds a tunnel of this kind that is not deleted.
pub(crate) async fn find_live(
    state: &ApiState,
    kind: TunnelKind,
    tunnel: TunnelKey,
) -> Result<Tunnel, FindTunnelError> {
    let found = find(state, kind, tunnel).await?;
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
    let tunnel = find(&state, CfdTunnel, scope.tunnel).await?;
    Ok(Success::of(TunnelView::of(&tunnel)))
}

/// `GET …/cfd_tunnel/{tunnel_id}/token`.
pub(crate) async fn token(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<String>, FindTunnelError> {
    find_live(&state, CfdTunnel, scope.tunnel).await?;
    let secret = state.catalog.tunnel_secret(scope.tunnel).await?;
    Ok(Success::of(
        TunnelToken {
            tunnel: scope.tunnel,
            secret,
        }
        .encode(),
    ))
}
