//! Tunnels of type `cfd_tunnel`.

mod ask;
mod configuration_status;
mod configurations;
mod connections;
mod create;
mod delete;
mod endpoints;
mod list;
mod secret;
mod update;
mod view;

use adit_core::port::{CatalogError, Tunnel};
use adit_model::{TunnelKey, TunnelKind, TunnelKind::CfdTunnel};
use adit_wire::TunnelToken;
use axum::extract::State;

pub(crate) use ask::Asked;
pub(crate) use configurations::ConfigurationError;
pub(crate) use connections::{CloseConnectionsError, close_connections, connections, connector};
pub(crate) use create::{CreateTunnelError, create, parse_name};
pub(crate) use delete::{DeleteTunnelError, delete, delete_kind};
pub(crate) use endpoints::{changes, closes, deletes, endpoints, lists, shows};
pub(crate) use list::{list, list_all_types, list_kinds};
pub(crate) use secret::{NoRandomness, parse_secret, random_secret};
pub(crate) use update::{TunnelChangeRequest, UpdateTunnelError, update, update_kind};
pub(crate) use view::TunnelView;

use crate::{envelope::Success, scope::TunnelScope, state::ApiState};

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

/// Shows a tunnel of a kind: deleted ones too, as tools wait for `deleted_at`.
pub(crate) async fn show(
    state: &ApiState,
    kind: TunnelKind,
    tunnel: TunnelKey,
) -> Result<Success<TunnelView>, FindTunnelError> {
    let tunnel = find(state, kind, tunnel).await?;
    Ok(Success::of(TunnelView::of(&tunnel)))
}

/// Shows the token that connectors of a tunnel of a kind run with.
pub(crate) async fn show_token(
    state: &ApiState,
    kind: TunnelKind,
    tunnel: TunnelKey,
) -> Result<Success<String>, FindTunnelError> {
    let secret = state.catalog.tunnel_secret(tunnel, kind).await?;
    Ok(Success::of(TunnelToken { tunnel, secret }.encode()))
}

/// `GET …/cfd_tunnel/{tunnel_id}`.
pub(crate) async fn get(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<TunnelView>, FindTunnelError> {
    show(&state, CfdTunnel, scope.tunnel).await
}

/// `GET …/cfd_tunnel/{tunnel_id}/token`.
pub(crate) async fn token(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<String>, FindTunnelError> {
    show_token(&state, CfdTunnel, scope.tunnel).await
}
