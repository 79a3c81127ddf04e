//! Load balancers and pools as clients see them.

use adit_core::{
    port::{LoadBalancer, Pool, PoolTunnel},
    zone_names::tunnel_target,
};
use adit_model::{LoadBalancerId, PoolId, PoolName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A host name that leads to a pool.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LoadBalancerView {
    id: LoadBalancerId,
    name: String,
    /// The one that it leads to.
    default_pools: [PoolId; 1],
    /// The same.
    fallback_pool: PoolId,
    proxied: bool,
    enabled: bool,
    created_on: Timestamp,
    modified_on: Timestamp,
}

impl LoadBalancerView {
    pub(super) fn of(one: &LoadBalancer) -> Self {
        Self {
            id: one.id,
            name: one.name.to_string(),
            default_pools: [one.pool],
            fallback_pool: one.pool,
            proxied: true,
            enabled: true,
            created_on: one.created_at,
            modified_on: one.modified_at,
        }
    }
}

/// Tunnels of an account, of which any may serve a request.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PoolView {
    id: PoolId,
    name: PoolName,
    enabled: bool,
    origins: Vec<OriginView>,
    created_on: Timestamp,
    modified_on: Timestamp,
}

/// A tunnel in a pool.
#[derive(Debug, Serialize, JsonSchema)]
struct OriginView {
    name: String,
    /// The tunnel's id with `.cfargotunnel.com` behind it.
    address: String,
    /// False if the tunnel is deleted.
    enabled: bool,
}

impl PoolView {
    pub(super) fn of(pool: &Pool) -> Self {
        let origin = |tunnel: &PoolTunnel| OriginView {
            name: tunnel.name.to_string(),
            address: tunnel_target(tunnel.id),
            enabled: !tunnel.deleted,
        };
        Self {
            id: pool.id,
            name: pool.name.clone(),
            enabled: true,
            origins: pool.tunnels.iter().map(origin).collect(),
            created_on: pool.created_at,
            modified_on: pool.modified_at,
        }
    }
}

/// What is left of something deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deleted {
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    id: String,
}

impl Deleted {
    pub(super) fn of(id: impl ToString) -> Self {
        Self { id: id.to_string() }
    }
}
