//! Who serves a site, or did so lately, and who of them carries its traffic.

use std::time::{Duration, SystemTime};

use adit_core::{
    ha::{HaState, Replicas},
    port::{AskError, CatalogError, ConnectorRecord, Site},
};
use adit_model::{Timestamp, TunnelKey};
use axum::extract::State;

use super::{
    find_site,
    view::{ReplicaView, replica},
};
use crate::{
    envelope::Success,
    scope::{ConnectorScope, TunnelScope},
    state::ApiState,
    tunnels::FindTunnelError,
};

/// How long a replica that is gone is still shown, if it is not linked.
const SHOWN_OFFLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why replicas are not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplicasError {
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Mesh(#[from] AskError),
}

/// `GET …/warp_connector/{tunnel_id}/connections`: those that are linked or connected, and those that were within the
/// last day.
pub(super) async fn connections(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<Vec<ReplicaView>>, ReplicasError> {
    let (now, replicas) = lately(&state, scope.tunnel).await?;
    let view = |replica| ReplicaView::of(replica, &now);
    Ok(Success::of(replicas.iter().map(view).collect()))
}

/// `GET …/warp_connector/{tunnel_id}/connectors/{connector_id}`.
pub(super) async fn connector(
    State(state): State<ApiState>,
    scope: ConnectorScope,
) -> Result<Success<ReplicaView>, ReplicasError> {
    let (now, replicas) = lately(&state, scope.tunnel).await?;
    let found = replicas.iter().find(|replica| replica.id == scope.connector);
    let found = found.ok_or(FindTunnelError::NoConnector)?;
    Ok(Success::of(ReplicaView::of(found, &now)))
}

async fn lately(
    state: &ApiState,
    tunnel: TunnelKey,
) -> Result<(HaState, Vec<ConnectorRecord>), ReplicasError> {
    let site = find_site(state, tunnel).await?;
    let now = as_held(state, &site).await?;
    let since = Timestamp::from(SystemTime::now() - SHOWN_OFFLINE);
    Ok((now, since_then(state, tunnel, since).await?))
}

/// A site's state with the replica that carries its traffic now: only who holds the replicas knows.
pub(super) async fn as_held(state: &ApiState, site: &Site) -> Result<HaState, ReplicasError> {
    let tunnel = site.state.tunnel;
    let after = state.catalog.change_number().await;
    let after = after.map_err(CatalogError::from).map_err(FindTunnelError::from)?;
    let live = match state.sites.live(tunnel, after, state.limits.edge_time).await {
        Ok(live) => live,
        Err(AskError::Stopped) => Vec::new(),
        Err(error @ (AskError::Silent | AskError::QueueFull)) => return Err(error.into()),
    };
    let active = live.iter().find(|replica| replica.active);
    Ok(HaState {
        active: active.map(|replica| replica.connector),
        ..site.state
    })
}

/// Every replica that is linked or connected.
pub(super) async fn all(state: &ApiState, tunnel: TunnelKey) -> Result<Replicas, FindTunnelError> {
    let records = since_then(state, tunnel, Timestamp::from(SystemTime::now())).await?;
    Ok(records
        .iter()
        .map(|record| (record.id, replica(record)))
        .collect())
}

async fn since_then(
    state: &ApiState,
    tunnel: TunnelKey,
    since: Timestamp,
) -> Result<Vec<ConnectorRecord>, FindTunnelError> {
    let found = state.catalog.replicas(tunnel, since).await;
    Ok(found.map_err(CatalogError::from)?)
}
