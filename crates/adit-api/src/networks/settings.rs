//! What an account allows in its private networks.

use adit_core::port::{ConnectivityChange, ConnectivitySettings};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{envelope::Success, extract::JsonBody, problem::Problem, scope::AccountScope, state::ApiState};

/// What to change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct SettingsRequest {
    icmp_proxy_enabled: Option<bool>,
    offramp_warp_enabled: Option<bool>,
}

/// The settings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectivitySettings")]
pub(super) struct SettingsView {
    icmp_proxy_enabled: bool,
    offramp_warp_enabled: bool,
}

impl SettingsView {
    const fn of(settings: ConnectivitySettings) -> Self {
        Self {
            icmp_proxy_enabled: settings.icmp_proxy,
            offramp_warp_enabled: settings.offramp_warp,
        }
    }
}

/// `GET …/zerotrust/connectivity_settings`.
pub(super) async fn get(
    State(state): State<ApiState>,
    scope: AccountScope,
) -> Result<Success<SettingsView>, Problem> {
    let settings = state.catalog.connectivity_settings(scope.account).await?;
    Ok(Success::of(SettingsView::of(settings)))
}

/// `PATCH …/zerotrust/connectivity_settings`.
pub(super) async fn update(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<SettingsRequest>,
) -> Result<Success<SettingsView>, Problem> {
    let change = ConnectivityChange {
        icmp_proxy: body.icmp_proxy_enabled,
        offramp_warp: body.offramp_warp_enabled,
    };
    let actor = &scope.caller.actor;
    let settings = state
        .catalog
        .update_connectivity_settings(scope.account, change, actor)
        .await?;
    Ok(Success::of(SettingsView::of(settings)))
}
