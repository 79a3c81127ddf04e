//! Finding routes: lists, and the one that an address takes.

use adit_core::port::RouteFilter;
use axum::extract::State;

use super::{FoundView, TeamnetView};
use crate::{
    endpoint::Parameter,
    envelope::Success,
    extract::{QueryParams, RequestError, TUNNEL_TYPES, list},
    networks::{
        list::{PAGES, network, text},
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
    Parameter::words(
        "tun_types",
        TUNNEL_TYPES,
        "leads to a tunnel of one of these types",
    ),
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
    let found = list!(query, |query| {
        let filter = filter(query)?;
        state.catalog.routes(scope.account, &filter, page).await?
    });
    Ok(Success::page(&found, page, TeamnetView::of))
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
        kinds: query.tunnel_kinds("tun_types")?,
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
