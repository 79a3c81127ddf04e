//! Sending replicas away.

use adit_core::port::{Actor, AskError, StoreError, Unlinked};
use adit_model::{ConnectorId, TunnelKey, TunnelKind};
use axum::extract::State;

use super::find_site;
use crate::{
    envelope::Success,
    extract::QueryParams,
    problem::Problem,
    scope::TunnelScope,
    state::ApiState,
    tunnels::{Asked, FindTunnelError},
};

/// Why sessions were not ended, or not known to be ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseSessionsError {
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Mesh(#[from] AskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `DELETE …/warp_connector/{tunnel_id}/connections`: all sessions, or that of the replica `client_id`. As a connector
/// of another tunnel, a replica that has the present secret may come back; one that has not is a stranger from then on,
/// and so is one that is named and has no session.
pub(super) async fn close_connections(
    State(state): State<ApiState>,
    scope: TunnelScope,
    query: QueryParams,
) -> Result<Success<()>, Problem> {
    let connector = query.value("client_id", "a UUID")?;
    close(&state, scope.tunnel, connector, &scope.actor).await?;
    Ok(Success::of(()))
}

async fn close(
    state: &ApiState,
    tunnel: TunnelKey,
    connector: Option<ConnectorId>,
    actor: &Actor,
) -> Result<(), CloseSessionsError> {
    find_site(state, tunnel).await?;
    let ended = unlink_and_evict(state, tunnel, Unlinked::EarlierSecret(connector), actor).await?;
    match connector {
        Some(connector) if ended == 0 => {
            // It may come between the two: then its session ends here.
            unlink_and_evict(state, tunnel, Unlinked::One(connector), actor).await?;
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Takes links away, then ends sessions; how many.
async fn unlink_and_evict(
    state: &ApiState,
    tunnel: TunnelKey,
    which: Unlinked,
    actor: &Actor,
) -> Result<usize, CloseSessionsError> {
    let (_, after) = state.catalog.unlink(tunnel, which, actor).await?;
    let asked = Asked {
        kind: TunnelKind::WarpConnector,
        tunnel,
        after,
    };
    let only = match which {
        Unlinked::EarlierSecret(only) => only,
        Unlinked::One(connector) => Some(connector),
    };
    Ok(asked.close(state, only).await?)
}
