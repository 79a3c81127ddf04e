//! Public routes: a host name that leads to a tunnel, or to a pool of them.

use adit_core::{
    port::{
        Actor, CatalogError, DnsRecord, DnsRecordFilter, DnsRecordKind, LoadBalancerError, PageRequest, Zone,
    },
    zone_names::{LeadsElsewhere, RoutePlan, full_name, plan_route, target_tunnel},
};
use adit_model::{HostPattern, HostnameError, PoolNameError, RecordId, TunnelKey, TunnelKind, ZoneId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::balanced_route::{BalancedView, balance};
use crate::{
    envelope::Success,
    extract::JsonBody,
    scope::ZoneTunnelScope,
    state::ApiState,
    tunnels::{FindTunnelError, find_live},
};

/// Why a host name did not become a public route.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("{field}: {reason}")]
    BadName {
        field: &'static str,
        reason: HostnameError,
    },
    #[error("lb_pool: {0}")]
    BadPool(PoolNameError),
    #[error("{0} is reserved for Adit itself")]
    Reserved(HostPattern),
    #[error("the host name leads elsewhere")]
    LeadsElsewhere,
    #[error(transparent)]
    LoadBalancer(#[from] LoadBalancerError),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What a client says of a route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum RouteRequest {
    /// A host name of the zone.
    Dns {
        user_hostname: String,
        #[serde(default)]
        overwrite_existing: Option<bool>,
    },
    /// A host name of the zone that leads to a pool of tunnels.
    Lb {
        lb_name: String,
        /// The pool's name: letters, digits, `_`, `.` and `-`.
        lb_pool: String,
    },
}

/// What became of a route.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Routed {
    /// Of type `dns`.
    Dns {
        cname: &'static str,
        name: String,
        dns_tag: RecordId,
    },
    /// Of type `lb`.
    Lb(BalancedView),
}

/// `PUT /zones/{zone_id}/tunnels/{tunnel_id}/routes`.
pub(crate) async fn route(
    State(state): State<ApiState>,
    scope: ZoneTunnelScope,
    JsonBody(body): JsonBody<RouteRequest>,
) -> Result<Success<Routed>, RouteError> {
    let routed = match body {
        RouteRequest::Dns {
            user_hostname,
            overwrite_existing,
        } => {
            lead(
                &state,
                &scope,
                &user_hostname,
                overwrite_existing.unwrap_or(false),
            )
            .await?
        }
        RouteRequest::Lb { lb_name, lb_pool } => {
            Routed::Lb(balance(&state, &scope, &lb_name, &lb_pool).await?)
        }
    };
    Ok(Success::of(routed))
}

/// Leads the host name to the tunnel alone.
async fn lead(
    state: &ApiState,
    scope: &ZoneTunnelScope,
    typed: &str,
    overwrite: bool,
) -> Result<Routed, RouteError> {
    let (zone, name) = host_name(state, scope, "user_hostname", typed).await?;
    let existing = record_named(state, zone.id, &name).await?;
    let free = overwrite || leads_nowhere(state, &zone, existing.as_ref()).await?;
    let plan = plan_route(name.clone(), scope.tunnel.tunnel, existing.as_ref(), free)?;
    let (cname, dns_tag) = carry_out(state, &zone, plan, &scope.caller.actor).await?;
    Ok(Routed::Dns {
        cname,
        name: name.to_string(),
        dns_tag,
    })
}

/// The host name that is meant and its zone, if it may lead to the tunnel, which is a live one.
pub(super) async fn host_name(
    state: &ApiState,
    scope: &ZoneTunnelScope,
    field: &'static str,
    typed: &str,
) -> Result<(Zone, HostPattern), RouteError> {
    let zone = zone_of(state, scope, typed).await?;
    let name = full_name(typed, &zone.name).map_err(|reason| RouteError::BadName { field, reason })?;
    if state.reserved.refuse(&name) {
        return Err(RouteError::Reserved(name));
    }
    find_live(state, TunnelKind::CfdTunnel, scope.tunnel).await?;
    Ok((zone, name))
}

/// The zone that the typed name is in. A login names one zone, and an account may have more: a full name in another of
/// its zones means that one, if the caller may make the call there. Else the name is relative to the login's.
async fn zone_of(state: &ApiState, scope: &ZoneTunnelScope, typed: &str) -> Result<Zone, CatalogError> {
    let own = || Ok(scope.zone.clone());
    let Ok(pattern) = typed.parse::<HostPattern>() else {
        return own();
    };
    if scope.zone.name.covers(pattern.base()) {
        return own();
    }
    let (reach, account) = (scope.caller.reach(), scope.zone.account);
    let found = state
        .catalog
        .zone_of_host(&reach, account, pattern.base())
        .await?;
    found.map_or_else(own, Ok)
}

/// True if the record leads to a tunnel that is gone: it serves nobody, and to take its name hurts nobody. Deleting a
/// tunnel keeps its records, so a tunnel that is made anew finds its old host names in this state.
async fn leads_nowhere(
    state: &ApiState,
    zone: &Zone,
    existing: Option<&DnsRecord>,
) -> Result<bool, CatalogError> {
    let cname = existing.filter(|record| record.kind == DnsRecordKind::Cname);
    let Some(tunnel) = cname.and_then(|record| target_tunnel(&record.content)) else {
        return Ok(false);
    };
    let account = zone.account;
    let found = state.catalog.tunnel(TunnelKey { account, tunnel }).await?;
    Ok(found.is_none_or(|tunnel| tunnel.deleted_at.is_some()))
}

async fn record_named(
    state: &ApiState,
    zone: ZoneId,
    name: &HostPattern,
) -> Result<Option<DnsRecord>, CatalogError> {
    let filter = DnsRecordFilter {
        name: Some(name.clone()),
        ..DnsRecordFilter::default()
    };
    let page = PageRequest { page: 1, per_page: 1 };
    Ok(state
        .catalog
        .dns_records(zone, &filter, page)
        .await?
        .items
        .into_iter()
        .next())
}

async fn carry_out(
    state: &ApiState,
    zone: &Zone,
    plan: RoutePlan,
    actor: &Actor,
) -> Result<(&'static str, RecordId), RouteError> {
    Ok(match plan {
        RoutePlan::Unchanged(id) => ("unchanged", id),
        RoutePlan::Update(id, new) => (
            "updated",
            state
                .catalog
                .update_dns_record(zone.id, id, new, actor)
                .await?
                .0
                .id,
        ),
        RoutePlan::Create(new) => match state.catalog.create_dns_record(zone.id, new, actor).await {
            Ok((record, _)) => ("new", record.id),
            // Somebody else took the name since it was looked up.
            Err(CatalogError::HostTaken) => return Err(RouteError::LeadsElsewhere),
            Err(error) => return Err(error.into()),
        },
    })
}

impl From<LeadsElsewhere> for RouteError {
    fn from(_: LeadsElsewhere) -> Self {
        Self::LeadsElsewhere
    }
}
