//! Routes of IP networks.

mod by_network;
mod list;
mod request;
mod view;

use adit_core::port::{NetworkError, RouteSelector};
use adit_model::RouteId;
use axum::extract::State;

pub(super) use by_network::{BY_NETWORK, create_by_network, delete_by_network, update_by_network};
pub(super) use list::{FALLBACK, FILTERS, list, to_address};
pub(super) use request::RouteRequest;
pub(super) use view::{FoundView, RouteView, TeamnetView};

use super::{
    scope::ItemScope,
    shown::{Shown, shown},
};
use crate::{extract::JsonBody, scope::AccountScope, state::ApiState};

/// `POST …/teamnet/routes`.
pub(super) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<RouteRequest>,
) -> Shown<RouteView> {
    let (new, actor) = (body.whole(None)?, &scope.caller.actor);
    let route = state.catalog.create_route(scope.account, new, actor).await;
    shown(route, RouteView::of)
}

/// `GET …/teamnet/routes/{route_id}`: deleted ones too.
pub(super) async fn get(State(state): State<ApiState>, scope: ItemScope<RouteId>) -> Shown<RouteView> {
    let found = state.catalog.route(scope.account, scope.item).await?;
    shown(found.ok_or(NetworkError::NoRoute), RouteView::of)
}

/// `PATCH …/teamnet/routes/{route_id}`.
pub(super) async fn update(
    State(state): State<ApiState>,
    scope: ItemScope<RouteId>,
    JsonBody(body): JsonBody<RouteRequest>,
) -> Shown<RouteView> {
    let (selector, change) = (RouteSelector::Id(scope.item), body.part()?);
    let route = state
        .catalog
        .update_route(scope.account, selector, change, &scope.actor)
        .await;
    shown(route, RouteView::of)
}

/// `DELETE …/teamnet/routes/{route_id}`.
pub(super) async fn delete(State(state): State<ApiState>, scope: ItemScope<RouteId>) -> Shown<RouteView> {
    let selector = RouteSelector::Id(scope.item);
    let route = state
        .catalog
        .delete_route(scope.account, selector, &scope.actor)
        .await;
    shown(route, RouteView::of)
}
