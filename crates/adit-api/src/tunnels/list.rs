//! Listing tunnels.

use adit_core::port::{Page, TunnelFilter};
use adit_model::TunnelStatus;
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

/// Every type of tunnel that the v4 API has; here there are only those of the first.
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
    let page = query.page(PAGES)?;
    let mut found = state
        .catalog
        .tunnels(scope.account, &filter(&query)?, page)
        .await?;
    // A name may hold a percent sign of its own, so names count as decoded once, and again only if none matches.
    if found.total == 0
        && let Some(again) = query.decoded_again()
    {
        found = state
            .catalog
            .tunnels(scope.account, &filter(&again)?, page)
            .await?;
    }
    Ok(Success::page(&found, page, TunnelView::of))
}

/// `GET …/tunnels`: the same, of the types that `tun_types` names.
pub(crate) async fn list_all_types(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<TunnelView>>, Problem> {
    if !wants_cfd_tunnels(&query)? {
        let page = query.page(PAGES)?;
        return Ok(Success::page(
            &Page {
                items: Vec::new(),
                total: 0,
            },
            page,
            TunnelView::of,
        ));
    }
    list(State(state), scope, query).await
}

fn wants_cfd_tunnels(query: &QueryParams) -> Result<bool, RequestError> {
    let names: Vec<&str> = query
        .all("tun_types")
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .collect();
    if names.iter().all(|name| TYPES.contains(name)) {
        return Ok(names.is_empty() || names.contains(&"cfd_tunnel"));
    }
    Err(RequestError::BadParameter {
        name: "tun_types",
        expected: "a comma-separated list of cfd_tunnel, warp_connector, warp, magic, ip_sec, gre, cni",
    })
}

fn filter(query: &QueryParams) -> Result<TunnelFilter, RequestError> {
    let text = |name: &str| query.text(name).map(str::to_owned);
    Ok(TunnelFilter {
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
