//! Management tokens: what a person's client shows the edge to reach the connectors of one tunnel.

use std::time::SystemTime;

use adit_core::{permission::CFD_WRITE, port::Actor};
use adit_model::{Timestamp, TunnelKey, TunnelKind};
use adit_wire::management_token::{KeyFileError, ManagementActor, ManagementClaims, ManagementResource};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::info;

use crate::{
    endpoint::{Access::Groups, Endpoint},
    envelope::Success,
    extract::JsonBody,
    problem::failures::TUNNEL,
    scope::{ManagementScope, TunnelScope},
    state::ApiState,
    tunnels::{FindTunnelError, find_live},
};

/// Why no management token was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagementError {
    #[error("resources must name at least one of logs, admin and host_details")]
    NoResource,
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error("the management key cannot sign")]
    Sign(#[from] KeyFileError),
}

/// The calls that make management tokens.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/management",
            "Make a management token for some resources of a tunnel's connectors",
            Groups(CFD_WRITE),
            several,
        )
        .takes::<ManagementRequest>()
        .fails(TUNNEL)
        .gives::<String>(),
        Endpoint::post(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/management/{resource}",
            "Make a management token for logs, admin or host_details",
            Groups(CFD_WRITE),
            one,
        )
        .fails(TUNNEL)
        .gives::<String>(),
    ]
}

/// What a management token is to open.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ManagementRequest {
    #[schemars(with = "Vec<ResourceSchema>", length(min = 1))]
    resources: Vec<ManagementResource>,
}

/// What [`ManagementResource`] looks like.
#[derive(JsonSchema)]
#[schemars(rename = "ManagementResource", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the shape of another type")]
enum ResourceSchema {
    /// The stream of a connector's log lines.
    Logs,
    /// Everything.
    Admin,
    /// Which machine a connector runs on.
    HostDetails,
}

/// `POST …/cfd_tunnel/{tunnel_id}/management`.
async fn several(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<ManagementRequest>,
) -> Result<Success<String>, ManagementError> {
    let mut resources = body.resources;
    resources.sort_unstable();
    resources.dedup();
    if resources.is_empty() {
        return Err(ManagementError::NoResource);
    }
    token(&state, scope.tunnel, resources, scope.actor).await
}

/// `POST …/cfd_tunnel/{tunnel_id}/management/{resource}`, whose body nobody reads.
async fn one(
    State(state): State<ApiState>,
    scope: ManagementScope,
) -> Result<Success<String>, ManagementError> {
    token(&state, scope.tunnel, vec![scope.resource], scope.actor).await
}

async fn token(
    state: &ApiState,
    tunnel: TunnelKey,
    resources: Vec<ManagementResource>,
    actor: Actor,
) -> Result<Success<String>, ManagementError> {
    find_live(state, TunnelKind::CfdTunnel, tunnel).await?;
    let actor = ManagementActor {
        id: actor.email.map_or(actor.name, |email| format!("user:{email}")),
        support: false,
    };
    let claims = ManagementClaims::new(tunnel, actor, resources, Timestamp::from(SystemTime::now()));
    let token = state.management_keys.sign(&claims)?;
    info!(
        tunnel.id = %tunnel.tunnel,
        actor = claims.actor.id,
        resources = ?claims.resources,
        "management token made"
    );
    Ok(Success::of(token))
}
