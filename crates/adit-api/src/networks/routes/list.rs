//! Finding routes: lists, and the one that an address takes.

use adit_core::port::{Page, PageRequest, Route, RouteFilter};
use axum::extract::State;

use super::{FoundView, TeamnetView};
use crate::{
    endpoint::Parameter,
    envelope::Success,
    extract::{QueryParams, RequestError},
    networks::{
        list::{PAGES, TYPES, kinds, network, text},
        scope::AddressScope,
    },
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

/// What lists of routes are filtered by; all conditions must hold.
pub(crate) const FILTERS: &[Parameter] = &[
    Parameter::text("comment", "exactly this comment"),
    Parameter::flag("is_deleted", "only deleted ones, or only others; both if absent"),
    Parameter::text("network_subset", "part of this network, or the same"),
    Parameter::text("network_superset", "this network is part of it, or the same"),
    Parameter::time(
        "existed_at",
        "made at or before this time and not deleted before it",
    ),
    Parameter::uuid("tunnel_id", "leads to this tunnel"),
    Parameter::uuid("route_id", "exactly this route"),
    Parameter::words("tun_types", TYPES, "leads to a tunnel of one of these types"),
    Parameter::uuid("virtual_network_id", "in this virtual network"),
];

/// What an address is looked up in.
pub(crate) const FALLBACK: &[Parameter] = &[
    Parameter::uuid("virtual_network_id", "the virtual network that is meant"),
    Parameter::flag(
        "default_virtual_network_fallback",
        "the default one if none is named; true if absent. With false no route is found, as each is in one",
    ),
];

/// `GET …/teamnet/routes`.
pub(crate) async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<TeamnetView>>, Problem> {
    let page = query.page(PAGES)?;
    let mut found = some(&state, &scope, &query, page).await?;
    // A comment may hold a percent sign of its own, so it counts as decoded once, and again only if none matches.
    if found.total == 0
        && let Some(again) = query.decoded_again()
    {
        found = some(&state, &scope, &again, page).await?;
    }
    Ok(Success::page(&found, page, TeamnetView::of))
}

async fn some(
    state: &ApiState,
    scope: &AccountScope,
    query: &QueryParams,
    page: PageRequest,
) -> Result<Page<Route>, Problem> {
    Ok(state.catalog.routes(scope.account, &filter(query)?, page).await?)
}

fn filter(query: &QueryParams) -> Result<RouteFilter, RequestError> {
    Ok(RouteFilter {
        id: query.value("route_id", "a UUID")?,
        comment: text(query, "comment"),
        deleted: query.flag("is_deleted")?,
        existed_at: query.time("existed_at")?,
        within: network(query, "network_subset")?,
        containing: network(query, "network_superset")?,
        tunnel: query.value("tunnel_id", "a UUID")?,
        kinds: kinds(query, "tun_types")?,
        virtual_network: query.value("virtual_network_id", "a UUID")?,
    })
}

/// `GET …/teamnet/routes/ip/{ip}`: the most specific route. If there is none, that is no failure.
pub(crate) async fn to_address(
    State(state): State<ApiState>,
    scope: AddressScope,
    query: QueryParams,
) -> Result<Success<FoundView>, Problem> {
    let virtual_network = query.value("virtual_network_id", "a UUID")?;
    let fallback = query.flag("default_virtual_network_fallback")?.unwrap_or(true);
    let found = if virtual_network.is_some() || fallback {
        state
            .catalog
            .route_to(scope.account, scope.address, virtual_network)
            .await?
    } else {
        None
    };
    Ok(Success::of(found.as_ref().map_or(FoundView::None {}, |route| {
        FoundView::One(Box::new(TeamnetView::of(route)))
    })))
}
