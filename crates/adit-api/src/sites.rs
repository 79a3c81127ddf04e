//! Sites: tunnels of type `warp_connector`, with one or more replicas of which one carries the traffic.

mod close;
mod configuration;
mod create;
mod endpoints;
mod events;
mod failover;
mod replicas;
mod settings;
mod view;

use adit_core::port::{CatalogError, Site};
use adit_model::{TunnelKey, TunnelKind::WarpConnector};
use axum::extract::State;

pub(crate) use close::CloseSessionsError;
pub(crate) use configuration::SiteConfigurationError;
pub(crate) use endpoints::{endpoints, own_endpoints};
pub(crate) use failover::FailoverCallError;
pub(crate) use replicas::ReplicasError;
pub(crate) use settings::HaSettingsError;

use crate::{
    envelope::Success,
    extract::{JsonBody, QueryParams},
    problem::Problem,
    scope::{AccountScope, TunnelScope},
    state::ApiState,
    tunnels::{
        self, FindTunnelError, TunnelChangeRequest, TunnelView, UpdateTunnelError, list_kinds, update_kind,
    },
};

/// Finds a site that is not deleted, with its configuration and decision.
async fn find_site(state: &ApiState, tunnel: TunnelKey) -> Result<Site, FindTunnelError> {
    let found = state.catalog.site(tunnel).await.map_err(CatalogError::from)?;
    let live = found.filter(|site| site.deleted_at.is_none());
    live.ok_or(FindTunnelError::NoTunnel)
}

/// `GET …/warp_connector`.
async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<TunnelView>>, Problem> {
    list_kinds(&state, &scope, &query, &[WarpConnector]).await
}

/// `GET …/warp_connector/{tunnel_id}`.
async fn get(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<TunnelView>, FindTunnelError> {
    tunnels::show(&state, WarpConnector, scope.tunnel).await
}

/// `PATCH …/warp_connector/{tunnel_id}`.
async fn update(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<TunnelChangeRequest>,
) -> Result<Success<TunnelView>, UpdateTunnelError> {
    update_kind(&state, WarpConnector, &scope, body).await
}

/// `DELETE …/warp_connector/{tunnel_id}`.
async fn delete(
    State(state): State<ApiState>,
    scope: TunnelScope,
    query: QueryParams,
) -> Result<Success<TunnelView>, Problem> {
    tunnels::delete_kind(&state, WarpConnector, &scope, &query).await
}

/// `GET …/warp_connector/{tunnel_id}/token`.
async fn token(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<String>, FindTunnelError> {
    tunnels::show_token(&state, WarpConnector, scope.tunnel).await
}
