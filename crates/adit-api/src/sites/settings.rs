//! How eagerly a site fails over. The vendor has no such calls; these are Adit's own.

use adit_core::{
    ha::{HaSettings, PassiveOnramp, PreemptAfterError, Profile},
    port::CatalogError,
};
use adit_model::TunnelId;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find_site;
use crate::{
    envelope::Success, extract::JsonBody, scope::TunnelScope, state::ApiState, tunnels::FindTunnelError,
};

/// Why a site's settings were not shown or set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HaSettingsError {
    #[error(transparent)]
    PreemptAfter(#[from] PreemptAfterError),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// All settings, which take the place of those before; what is absent is as in a new site.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HaSettingsRequest {
    /// How soon silence counts: `normal` for any path, `fast` for one as short as a local network's.
    #[schemars(with = "ProfileSchema")]
    profile: Profile,
    /// After how many seconds a replica of higher priority takes over from one that is well; never if null.
    #[schemars(range(min = 60, max = 86_400))]
    preempt_after_s: Option<u64>,
    /// What becomes of packets that a passive replica brings: taken for 5 s after it was active, dropped, or taken.
    #[schemars(with = "PassiveOnrampSchema")]
    passive_onramp: PassiveOnramp,
}

/// How eagerly a site fails over.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HaSettingsView {
    tunnel_id: TunnelId,
    #[schemars(with = "ProfileSchema")]
    profile: Profile,
    /// Null for never.
    preempt_after_s: Option<u64>,
    #[schemars(with = "PassiveOnrampSchema")]
    passive_onramp: PassiveOnramp,
}

/// How soon silence counts.
#[derive(JsonSchema)]
#[schemars(rename = "HaProfile", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the values of a text")]
enum ProfileSchema {
    Normal,
    Fast,
}

/// What becomes of packets that a passive replica brings.
#[derive(JsonSchema)]
#[schemars(rename = "PassiveOnramp", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the values of a text")]
enum PassiveOnrampSchema {
    Drain,
    Drop,
    Accept,
}

impl HaSettingsRequest {
    fn read(&self) -> Result<HaSettings, PreemptAfterError> {
        Ok(HaSettings {
            profile: self.profile,
            preempt_after: HaSettings::preempt_after(self.preempt_after_s)?,
            passive_onramp: self.passive_onramp,
        })
    }
}

fn view(tunnel: TunnelId, settings: HaSettings) -> Success<HaSettingsView> {
    Success::of(HaSettingsView {
        tunnel_id: tunnel,
        profile: settings.profile,
        preempt_after_s: settings.preempt_after.map(|after| after.as_secs()),
        passive_onramp: settings.passive_onramp,
    })
}

/// `GET /accounts/{account_id}/adit/warp_connector/{tunnel_id}/ha_settings`.
pub(super) async fn settings(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<HaSettingsView>, HaSettingsError> {
    let found = state.catalog.ha_settings(scope.tunnel).await;
    let settings = found
        .map_err(CatalogError::from)?
        .ok_or(FindTunnelError::NoTunnel)?;
    Ok(view(scope.tunnel.tunnel, settings))
}

/// `PUT /accounts/{account_id}/adit/warp_connector/{tunnel_id}/ha_settings`.
pub(super) async fn set_settings(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<HaSettingsRequest>,
) -> Result<Success<HaSettingsView>, HaSettingsError> {
    find_site(&state, scope.tunnel).await?;
    let settings = body.read()?;
    let set = state
        .catalog
        .set_ha_settings(scope.tunnel, settings, &scope.actor);
    set.await?;
    Ok(view(scope.tunnel.tunnel, settings))
}
