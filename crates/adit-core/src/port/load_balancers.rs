//! Load balancers: host names that lead to a pool of tunnels instead of one.

use adit_model::{
    AccountId, HostPattern, LoadBalancerId, PoolId, PoolName, Timestamp, TunnelId, TunnelName, ZoneId,
};
use async_trait::async_trait;

use super::{Actor, ChangeNumber, Page, PageRequest, StoreError};
use crate::balancing::Balanced;

/// Live tunnels that a pool has at most: the edge looks at the connections of all of them for each request.
pub const MOST_POOL_TUNNELS: u32 = 64;

/// A host name of a zone that leads to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its id.
    pub id: LoadBalancerId,
    /// Its zone.
    pub zone: ZoneId,
    /// One name, or all below one. Nothing else has it, neither a record nor a quick tunnel.
    pub name: HostPattern,
    /// Where it leads.
    pub pool: PoolId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// Tunnels of an account, of which any may serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: PoolName,
    /// Its tunnels, the oldest first.
    pub tunnels: Vec<PoolTunnel>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// A tunnel in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTunnel {
    /// Its id.
    pub id: TunnelId,
    /// Its name.
    pub name: TunnelName,
    /// A deleted one serves nobody. It goes when it is past its retention, or another tunnel joins the pool.
    pub deleted: bool,
}

/// A host name that is to lead to a pool, with a tunnel in it.
#[derive(Debug, Clone)]
pub struct NewBalancedRoute {
    /// The host name's zone.
    pub zone: ZoneId,
    /// The host name.
    pub name: HostPattern,
    /// The pool, which need not be there.
    pub pool: PoolName,
    /// The tunnel, a live one of the zone's account that carries requests.
    pub tunnel: TunnelId,
}

/// Why the store refused a change.
#[derive(Debug, thiserror::Error)]
pub enum LoadBalancerError {
    /// No such zone, or the host name is not in it.
    #[error("zone not found")]
    NoZone,
    /// No such tunnel in the account (or a deleted one, or one that carries no requests).
    #[error("tunnel not found")]
    NoTunnel,
    /// No such load balancer in the zone.
    #[error("load balancer not found")]
    NoLoadBalancer,
    /// No such pool in the account.
    #[error("pool not found")]
    NoPool,
    /// The host name has a record or is a quick tunnel's.
    #[error("the host name leads elsewhere")]
    HostTaken,
    /// The pool has [`MOST_POOL_TUNNELS`] tunnels.
    #[error("the pool has {MOST_POOL_TUNNELS} tunnels, which is as many as it may have")]
    PoolFull,
    /// Load balancers lead to the pool.
    #[error("load balancers lead to this pool; delete them first")]
    PoolInUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Load balancers and pools.
#[async_trait]
pub trait LoadBalancers: Send + Sync {
    /// Makes the pool if it is missing, puts the tunnel into it, and leads the host name to it.
    async fn balance_route(
        &self,
        new: NewBalancedRoute,
        actor: &Actor,
    ) -> Result<(Balanced, ChangeNumber), LoadBalancerError>;

    /// The load balancers of a zone, by name.
    async fn load_balancers(&self, zone: ZoneId, page: PageRequest)
    -> Result<Page<LoadBalancer>, StoreError>;

    /// One load balancer of a zone.
    async fn load_balancer(
        &self,
        zone: ZoneId,
        id: LoadBalancerId,
    ) -> Result<Option<LoadBalancer>, StoreError>;

    /// Removes a load balancer; its pool stays.
    async fn delete_load_balancer(
        &self,
        zone: ZoneId,
        id: LoadBalancerId,
        actor: &Actor,
    ) -> Result<ChangeNumber, LoadBalancerError>;

    /// The pools of an account, newest first.
    async fn pools(&self, account: AccountId, page: PageRequest) -> Result<Page<Pool>, StoreError>;

    /// One pool of an account.
    async fn pool(&self, account: AccountId, id: PoolId) -> Result<Option<Pool>, StoreError>;

    /// Removes a pool that no load balancer leads to.
    async fn delete_pool(
        &self,
        account: AccountId,
        id: PoolId,
        actor: &Actor,
    ) -> Result<(), LoadBalancerError>;
}
