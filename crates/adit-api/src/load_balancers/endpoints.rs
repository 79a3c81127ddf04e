//! The calls on load balancers and pools.

use adit_core::permission::{CFD_READ, CFD_WRITE, DNS_READ, DNS_WRITE};

use super::{
    delete_load_balancer, delete_pool, get_load_balancer, get_pool, list_load_balancers, list_pools,
    view::{Deleted, LoadBalancerView, PoolView},
};
use crate::{
    endpoint::{Access::Groups, Endpoint},
    problem::failures::{LOAD_BALANCER, POOL, POOL_IN_USE},
};

/// The calls on load balancers and pools.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let (balancers, balancer) = (
        "/zones/{zone_id}/load_balancers",
        "/zones/{zone_id}/load_balancers/{load_balancer_id}",
    );
    let (pools, pool) = (
        "/accounts/{account_id}/load_balancers/pools",
        "/accounts/{account_id}/load_balancers/pools/{pool_id}",
    );
    let list = "List host names that lead to pools of tunnels";
    vec![
        Endpoint::get(balancers, list, Groups(DNS_READ), list_load_balancers)
            .gives_page::<LoadBalancerView>(),
        Endpoint::get(
            balancer,
            "Show a host name that leads to a pool",
            Groups(DNS_READ),
            get_load_balancer,
        )
        .gives::<LoadBalancerView>()
        .fails(LOAD_BALANCER),
        Endpoint::delete(
            balancer,
            "Remove a host name that leads to a pool",
            Groups(DNS_WRITE),
            delete_load_balancer,
        )
        .gives::<Deleted>()
        .fails(LOAD_BALANCER),
        Endpoint::get(pools, "List pools of tunnels", Groups(CFD_READ), list_pools).gives_page::<PoolView>(),
        Endpoint::get(pool, "Show a pool of tunnels", Groups(CFD_READ), get_pool)
            .gives::<PoolView>()
            .fails(POOL),
        Endpoint::delete(
            pool,
            "Delete a pool of tunnels that no host name leads to",
            Groups(CFD_WRITE),
            delete_pool,
        )
        .gives::<Deleted>()
        .fails(POOL)
        .fails(POOL_IN_USE),
    ]
}
