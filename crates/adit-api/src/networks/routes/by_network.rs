//! Routes by the network that they are of: the older form, which old clients know alone.

use adit_core::port::{NetworkError, RouteSelector};
use adit_model::TunnelKind;
use axum::extract::State;

use super::{RouteRequest, RouteView};
use crate::{
    endpoint::Parameter,
    extract::{JsonBody, QueryParams, TUNNEL_TYPES},
    networks::{
        scope::NetworkScope,
        shown::{Shown, shown},
    },
    state::ApiState,
};

/// Which of the routes of a network is meant.
pub(crate) const BY_NETWORK: &[Parameter] = &[
    Parameter::uuid(
        "virtual_network_id",
        "in this virtual network; in the default one if absent",
    ),
    Parameter::uuid("tunnel_id", "only if it leads to this tunnel"),
    Parameter::words(
        "tun_type",
        TUNNEL_TYPES,
        "only if it leads to a tunnel of one of these types; cfd_tunnel if neither this nor tunnel_id is given",
    ),
];

/// `POST …/teamnet/routes/network/{ip_network_encoded}`.
pub(crate) async fn create_by_network(
    State(state): State<ApiState>,
    scope: NetworkScope,
    JsonBody(body): JsonBody<RouteRequest>,
) -> Shown<RouteView> {
    let new = body.whole(Some(scope.network))?;
    let route = state.catalog.create_route(scope.account, new, &scope.actor).await;
    shown(route, RouteView::of)
}

/// `PATCH …/teamnet/routes/network/{ip_network_encoded}`. The virtual network says which route is meant; it does not
/// change.
pub(crate) async fn update_by_network(
    State(state): State<ApiState>,
    scope: NetworkScope,
    query: QueryParams,
    JsonBody(body): JsonBody<RouteRequest>,
) -> Shown<RouteView> {
    let named = query.value("virtual_network_id", "a UUID")?;
    let selector = RouteSelector::Network {
        network: scope.network,
        virtual_network: named.or(body.virtual_network()),
        tunnel: None,
        kind: None,
    };
    let mut change = body.part()?;
    change.virtual_network = None;
    let route = state
        .catalog
        .update_route(scope.account, selector, change, &scope.actor)
        .await;
    shown(route, RouteView::of)
}

/// `DELETE …/teamnet/routes/network/{ip_network_encoded}`.
pub(crate) async fn delete_by_network(
    State(state): State<ApiState>,
    scope: NetworkScope,
    query: QueryParams,
) -> Shown<RouteView> {
    let tunnel = query.value("tunnel_id", "a UUID")?;
    let kind = match query.tunnel_kinds("tun_type")?.as_deref() {
        // A type of which there are no tunnels here.
        Some([]) => return Err(NetworkError::NoRoute.into()),
        Some([kind]) => Some(*kind),
        // Both kinds that there are.
        Some([_, ..]) => None,
        None if tunnel.is_some() => None,
        None => Some(TunnelKind::CfdTunnel),
    };
    let selector = RouteSelector::Network {
        network: scope.network,
        virtual_network: query.value("virtual_network_id", "a UUID")?,
        tunnel,
        kind,
    };
    let route = state
        .catalog
        .delete_route(scope.account, selector, &scope.actor)
        .await;
    shown(route, RouteView::of)
}
