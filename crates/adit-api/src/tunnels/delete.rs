//! Deleting a tunnel.

use adit_core::{
    lifecycle::{Deletion, plan_deletion},
    port::{Actor, AskError, CatalogError, ChangeNumber, Tunnel},
};
use adit_model::TunnelKind;
use axum::extract::State;

use super::{Asked, find, view::TunnelView};
use crate::{envelope::Success, extract::QueryParams, problem::Problem, scope::TunnelScope, state::ApiState};

/// Why a tunnel was not deleted, or not known to be gone everywhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteTunnelError {
    #[error(
        "This tunnel has {connections} active connections. Stop its connectors first, or delete it with cascade=true."
    )]
    StillConnected { connections: usize },
    #[error(transparent)]
    Edge(#[from] AskError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// `DELETE …/cfd_tunnel/{tunnel_id}`.
pub(crate) async fn delete(
    State(state): State<ApiState>,
    scope: TunnelScope,
    query: QueryParams,
) -> Result<Success<TunnelView>, Problem> {
    delete_kind(&state, TunnelKind::CfdTunnel, &scope, &query).await
}

/// Deletes a tunnel of a kind.
pub(crate) async fn delete_kind(
    state: &ApiState,
    kind: TunnelKind,
    scope: &TunnelScope,
    query: &QueryParams,
) -> Result<Success<TunnelView>, Problem> {
    let cascade = query.flag("cascade")?.unwrap_or(false);
    let tunnel = find(state, kind, scope.tunnel).await?;
    let tunnel = remove(state, tunnel, cascade, &scope.actor).await?;
    Ok(Success::of(TunnelView::of(&tunnel)))
}

async fn remove(
    state: &ApiState,
    tunnel: Tunnel,
    cascade: bool,
    actor: &Actor,
) -> Result<Tunnel, DeleteTunnelError> {
    let asked = |after| Asked {
        kind: tunnel.kind,
        tunnel: tunnel.key,
        after,
    };
    match plan_deletion(&tunnel, cascade) {
        Deletion::Again => {
            asked(change_number(state).await?).close(state, None).await?;
            return Ok(tunnel);
        }
        Deletion::Cascade => {}
        Deletion::IfIdle => {
            let connections = asked(change_number(state).await?).count(state).await?;
            if connections > 0 {
                return Err(DeleteTunnelError::StillConnected { connections });
            }
        }
    }
    let (deleted, change) = state.catalog.delete_tunnel(tunnel.key, cascade, actor).await?;
    // Also without cascade: a connector may have come between the question and the deletion.
    asked(change).close(state, None).await?;
    Ok(deleted)
}

async fn change_number(state: &ApiState) -> Result<ChangeNumber, CatalogError> {
    Ok(state.catalog.change_number().await?)
}
