//! How a site keeps its traffic flowing when a replica fails.

use adit_core::{
    ha::{HaSetting, HaSettingError},
    port::{CatalogError, Site, SiteConfiguration},
};
use adit_model::{HaMode, Timestamp, TunnelId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::find_site;
use crate::{
    envelope::Success, extract::JsonBody, scope::TunnelScope, state::ApiState, tunnels::FindTunnelError,
};

/// Why a site's configuration was not shown or set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteConfigurationError {
    #[error(transparent)]
    Bad(#[from] HaSettingError),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A whole configuration, which takes the place of the one before.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SiteConfigurationRequest {
    ha_mode: HaMode,
    /// `aws`: `fnr_id`. `local`: `vips`, and `vips_previous` if some are to be removed. Else empty or absent.
    config: Option<Map<String, Value>>,
}

/// A site's configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SiteConfigurationView {
    tunnel_id: TunnelId,
    configuration_version: i32,
    ha_mode: HaMode,
    config: Option<Map<String, Value>>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

/// `GET …/warp_connector/{tunnel_id}/configurations`.
pub(super) async fn configuration(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<SiteConfigurationView>, SiteConfigurationError> {
    let site = find_site(&state, scope.tunnel).await?;
    Ok(view(&site, &site.configuration))
}

/// `PUT …/warp_connector/{tunnel_id}/configurations`.
pub(super) async fn configure(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<SiteConfigurationRequest>,
) -> Result<Success<SiteConfigurationView>, SiteConfigurationError> {
    let site = find_site(&state, scope.tunnel).await?;
    let setting = HaSetting::read(body.ha_mode, body.config)?;
    let set = state.catalog.configure_site(scope.tunnel, setting, &scope.actor);
    Ok(view(&site, &set.await?.0))
}

fn view(site: &Site, configuration: &SiteConfiguration) -> Success<SiteConfigurationView> {
    let updated = configuration.version.0 > 0;
    Success::of(SiteConfigurationView {
        tunnel_id: site.state.tunnel.tunnel,
        configuration_version: configuration.version.0,
        ha_mode: configuration.setting.mode(),
        config: configuration.setting.config(),
        created_at: site.created_at,
        updated_at: updated.then_some(configuration.created_at),
    })
}
