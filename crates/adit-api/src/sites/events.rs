//! Every switch of a site, and why. The vendor has no such call; this is Adit's own.

use adit_core::{
    ha::{HaCause, HaEvent},
    port::CatalogError,
};
use adit_model::{ConnectorId, Timestamp};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::find_site;
use crate::{
    envelope::Success, extract::QueryParams, networks::PAGES, problem::Problem, scope::TunnelScope,
    state::ApiState, tunnels::FindTunnelError,
};

/// A decision about who is active in a site.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HaEventView {
    /// The decision's number; a later one has a higher one.
    epoch: u64,
    /// When it was made.
    at: Timestamp,
    /// Why.
    #[schemars(with = "HaCauseSchema")]
    cause: HaCause,
    /// Who was active before; null if nobody.
    from: Option<ConnectorId>,
    /// Who is since; null if nobody.
    to: Option<ConnectorId>,
    /// Milliseconds from the last packet of the one to the first of the other; null if no packets told.
    gap_ms: Option<f64>,
}

/// Why a decision about who is active was made.
#[derive(JsonSchema)]
#[schemars(rename = "HaCause", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the values of a text")]
enum HaCauseSchema {
    First,
    Manual,
    Drain,
    Disconnected,
    Silent,
    LanUnwell,
    DataPathLost,
    Outdated,
    Unlinked,
    Preempted,
    NotAcknowledged,
    Restarted,
}

impl HaEventView {
    fn of(event: &HaEvent) -> Self {
        Self {
            epoch: event.epoch.0,
            at: event.at,
            cause: event.cause,
            from: event.from,
            to: event.to,
            gap_ms: event.gap.map(|gap| gap.as_secs_f64() * 1000.0),
        }
    }
}

/// `GET /accounts/{account_id}/adit/warp_connector/{tunnel_id}/ha_events`: newest first.
pub(super) async fn events(
    State(state): State<ApiState>,
    scope: TunnelScope,
    query: QueryParams,
) -> Result<Success<Vec<HaEventView>>, Problem> {
    let page = query.page(PAGES)?;
    find_site(&state, scope.tunnel).await?;
    let found = state.catalog.ha_events(scope.tunnel, page).await;
    let found = found.map_err(CatalogError::from).map_err(FindTunnelError::from)?;
    Ok(Success::page(&found, page, HaEventView::of))
}
