//! Making a replica active because somebody asks for it.

use adit_core::{
    ha::{FailoverPlan, FailoverRefusal},
    port::{CatalogError, FailoverError, FailoverRequest},
};
use adit_model::ConnectorId;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ReplicasError, find_site,
    replicas::{all, as_held},
};
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
    Replicas(#[from] ReplicasError),
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
    let replicas = all(&state, scope.tunnel).await?;
    let now = as_held(&state, &site).await?;
    let (target, seen) = match now.plan_failover(&replicas, body.client_id)? {
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
