//! Routes of private host names.

use adit_core::port::{
    HostnameRoute, HostnameRouteChange, HostnameRouteFilter, NetworkError, NewHostnameRoute,
};
use adit_model::{HostnameRouteId, Timestamp, TunnelId, TunnelKind, TunnelName};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    field::{FieldError, optional, parsed, required},
    list::{PAGES, text},
    scope::ItemScope,
    shown::{Shown, shown},
};
use crate::{
    endpoint::Parameter,
    envelope::Success,
    extract::{JsonBody, QueryParams, RequestError, list},
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

/// What lists of them are filtered by; all conditions must hold.
pub(super) const FILTERS: &[Parameter] = &[
    Parameter::uuid("id", "exactly this one"),
    Parameter::text("hostname", "has this in its host name, in whatever case"),
    Parameter::uuid("tunnel_id", "leads to this tunnel"),
    Parameter::text("comment", "exactly this comment"),
    Parameter::time(
        "existed_at",
        "made at or before this time and not deleted before it",
    ),
    Parameter::flag(
        "is_deleted",
        "only deleted ones, or only others; only others if absent",
    ),
];

/// A route of a host name, whole or in part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct HostnameRouteRequest {
    hostname: Option<String>,
    tunnel_id: Option<TunnelId>,
    comment: Option<String>,
}

impl HostnameRouteRequest {
    fn whole(&self) -> Result<NewHostnameRoute, FieldError> {
        Ok(NewHostnameRoute {
            hostname: parsed("hostname", required("hostname", self.hostname.as_ref())?)?,
            tunnel: required("tunnel_id", self.tunnel_id)?,
            comment: optional("comment", self.comment.as_ref())?.unwrap_or_default(),
        })
    }

    fn part(&self) -> Result<HostnameRouteChange, FieldError> {
        Ok(HostnameRouteChange {
            hostname: optional("hostname", self.hostname.as_ref())?,
            tunnel: self.tunnel_id,
            comment: optional("comment", self.comment.as_ref())?,
        })
    }
}

/// A route of a host name.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostnameRoute")]
pub(super) struct HostnameRouteView {
    id: HostnameRouteId,
    hostname: String,
    tunnel_id: TunnelId,
    tunnel_name: TunnelName,
    tun_type: TunnelKind,
    comment: String,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

impl HostnameRouteView {
    fn of(route: &HostnameRoute) -> Self {
        Self {
            id: route.id,
            hostname: route.hostname.to_string(),
            tunnel_id: route.tunnel,
            tunnel_name: route.tunnel_name.clone(),
            tun_type: route.tunnel_kind,
            comment: route.comment.as_str().to_owned(),
            created_at: route.created_at,
            deleted_at: route.deleted_at,
        }
    }
}

/// `POST …/zerotrust/routes/hostname`.
pub(super) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<HostnameRouteRequest>,
) -> Shown<HostnameRouteView> {
    let (new, actor) = (body.whole()?, &scope.caller.actor);
    let made = state
        .catalog
        .create_hostname_route(scope.account, new, actor)
        .await;
    shown(made, HostnameRouteView::of)
}

/// `GET …/zerotrust/routes/hostname`.
pub(super) async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<HostnameRouteView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| {
        let filter = filter(query)?;
        state
            .catalog
            .hostname_routes(scope.account, &filter, page)
            .await?
    });
    Ok(Success::page(&found, page, HostnameRouteView::of))
}

fn filter(query: &QueryParams) -> Result<HostnameRouteFilter, RequestError> {
    Ok(HostnameRouteFilter {
        id: query.value("id", "a UUID")?,
        hostname: text(query, "hostname"),
        tunnel: query.value("tunnel_id", "a UUID")?,
        comment: text(query, "comment"),
        existed_at: query.time("existed_at")?,
        // Unlike elsewhere, deleted ones are left out unless they are asked for.
        deleted: query.flag("is_deleted")?.or(Some(false)),
    })
}

/// `GET …/zerotrust/routes/hostname/{hostname_route_id}`: deleted ones too.
pub(super) async fn get(
    State(state): State<ApiState>,
    scope: ItemScope<HostnameRouteId>,
) -> Shown<HostnameRouteView> {
    let found = state.catalog.hostname_route(scope.account, scope.item).await?;
    shown(found.ok_or(NetworkError::NoHostnameRoute), HostnameRouteView::of)
}

/// `PATCH …/zerotrust/routes/hostname/{hostname_route_id}`.
pub(super) async fn update(
    State(state): State<ApiState>,
    scope: ItemScope<HostnameRouteId>,
    JsonBody(body): JsonBody<HostnameRouteRequest>,
) -> Shown<HostnameRouteView> {
    let changed = state
        .catalog
        .update_hostname_route(scope.account, scope.item, body.part()?, &scope.actor)
        .await;
    shown(changed, HostnameRouteView::of)
}

/// `DELETE …/zerotrust/routes/hostname/{hostname_route_id}`.
pub(super) async fn delete(
    State(state): State<ApiState>,
    scope: ItemScope<HostnameRouteId>,
) -> Shown<HostnameRouteView> {
    let deleted = state
        .catalog
        .delete_hostname_route(scope.account, scope.item, &scope.actor)
        .await;
    shown(deleted, HostnameRouteView::of)
}
