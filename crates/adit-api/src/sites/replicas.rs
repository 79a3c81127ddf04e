//! Who serves a site, or did so lately.

use std::time::{Duration, SystemTime};

use adit_core::port::{CatalogError, ConnectorRecord};
use adit_model::{Timestamp, TunnelKey};
use axum::extract::State;

use super::{find_site, view::ReplicaView};
use crate::{
    envelope::Success,
    scope::{ConnectorScope, TunnelScope},
    state::ApiState,
    tunnels::FindTunnelError,
};

/// How long a replica that is gone is still shown.
const SHOWN_OFFLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// `GET …/warp_connector/{tunnel_id}/connections`: those connected, and those that were within the last day.
pub(super) async fn connections(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<Vec<ReplicaView>>, FindTunnelError> {
    let site = find_site(&state, scope.tunnel).await?;
    let replicas = lately(&state, scope.tunnel).await?;
    let view = |replica| ReplicaView::of(replica, &site.state);
    Ok(Success::of(replicas.iter().map(view).collect()))
}

/// `GET …/warp_connector/{tunnel_id}/connectors/{connector_id}`.
pub(super) async fn connector(
    State(state): State<ApiState>,
    scope: ConnectorScope,
) -> Result<Success<ReplicaView>, FindTunnelError> {
    let site = find_site(&state, scope.tunnel).await?;
    let replicas = lately(&state, scope.tunnel).await?;
    let found = replicas.iter().find(|replica| replica.id == scope.connector);
    found
        .map(|replica| Success::of(ReplicaView::of(replica, &site.state)))
        .ok_or(FindTunnelError::NoConnector)
}

async fn lately(state: &ApiState, tunnel: TunnelKey) -> Result<Vec<ConnectorRecord>, CatalogError> {
    let since = Timestamp::from(SystemTime::now() - SHOWN_OFFLINE);
    Ok(state.catalog.replicas(tunnel, since).await?)
}
