//! Subnets: the ranges that an account's own addresses come from.

mod list;
mod shape;

use adit_core::{
    networks::{Family, SubnetKind},
    port::{NetworkError, SubnetChange, SubnetSelector},
};
use adit_model::SubnetId;
use axum::extract::State;

pub(super) use list::{FILTERS, list};
pub(super) use shape::{SubnetRequest, SubnetView};

use super::{
    scope::ItemScope,
    shown::{Shown, shown},
};
use crate::{extract::JsonBody, scope::AccountScope, state::ApiState};

/// `POST …/zerotrust/subnets/warp`.
pub(super) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<SubnetRequest>,
) -> Shown<SubnetView> {
    let (new, actor) = (body.whole()?, &scope.caller.actor);
    let made = state.catalog.create_subnet(scope.account, new, actor).await;
    shown(made, SubnetView::of)
}

/// `GET …/zerotrust/subnets/warp/{subnet_id}`: deleted ones too.
pub(super) async fn get(State(state): State<ApiState>, scope: ItemScope<SubnetId>) -> Shown<SubnetView> {
    let selector = SubnetSelector::Warp(scope.item);
    let found = state.catalog.subnet(scope.account, selector).await?;
    shown(found.ok_or(NetworkError::NoSubnet), SubnetView::of)
}

/// `PATCH …/zerotrust/subnets/warp/{subnet_id}`.
pub(super) async fn update(
    State(state): State<ApiState>,
    scope: ItemScope<SubnetId>,
    JsonBody(body): JsonBody<SubnetRequest>,
) -> Shown<SubnetView> {
    let (selector, change) = (SubnetSelector::Warp(scope.item), body.part()?);
    let changed = state
        .catalog
        .update_subnet(scope.account, selector, change, &scope.actor)
        .await;
    shown(changed, SubnetView::of)
}

/// `DELETE …/zerotrust/subnets/warp/{subnet_id}`.
pub(super) async fn delete(State(state): State<ApiState>, scope: ItemScope<SubnetId>) -> Shown<SubnetView> {
    let deleted = state
        .catalog
        .delete_subnet(scope.account, scope.item, &scope.actor)
        .await;
    shown(deleted, SubnetView::of)
}

/// `PATCH …/zerotrust/subnets/cloudflare_source/{address_family}`.
pub(super) async fn update_source(
    state: State<ApiState>,
    scope: ItemScope<Family>,
    body: JsonBody<SubnetRequest>,
) -> Shown<SubnetView> {
    update_only(state, SubnetKind::CloudflareSource, scope, body).await
}

/// `PUT …/zerotrust/subnets/initial_resolved_ip/{address_family}`.
pub(super) async fn update_initial_resolved(
    state: State<ApiState>,
    scope: ItemScope<Family>,
    body: JsonBody<SubnetRequest>,
) -> Shown<SubnetView> {
    update_only(state, SubnetKind::InitialResolvedIp, scope, body).await
}

async fn update_only(
    State(state): State<ApiState>,
    kind: SubnetKind,
    scope: ItemScope<Family>,
    JsonBody(body): JsonBody<SubnetRequest>,
) -> Shown<SubnetView> {
    let selector = SubnetSelector::Only(kind, scope.item);
    // Only a subnet of devices can be the default, so nothing that is said of that counts.
    let change = SubnetChange {
        is_default: None,
        ..body.part()?
    };
    let changed = state
        .catalog
        .update_subnet(scope.account, selector, change, &scope.actor)
        .await;
    shown(changed, SubnetView::of)
}

/// `GET …/zerotrust/subnets/initial_resolved_ip/{address_family}`.
pub(super) async fn get_initial_resolved(
    State(state): State<ApiState>,
    scope: ItemScope<Family>,
) -> Shown<SubnetView> {
    let selector = SubnetSelector::Only(SubnetKind::InitialResolvedIp, scope.item);
    let found = state.catalog.subnet(scope.account, selector).await?;
    shown(found.ok_or(NetworkError::NoSubnet), SubnetView::of)
}
