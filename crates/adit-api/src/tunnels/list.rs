//! Listing tunnels.

use adit_core::port::{Page, PageRequest, StoreError, Tunnel, TunnelFilter};
use adit_model::{TunnelKind, TunnelStatus};
use axum::extract::State;

use super::view::TunnelView;
use crate::{
    envelope::Success,
    extract::{PageRules, QueryParams, RequestError},
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

/// Every type of tunnel that the v4 API has; here there are only those that are a [`TunnelKind`].
const TYPES: [&str; 7] = [
    "cfd_tunnel",
    "warp_connector",
    "warp",
    "magic",
    "ip_sec",
    "gre",
    "cni",
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
    let kinds = kinds(&query)?;
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
    let mut found = some(state, scope, filter(query, kinds)?, page).await?;
    // A name may hold a percent sign of its own, so names count as decoded once, and again only if none matches.
    if found.total == 0
        && let Some(again) = query.decoded_again()
    {
        found = some(state, scope, filter(&again, kinds)?, page).await?;
    }
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
        return Ok(Page {
            items: Vec::new(),
            total: 0,
        });
    }
    state.catalog.tunnels(scope.account, &filter, page).await
}

/// The kinds that `tun_types` names; both if it is absent.
fn kinds(query: &QueryParams) -> Result<Vec<TunnelKind>, RequestError> {
    let names: Vec<&str> = query
        .all("tun_types")
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .collect();
    if !names.iter().all(|name| TYPES.contains(name)) {
        return Err(RequestError::BadParameter {
            name: "tun_types",
            expected: "a comma-separated list of cfd_tunnel, warp_connector, warp, magic, ip_sec, gre, cni",
        });
    }
    let wanted = |kind: &TunnelKind| names.is_empty() || names.contains(&kind.as_str());
    Ok(TunnelKind::ALL.into_iter().filter(wanted).collect())
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
