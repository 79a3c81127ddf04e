//! What a call on load balancers and pools is about: found in the path, and only if the caller may act there.

use adit_core::port::Actor;
use adit_model::{AccountId, LoadBalancerId, PoolId, ZoneId};
use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    problem::Problem,
    scope::{AccountScope, ZoneScope},
    state::ApiState,
};

/// A load balancer of a zone, in the path as `load_balancer_id`; it need not exist.
pub(super) struct LoadBalancerScope {
    pub(super) zone: ZoneId,
    pub(super) load_balancer: LoadBalancerId,
    pub(super) actor: Actor,
}

impl FromRequestParts<ApiState> for LoadBalancerScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (ZoneScope { zone, actor }, params) = ZoneScope::of(parts, state).await?;
        Ok(Self {
            zone: zone.id,
            load_balancer: params.id("load_balancer_id")?,
            actor,
        })
    }
}

/// A pool of an account, in the path as `pool_id`; it need not exist.
pub(super) struct PoolScope {
    pub(super) account: AccountId,
    pub(super) pool: PoolId,
    pub(super) actor: Actor,
}

impl FromRequestParts<ApiState> for PoolScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
        Ok(Self {
            account,
            pool: params.id("pool_id")?,
            actor: caller.actor,
        })
    }
}
