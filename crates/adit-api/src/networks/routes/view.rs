//! Routes as clients see them.

use adit_core::port::Route;
use adit_model::{RouteId, Timestamp, TunnelId, TunnelKind, TunnelName, VirtualNetworkId};
use schemars::JsonSchema;
use serde::Serialize;

/// A route.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NetworkRoute")]
pub(crate) struct RouteView {
    id: RouteId,
    network: String,
    tunnel_id: TunnelId,
    virtual_network_id: VirtualNetworkId,
    comment: String,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

/// A route with the names of what it connects.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Teamnet")]
pub(crate) struct TeamnetView {
    #[serde(flatten)]
    route: RouteView,
    tun_type: TunnelKind,
    tunnel_name: TunnelName,
    virtual_network_name: String,
}

/// A route, or an empty object if no route is taken, which the stock client takes for none.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FoundTeamnet")]
pub(crate) enum FoundView {
    One(Box<TeamnetView>),
    None {},
}

impl RouteView {
    /// What clients see of a route.
    pub(super) fn of(route: &Route) -> Self {
        Self {
            id: route.id,
            network: route.network.to_string(),
            tunnel_id: route.tunnel,
            virtual_network_id: route.virtual_network,
            comment: route.comment.as_str().to_owned(),
            created_at: route.created_at,
            deleted_at: route.deleted_at,
        }
    }
}

impl TeamnetView {
    /// What clients see of a route in a list.
    pub(super) fn of(route: &Route) -> Self {
        Self {
            route: RouteView::of(route),
            tun_type: route.tunnel_kind,
            tunnel_name: route.tunnel_name.clone(),
            virtual_network_name: route.virtual_network_name.to_string(),
        }
    }
}
