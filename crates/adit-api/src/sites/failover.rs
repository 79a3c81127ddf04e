//! Making a replica active because somebody asks for it.

use adit_core::{
    ha::{Epoch, FailoverPlan, FailoverRefusal, HaState},
    port::{AuditedAct, CatalogError, FailoverError, FailoverRequest},
};
use adit_model::ConnectorId;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    ReplicasError, find_site,
    replicas::{all, as_held},
};
use crate::{
    envelope::Success,
    extract::{JsonBody, QueryParams},
    problem::Problem,
    scope::TunnelScope,
    state::ApiState,
    tunnels::FindTunnelError,
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
    query: QueryParams,
    JsonBody(body): JsonBody<FailoverTarget>,
) -> Result<Success<FailedOver>, Problem> {
    let force = query.flag("force")?.unwrap_or(false);
    fail_over(&state, &scope, body.client_id, force).await?;
    Ok(Success::of(FailedOver {}))
}

async fn fail_over(
    state: &ApiState,
    scope: &TunnelScope,
    target: ConnectorId,
    force: bool,
) -> Result<(), FailoverCallError> {
    let site = find_site(state, scope.tunnel).await?;
    let replicas = all(state, scope.tunnel).await?;
    let now = as_held(state, &site).await?;
    let (target, seen) = match now.plan_failover(&replicas, target)? {
        FailoverPlan::AlreadyActive => return Ok(()),
        FailoverPlan::Act { target, seen } => (target, seen),
    };
    let after = state.catalog.change_number().await.map_err(CatalogError::from)?;
    let request = FailoverRequest {
        tunnel: scope.tunnel,
        target,
        seen,
        force,
        after,
    };
    let epoch = state.sites.fail_over(request, state.limits.edge_time).await?;
    state
        .catalog
        .audit(act(&now, target, epoch, force), &scope.actor)
        .await
        .map_err(CatalogError::from)?;
    Ok(())
}

/// Who asked for what; that it was decided is on record by itself.
fn act(before: &HaState, target: ConnectorId, epoch: Epoch, force: bool) -> AuditedAct {
    AuditedAct {
        account: Some(before.tunnel.account),
        action: "site.failover",
        object: format!("{} {target}", before.tunnel.tunnel),
        before: Some(json!({"epoch": before.epoch.0, "client_id": before.active})),
        after: Some(json!({"epoch": epoch.0, "client_id": target, "force": force})),
    }
}
