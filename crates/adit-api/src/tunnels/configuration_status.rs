//! What the connectors of a tunnel made of its configuration. The vendor has no such call; this is Adit's own.

use adit_core::port::{CatalogError, ConnectorRecord};
use adit_model::{ConfigSource, ConnectorId, Timestamp, TunnelId};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::configurations::{ConfigurationError, find_configurable};
use crate::{envelope::Success, scope::TunnelScope, state::ApiState};

/// A tunnel's newest configuration and how far it has come.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConfigurationStatusView {
    tunnel_id: TunnelId,
    /// The newest version; 0 before the first was set.
    version: i32,
    source: ConfigSource,
    /// Those with live connections, oldest first.
    connectors: Vec<ConnectorStatusView>,
}

/// What one connector made of it.
#[derive(Serialize, JsonSchema)]
struct ConnectorStatusView {
    connector_id: ConnectorId,
    /// Null if it has never had a configuration from here.
    running: Option<RunningView>,
    /// Null unless it refused a version that is newer than what it runs.
    refused: Option<RefusedView>,
}

/// What a connector runs.
#[derive(Serialize, JsonSchema)]
struct RunningView {
    version: i32,
    /// Since when.
    since: Timestamp,
}

/// What a connector refused last.
#[derive(Serialize, JsonSchema)]
struct RefusedView {
    version: i32,
    /// Why, in the connector's own words.
    error: String,
    at: Timestamp,
}

impl ConnectorStatusView {
    fn of(connector: &ConnectorRecord) -> Self {
        let configuration = &connector.configuration;
        Self {
            connector_id: connector.id,
            running: configuration.applied.map(|applied| RunningView {
                version: applied.version.0,
                since: applied.at,
            }),
            refused: configuration.refused.as_ref().map(|refused| RefusedView {
                version: refused.version.0,
                error: refused.sentence.clone(),
                at: refused.at,
            }),
        }
    }
}

/// `GET /accounts/{account_id}/adit/tunnels/{tunnel_id}/configuration_status`.
pub(crate) async fn configuration_status(
    State(state): State<ApiState>,
    scope: TunnelScope,
) -> Result<Success<ConfigurationStatusView>, ConfigurationError> {
    let tunnel = find_configurable(&state, scope.tunnel).await?;
    let found = state.catalog.configuration(scope.tunnel, None).await;
    let newest = found
        .map_err(CatalogError::from)?
        .ok_or(ConfigurationError::Gone)?;
    Ok(Success::of(ConfigurationStatusView {
        tunnel_id: tunnel.key.tunnel,
        version: newest.version.0,
        source: tunnel.config_source,
        connectors: tunnel.connectors.iter().map(ConnectorStatusView::of).collect(),
    }))
}
