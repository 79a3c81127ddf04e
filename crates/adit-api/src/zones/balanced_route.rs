//! Public routes over a pool: a host name that leads to any of several tunnels.

use adit_core::{balancing::Balanced, port::NewBalancedRoute};
use schemars::JsonSchema;
use serde::Serialize;

use super::route::{RouteError, host_name};
use crate::{scope::ZoneTunnelScope, state::ApiState};

/// What became of a load balancer and its pool.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BalancedView {
    /// `new`, `updated` (it led to another pool) or `unchanged`.
    load_balancer: &'static str,
    /// `new`, `updated` (the tunnel joined it) or `unchanged`.
    pool: &'static str,
}

/// Leads the host name to the pool of that name, with the tunnel in it.
pub(super) async fn balance(
    state: &ApiState,
    scope: &ZoneTunnelScope,
    typed: &str,
    pool: &str,
) -> Result<BalancedView, RouteError> {
    let (zone, name) = host_name(state, scope, "lb_name", typed).await?;
    let pool = pool.parse().map_err(RouteError::BadPool)?;
    let new = NewBalancedRoute {
        zone: zone.id,
        name,
        pool,
        tunnel: scope.tunnel.tunnel,
    };
    let made = state.catalog.balance_route(new, &scope.caller.actor);
    let (Balanced { load_balancer, pool }, _) = made.await?;
    Ok(BalancedView {
        load_balancer: load_balancer.as_str(),
        pool: pool.as_str(),
    })
}
