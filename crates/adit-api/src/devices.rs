//! Devices: standard WireGuard clients in an account's mesh. The vendor has no such calls; these are Adit's own.

mod endpoints;
mod view;

use adit_core::port::{AskError, DeviceError, DeviceFilter, MeshDevice, NewDevice, StoreError};
use adit_model::{AccountId, DeviceId, PeerKey, VirtualNetworkId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::endpoints::endpoints;
use self::view::{DeviceView, JoinedDeviceView};
use crate::{
    envelope::Success,
    extract::{JsonBody, QueryParams, list},
    networks::{FieldError, InPath, ItemScope, PAGES, parsed, required, text},
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

/// Why a call on devices failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceCallError {
    #[error("this server has no hub: mesh.listen is not set")]
    NoHub,
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Mesh(#[from] AskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InPath for DeviceId {
    const NAME: &'static str = "device_id";
}

/// A device that is to join.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceRequest {
    /// 1 to 256 characters; no other device of the account has it.
    name: Option<String>,
    /// Its WireGuard public key, in base64. The private one is never sent.
    public_key: Option<String>,
    /// The virtual network that it reaches; the account's default one if absent.
    virtual_network_id: Option<VirtualNetworkId>,
}

impl DeviceRequest {
    fn read(&self) -> Result<NewDevice, FieldError> {
        let key: PeerKey = parsed("public_key", required("public_key", self.public_key.as_ref())?)?;
        Ok(NewDevice {
            name: parsed("name", required("name", self.name.as_ref())?)?,
            key,
            virtual_network: self.virtual_network_id,
        })
    }
}

/// `POST /accounts/{account_id}/adit/devices`.
async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<DeviceRequest>,
) -> Result<Success<JoinedDeviceView>, DeviceCallError> {
    let new = body.read()?;
    let hub = state.mesh.as_ref().ok_or(DeviceCallError::NoHub)?;
    if new.key == hub.key {
        return Err(DeviceError::TakenKey.into());
    }
    let actor = &scope.caller.actor;
    let (id, device, _) = state.catalog.create_device(scope.account, new, actor).await?;
    joined(&state, scope.account, id, &device).await
}

/// `GET /accounts/{account_id}/adit/devices`.
async fn list_all(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<DeviceView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| {
        let filter = DeviceFilter {
            name: text(query, "name"),
        };
        state.catalog.devices(scope.account, filter, page).await?
    });
    Ok(Success::page(&found, page, |(id, device)| {
        DeviceView::of(*id, device)
    }))
}

/// `GET /accounts/{account_id}/adit/devices/{device_id}`.
async fn get(
    State(state): State<ApiState>,
    scope: ItemScope<DeviceId>,
) -> Result<Success<JoinedDeviceView>, DeviceCallError> {
    let found = state.catalog.device(scope.account, scope.item).await?;
    let device = found.ok_or(DeviceError::NotFound)?;
    joined(&state, scope.account, scope.item, &device).await
}

/// `DELETE /accounts/{account_id}/adit/devices/{device_id}`: once it answers, nothing of the device is forwarded.
async fn revoke(
    State(state): State<ApiState>,
    scope: ItemScope<DeviceId>,
) -> Result<Success<DeviceView>, DeviceCallError> {
    let revoked = state
        .catalog
        .revoke_device(scope.account, scope.item, &scope.actor);
    let (device, after) = revoked.await?;
    match state.sites.applied(after, state.limits.edge_time).await {
        Ok(()) | Err(AskError::Stopped) => Ok(Success::of(DeviceView::of(scope.item, &device))),
        Err(error @ (AskError::Silent | AskError::QueueFull)) => Err(error.into()),
    }
}

/// A device with what its WireGuard client is to be told.
async fn joined(
    state: &ApiState,
    account: AccountId,
    id: DeviceId,
    device: &MeshDevice,
) -> Result<Success<JoinedDeviceView>, DeviceCallError> {
    let reach = state
        .catalog
        .device_reach(account, device.virtual_network)
        .await?;
    Ok(Success::of(JoinedDeviceView::of(
        id,
        device,
        reach,
        state.mesh.as_ref(),
    )))
}
