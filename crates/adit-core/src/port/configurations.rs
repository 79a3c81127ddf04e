//! Remote configurations of tunnels, as the store keeps them.

use adit_model::{ConfigVersion, Timestamp, TunnelKey};
use async_trait::async_trait;

use super::{Actor, CatalogError, ChangeNumber, StoreError};
use crate::remote_config::RemoteConfig;

/// A version of a tunnel's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The tunnel.
    pub tunnel: TunnelKey,
    /// From 1; 0 before the first was set.
    pub version: ConfigVersion,
    /// The configuration as JSON, as [`RemoteConfig::as_json`] gave it. In version 0 what a connector of a locally
    /// managed tunnel last told of itself, if one did.
    pub config: Option<String>,
    /// Who set it; empty in version 0.
    pub author: String,
    /// When it was set. In version 0 when the connector told it, else when the tunnel was made.
    pub created_at: Timestamp,
}

/// What a connector made of its tunnel's remote configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectorConfiguration {
    /// The version it runs; `None` if none was ever pushed to it.
    pub applied: Option<AppliedConfiguration>,
    /// The newer version that it refused last.
    pub refused: Option<RefusedConfiguration>,
}

/// A version that a connector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedConfiguration {
    /// Which.
    pub version: ConfigVersion,
    /// Since when.
    pub at: Timestamp,
}

/// A version that a connector refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedConfiguration {
    /// Which.
    pub version: ConfigVersion,
    /// Why, in the connector's own words.
    pub sentence: String,
    /// When.
    pub at: Timestamp,
}

/// The configurations of tunnels.
#[async_trait]
pub trait Configurations: Send + Sync {
    /// The newest configuration of a live tunnel, or the given version while it is kept; `None` if there is none.
    async fn configuration(
        &self,
        tunnel: TunnelKey,
        version: Option<ConfigVersion>,
    ) -> Result<Option<Configuration>, StoreError>;

    /// Sets a configuration, whole, as the next version of it, and makes the tunnel remotely managed if it was not.
    /// Old versions beyond the last hundred go. [`CatalogError::NoTunnel`] if it is deleted or unknown.
    async fn configure(
        &self,
        tunnel: TunnelKey,
        config: RemoteConfig,
        actor: &Actor,
    ) -> Result<(Configuration, ChangeNumber), CatalogError>;
}
