//! Listing tunnels.

use adit_core::port::{Page, PageRequest, StoreError, Tunnel, TunnelFilter};
use adit_model::{TunnelKind, TunnelStatus};
use axum::extract::State;

use super::view::TunnelView;
use crate::{
    envelope::Success,
    extract::{PageRules, QueryParams, RequestError, list},
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

const PAGES: PageRules = PageRules {
    default: 1000,
    limit: 1000,
};

const STATUSES: [(&str, TunnelStatus); 4] = [
    ("inactive", TunnelStatus::Inactive),
    ("healthy", TunnelStatus::Healthy),
    ("degraded", TunnelStatus::Degraded),
    ("down", TunnelStatus::Down),
];

/// `GET …/cfd_tunnel`.
pub(crate) async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<TunnelView>>, Problem> {
    list_kinds(&state, &scope, &query, &[TunnelKind::CfdTunnel]).await
}

/// `GET …/tunnels`: of the types that `tun_types` names, or of all.
pub(crate) async fn list_all_types(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<TunnelView>>, Problem> {
    let kinds = query.tunnel_kinds("tun_types")?;
    let kinds = kinds.unwrap_or_else(|| TunnelKind::ALL.to_vec());
    list_kinds(&state, &scope, &query, &kinds).await
}

/// The tunnels of these kinds.
pub(crate) async fn list_kinds(
    state: &ApiState,
    scope: &AccountScope,
    query: &QueryParams,
    kinds: &[TunnelKind],
) -> Result<Success<Vec<TunnelView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| some(state, scope, filter(query, kinds)?, page)
        .await?);
    Ok(Success::page(&found, page, TunnelView::of))
}

async fn some(
    state: &ApiState,
    scope: &AccountScope,
    filter: TunnelFilter,
    page: PageRequest,
) -> Result<Page<Tunnel>, StoreError> {
    // To the store no kind means every kind.
    if filter.kinds.is_empty() {
        return Ok(Page::empty());
    }
    state.catalog.tunnels(scope.account, &filter, page).await
}

fn filter(query: &QueryParams, kinds: &[TunnelKind]) -> Result<TunnelFilter, RequestError> {
    let text = |name: &str| query.text(name).map(str::to_owned);
    Ok(TunnelFilter {
        kinds: kinds.to_vec(),
        id: query.value("uuid", "a UUID")?,
        name: text("name"),
        include_prefix: text("include_prefix").or_else(|| text("name_prefix")),
        exclude_prefix: text("exclude_prefix"),
        deleted: query.flag("is_deleted")?,
        existed_at: query.time("existed_at")?,
        was_active_at: query.time("was_active_at")?,
        was_inactive_at: query.time("was_inactive_at")?,
        status: query.word("status", "inactive, degraded, healthy or down", &STATUSES)?,
    })
}
