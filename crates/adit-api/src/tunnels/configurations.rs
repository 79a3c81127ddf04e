//! The configuration that connectors of a tunnel take from the API.

use adit_core::{
    ingress::IngressError,
    port::{CatalogError, Configuration, Tunnel},
    remote_config::RemoteConfig,
};
use adit_model::{AccountId, ConfigSource, Timestamp, TunnelId, TunnelKey, TunnelKind::CfdTunnel};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{FindTunnelError, find};
use crate::{envelope::Success, extract::JsonBody, scope::TunnelScope, state::ApiState};

/// Why a configuration was not shown or set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error("Configuration for tunnel not found")]
    Gone,
    // Clients know the text with this end.
    #[error("Bad Configuration: Validation failed: {0}\n")]
    Bad(#[from] IngressError),
    #[error("a kept configuration is not JSON")]
    Kept(#[source] serde_json::Error),
    #[error(transparent)]
    Find(#[from] FindTunnelError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A whole configuration, which takes the place of the one before.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ConfigurationRequest {
    #[schemars(with = "Option<ConfigSchema>")]
    config: Option<Box<RawValue>>,
}

/// A version of a configuration.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConfigurationView {
    tunnel_id: TunnelId,
    account_id: AccountId,
    /// 0 before the first was set.
    version: i32,
    #[schemars(with = "Option<ConfigSchema>")]
    config: Option<Box<RawValue>>,
    source: ConfigSource,
    created_at: Timestamp,
}

/// What a configuration looks like. Further fields are kept.
#[derive(JsonSchema)]
#[schemars(rename = "TunnelConfig", rename_all = "camelCase", extend("additionalProperties" = true))]
#[expect(dead_code, reason = "describes the shape of a text")]
struct ConfigSchema {
    ingress: Vec<RuleSchema>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    origin_request: Option<Map<String, Value>>,
    #[schemars(rename = "warp-routing", skip_serializing_if = "Option::is_none")]
    warp_routing: Option<Map<String, Value>>,
}

/// An ingress rule. The first that matches serves; the last one has neither host name nor path.
#[derive(JsonSchema)]
#[schemars(rename = "IngressRule", rename_all = "camelCase", extend("additionalProperties" = true))]
#[expect(dead_code, reason = "describes the shape of a text")]
struct RuleSchema {
    #[schemars(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    /// A regular expression, searched for in the URL's path.
    #[schemars(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    service: String,
    /// Durations are whole seconds.
    #[schemars(skip_serializing_if = "Option::is_none")]
    origin_request: Option<Map<String, Value>>,
}

/// `GET …/cfd_tunnel/{tunnel_id}/configurations`.
pub(crate) async fn configuration(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<ConfigurationView>, ConfigurationError> {
    let tunnel = find_configurable(&state, scope.tunnel).await?;
    let found = state.catalog.configuration(scope.tunnel, None).await;
    let found = found
        .map_err(CatalogError::from)?
        .ok_or(ConfigurationError::Gone)?;
    view(found, tunnel.config_source)
}

/// `PUT …/cfd_tunnel/{tunnel_id}/configurations`.
pub(crate) async fn configure(
    State(state): State<ApiState>,
    scope: TunnelScope,
    JsonBody(body): JsonBody<ConfigurationRequest>,
) -> Result<Success<ConfigurationView>, ConfigurationError> {
    find_configurable(&state, scope.tunnel).await?;
    let json = body.config.as_deref().map_or("{}", RawValue::get);
    let config = RemoteConfig::parse(json)?;
    let set = state
        .catalog
        .configure(scope.tunnel, config, &scope.actor)
        .await?;
    view(set.0, ConfigSource::Cloudflare)
}

pub(super) async fn find_configurable(
    state: &ApiState,
    tunnel: TunnelKey,
) -> Result<Tunnel, ConfigurationError> {
    let tunnel = find(state, CfdTunnel, tunnel).await?;
    if tunnel.deleted_at.is_some() {
        return Err(ConfigurationError::Gone);
    }
    Ok(tunnel)
}

fn view(
    configuration: Configuration,
    source: ConfigSource,
) -> Result<Success<ConfigurationView>, ConfigurationError> {
    let config = configuration.config.map(RawValue::from_string).transpose();
    Ok(Success::of(ConfigurationView {
        tunnel_id: configuration.tunnel.tunnel,
        account_id: configuration.tunnel.account,
        version: configuration.version.0,
        config: config.map_err(ConfigurationError::Kept)?,
        source,
        created_at: configuration.created_at,
    }))
}
