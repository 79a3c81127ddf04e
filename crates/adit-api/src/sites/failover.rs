//! Making a replica active because somebody asks for it.

use adit_core::{
    ha::{FailoverPlan, FailoverRefusal, Replicas},
    port::{CatalogError, FailoverError, FailoverRequest},
};
use adit_model::{ConnectorId, Timestamp, TunnelKey};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{find_site, view::replica};
use crate::{
    envelope::Success, extract::JsonBody, scope::TunnelScope, state::ApiState, tunnels::FindTunnelError,
};

/// Why a replica was not made active.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FailoverCallError {
    #[error(transparent)]
    Refused(#[from] FailoverRefusal),
    #[error(transparent)]
    Failed(#[from] FailoverError),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Who is to become active.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct FailoverTarget {
    client_id: ConnectorId,
}

/// It is active now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FailedOver {}

/// `PUT …/warp_connector/{tunnel_id}/failover`.
pub(super) async fn failover(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<FailoverTarget>,
) -> Result<Success<FailedOver>, FailoverCallError> {
    let site = find_site(&state, scope.tunnel).await?;
    let replicas = all_replicas(&state, scope.tunnel).await?;
    let (target, seen) = match site.state.plan_failover(&replicas, body.client_id)? {
        FailoverPlan::AlreadyActive => return Ok(Success::of(FailedOver {})),
        FailoverPlan::Act { target, seen } => (target, seen),
    };
    let after = state.catalog.change_number().await.map_err(CatalogError::from)?;
    let request = FailoverRequest {
        tunnel: scope.tunnel,
        target,
        seen,
        after,
    };
    state.sites.fail_over(request, state.limits.edge_time).await?;
    Ok(Success::of(FailedOver {}))
}

/// Every replica that is still known, however long it is gone.
async fn all_replicas(state: &ApiState, tunnel: TunnelKey) -> Result<Replicas, CatalogError> {
    let since = Timestamp::from(std::time::SystemTime::UNIX_EPOCH);
    let records = state.catalog.replicas(tunnel, since).await?;
    Ok(records
        .iter()
        .map(|record| (record.id, replica(record)))
        .collect())
}
