//! Who serves a tunnel now, and sending them away.

use adit_core::port::{AskError, CatalogError};
use adit_model::{ConnectorId, TunnelKey, TunnelKind::CfdTunnel};
use axum::extract::State;

use super::{Asked, FindTunnelError, find_live, view::ConnectorView};
use crate::{
    envelope::Success,
    extract::QueryParams,
    problem::Problem,
    scope::{ConnectorScope, TunnelScope},
    state::ApiState,
};

/// Why connections were not closed, or not known to be closed everywhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseConnectionsError {
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Edge(#[from] AskError),
}

/// `GET …/cfd_tunnel/{tunnel_id}/connections`: the connectors with live connections.
pub(crate) async fn connections(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<Vec<ConnectorView>>, FindTunnelError> {
    let tunnel = find_live(&state, CfdTunnel, scope.tunnel).await?;
    Ok(Success::of(
        tunnel.connectors.iter().map(ConnectorView::of).collect(),
    ))
}

/// `GET …/cfd_tunnel/{tunnel_id}/connectors/{connector_id}`.
pub(crate) async fn connector(
    State(state): State<ApiState>,
    scope: ConnectorScope,
) -> Result<Success<ConnectorView>, FindTunnelError> {
    let tunnel = find_live(&state, CfdTunnel, scope.tunnel).await?;
    let found = tunnel
        .connectors
        .iter()
        .find(|connector| connector.id == scope.connector);
    found
        .map(ConnectorView::of)
        .map(Success::of)
        .ok_or(FindTunnelError::NoConnector)
}

/// `DELETE …/cfd_tunnel/{tunnel_id}/connections`: all, or those of the connector `client_id`. A connector that was
/// sent away may come back; one that is not there is no failure.
pub(crate) async fn close_connections(
    State(state): State<ApiState>,
    scope: TunnelScope,
    query: QueryParams,
) -> Result<Success<()>, Problem> {
    let connector = query.value("client_id", "a UUID")?;
    close(&state, scope.tunnel, connector).await?;
    Ok(Success::of(()))
}

async fn close(
    state: &ApiState,
    tunnel: TunnelKey,
    connector: Option<ConnectorId>,
) -> Result<(), CloseConnectionsError> {
    find_live(state, CfdTunnel, tunnel).await?;
    let after = state
        .catalog
        .change_number()
        .await
        .map_err(CatalogError::from)
        .map_err(FindTunnelError::from)?;
    let asked = Asked {
        kind: CfdTunnel,
        tunnel,
        after,
    };
    asked.close(state, connector).await?;
    Ok(())
}
