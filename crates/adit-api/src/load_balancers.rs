//! Load balancers of zones, and the pools of tunnels that they lead to. `PUT …/routes` makes both.

mod endpoints;
mod scope;
mod view;

use adit_core::port::LoadBalancerError;
use axum::extract::State;

pub(crate) use endpoints::endpoints;

use self::{
    scope::{LoadBalancerScope, PoolScope},
    view::{Deleted, LoadBalancerView, PoolView},
};
use crate::{
    envelope::Success,
    extract::{PageRules, QueryParams},
    problem::Problem,
    scope::{AccountScope, ZoneScope},
    state::ApiState,
};

const PAGES: PageRules = PageRules {
    default: 100,
    limit: 1000,
};

/// `GET /zones/{zone_id}/load_balancers`.
async fn list_load_balancers(
    State(state): State<ApiState>,
    scope: ZoneScope,
    query: QueryParams,
) -> Result<Success<Vec<LoadBalancerView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = state.catalog.load_balancers(scope.zone.id, page).await?;
    Ok(Success::page(&found, page, LoadBalancerView::of))
}

/// `GET /zones/{zone_id}/load_balancers/{load_balancer_id}`.
async fn get_load_balancer(
    State(state): State<ApiState>,
    scope: LoadBalancerScope,
) -> Result<Success<LoadBalancerView>, Problem> {
    let found = state
        .catalog
        .load_balancer(scope.zone, scope.load_balancer)
        .await?;
    let found = found.ok_or(LoadBalancerError::NoLoadBalancer)?;
    Ok(Success::of(LoadBalancerView::of(&found)))
}

/// `DELETE /zones/{zone_id}/load_balancers/{load_balancer_id}`: its pool stays.
async fn delete_load_balancer(
    State(state): State<ApiState>,
    scope: LoadBalancerScope,
) -> Result<Success<Deleted>, Problem> {
    let id = scope.load_balancer;
    let deleted = state.catalog.delete_load_balancer(scope.zone, id, &scope.actor);
    deleted.await?;
    Ok(Success::of(Deleted::of(id)))
}

/// `GET /accounts/{account_id}/load_balancers/pools`.
async fn list_pools(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<PoolView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = state.catalog.pools(scope.account, page).await?;
    Ok(Success::page(&found, page, PoolView::of))
}

/// `GET /accounts/{account_id}/load_balancers/pools/{pool_id}`.
async fn get_pool(State(state): State<ApiState>, scope: PoolScope) -> Result<Success<PoolView>, Problem> {
    let found = state.catalog.pool(scope.account, scope.pool).await?;
    let found = found.ok_or(LoadBalancerError::NoPool)?;
    Ok(Success::of(PoolView::of(&found)))
}

/// `DELETE /accounts/{account_id}/load_balancers/pools/{pool_id}`: one that nothing leads to.
async fn delete_pool(State(state): State<ApiState>, scope: PoolScope) -> Result<Success<Deleted>, Problem> {
    let deleted = state.catalog.delete_pool(scope.account, scope.pool, &scope.actor);
    deleted.await?;
    Ok(Success::of(Deleted::of(scope.pool)))
}
