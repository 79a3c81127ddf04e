//! Virtual networks.

use adit_core::port::{
    NetworkError, NewVirtualNetwork, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter,
};
use adit_model::{Timestamp, VirtualNetworkId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    field::{FieldError, optional, parsed, required},
    list::text,
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

/// What lists of virtual networks are filtered by; all conditions must hold.
pub(super) const FILTERS: &[Parameter] = &[
    Parameter::uuid("id", "exactly this one"),
    Parameter::text("name", "exactly this name"),
    Parameter::flag("is_default_network", "only the default one, or only others"),
    Parameter::flag("is_default", "the same as is_default_network"),
    Parameter::flag("is_deleted", "only deleted ones, or only others; both if absent"),
];

/// What may go with a virtual network.
pub(super) const FORCE: &[Parameter] = &[Parameter::flag(
    "force",
    "delete the routes in it, too, and move its devices to the default one, instead of refusing",
)];

/// A virtual network, whole or in part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct VirtualNetworkRequest {
    name: Option<String>,
    comment: Option<String>,
    is_default_network: Option<bool>,
    /// The older name of `is_default_network`, which counts for more.
    is_default: Option<bool>,
}

impl VirtualNetworkRequest {
    fn whole(&self) -> Result<NewVirtualNetwork, FieldError> {
        Ok(NewVirtualNetwork {
            name: parsed("name", required("name", self.name.as_ref())?)?,
            comment: optional("comment", self.comment.as_ref())?.unwrap_or_default(),
            is_default: self.is_default().unwrap_or(false),
        })
    }

    fn part(&self) -> Result<VirtualNetworkChange, FieldError> {
        Ok(VirtualNetworkChange {
            name: optional("name", self.name.as_ref())?,
            comment: optional("comment", self.comment.as_ref())?,
            is_default: self.is_default(),
        })
    }

    fn is_default(&self) -> Option<bool> {
        self.is_default_network.or(self.is_default)
    }
}

/// A virtual network.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VirtualNetwork")]
pub(super) struct VirtualNetworkView {
    id: VirtualNetworkId,
    name: String,
    comment: String,
    is_default_network: bool,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

impl VirtualNetworkView {
    fn of(found: &VirtualNetwork) -> Self {
        Self {
            id: found.id,
            name: found.name.to_string(),
            comment: found.comment.as_str().to_owned(),
            is_default_network: found.is_default,
            created_at: found.created_at,
            deleted_at: found.deleted_at,
        }
    }
}

/// `POST …/teamnet/virtual_networks`.
pub(super) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<VirtualNetworkRequest>,
) -> Shown<VirtualNetworkView> {
    let (new, actor) = (body.whole()?, &scope.caller.actor);
    let made = state
        .catalog
        .create_virtual_network(scope.account, new, actor)
        .await;
    shown(made, VirtualNetworkView::of)
}

/// `GET …/teamnet/virtual_networks`.
pub(super) async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<VirtualNetworkView>>, Problem> {
    let found = list!(query, |query| {
        let filter = filter(query)?;
        state.catalog.virtual_networks(scope.account, &filter).await?
    });
    Ok(Success::of(found.iter().map(VirtualNetworkView::of).collect()))
}

fn filter(query: &QueryParams) -> Result<VirtualNetworkFilter, RequestError> {
    let older = query.flag("is_default")?;
    Ok(VirtualNetworkFilter {
        id: query.value("id", "a UUID")?,
        name: text(query, "name"),
        is_default: query.flag("is_default_network")?.or(older),
        deleted: query.flag("is_deleted")?,
    })
}

/// `GET …/teamnet/virtual_networks/{virtual_network_id}`: deleted ones too.
pub(super) async fn get(
    State(state): State<ApiState>,
    scope: ItemScope<VirtualNetworkId>,
) -> Shown<VirtualNetworkView> {
    let found = state.catalog.virtual_network(scope.account, scope.item).await?;
    shown(
        found.ok_or(NetworkError::NoVirtualNetwork),
        VirtualNetworkView::of,
    )
}

/// `PATCH …/teamnet/virtual_networks/{virtual_network_id}`.
pub(super) async fn update(
    State(state): State<ApiState>,
    scope: ItemScope<VirtualNetworkId>,
    JsonBody(body): JsonBody<VirtualNetworkRequest>,
) -> Shown<VirtualNetworkView> {
    let changed = state
        .catalog
        .update_virtual_network(scope.account, scope.item, body.part()?, &scope.actor)
        .await;
    shown(changed, VirtualNetworkView::of)
}

/// `DELETE …/teamnet/virtual_networks/{virtual_network_id}`.
pub(super) async fn delete(
    State(state): State<ApiState>,
    scope: ItemScope<VirtualNetworkId>,
    query: QueryParams,
) -> Shown<VirtualNetworkView> {
    let force = query.flag("force")?.unwrap_or(false);
    let deleted = state
        .catalog
        .delete_virtual_network(scope.account, scope.item, force, &scope.actor)
        .await;
    shown(deleted, VirtualNetworkView::of)
}
