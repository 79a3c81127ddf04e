//! Sites, as the store keeps them: tunnels of kind `warp_connector`, their configuration, replicas and decisions.

use std::time::Duration;

use adit_model::{ConfigVersion, ConnectorId, Timestamp, TunnelKey};
use async_trait::async_trait;

use super::{
    Actor, CatalogError, ChangeNumber, ConnectorRecord, LinkedReplica, NewTunnel, Page, PageRequest,
    StoreError, Tunnel,
};
use crate::ha::{Epoch, HaCause, HaEvent, HaSetting, HaSettings, HaState, StaleEpoch};

/// A site's configuration and the present decision about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// The present decision.
    pub state: HaState,
    /// The configuration.
    pub configuration: SiteConfiguration,
}

/// A version of a site's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteConfiguration {
    /// From 0, which the site was made with.
    pub version: ConfigVersion,
    /// Mode and what it needs.
    pub setting: HaSetting,
    /// Who set it.
    pub author: String,
    /// When it was set.
    pub created_at: Timestamp,
}

/// Which replicas of a site are to lose their link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// Those that proved themselves with an earlier secret of the tunnel; only this one of them, if one is named.
    EarlierSecret(Option<ConnectorId>),
    /// This one, whatever it proved itself with.
    One(ConnectorId),
}

/// Why a decision about a site's active replica was not kept.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such site, or a deleted one.
    #[error("tunnel not found")]
    NoSite,
    /// Somebody else decided meanwhile.
    #[error(transparent)]
    Stale(#[from] StaleEpoch),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sites.
#[async_trait]
pub trait Sites: Send + Sync {
    /// Makes a site with a new id. `new.kind` and `new.config_source` do not count.
    async fn create_site(
        &self,
        new: NewTunnel,
        setting: HaSetting,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError>;

    /// One site, deleted or not.
    async fn site(&self, tunnel: TunnelKey) -> Result<Option<Site>, StoreError>;

    /// An older or the present version of a site's configuration, while it is kept.
    async fn site_configuration(
        &self,
        tunnel: TunnelKey,
        version: ConfigVersion,
    ) -> Result<Option<SiteConfiguration>, StoreError>;

    /// Sets a site's configuration as the next version of it. Who is active stays. [`CatalogError::NoTunnel`] if the
    /// site is deleted or unknown.
    async fn configure_site(
        &self,
        tunnel: TunnelKey,
        setting: HaSetting,
        actor: &Actor,
    ) -> Result<(SiteConfiguration, ChangeNumber), CatalogError>;

    /// The replicas that are linked, connected, or were connected at or after `since`, oldest first. One without
    /// connections is offline.
    async fn replicas(&self, tunnel: TunnelKey, since: Timestamp)
    -> Result<Vec<ConnectorRecord>, StoreError>;

    /// Every replica linked to a site, oldest first, connected or not.
    async fn linked_replicas(
        &self,
        tunnel: TunnelKey,
    ) -> Result<Vec<(ConnectorId, LinkedReplica)>, StoreError>;

    /// Takes links away: these replicas are strangers from then on, who need the tunnel's token to join. Returns which.
    async fn unlink(
        &self,
        tunnel: TunnelKey,
        which: Unlinked,
        actor: &Actor,
    ) -> Result<(Vec<ConnectorId>, ChangeNumber), StoreError>;

    /// How eagerly a site fails over; `None` if it is deleted or unknown.
    async fn ha_settings(&self, tunnel: TunnelKey) -> Result<Option<HaSettings>, StoreError>;

    /// Sets how eagerly a site fails over. [`CatalogError::NoTunnel`] if it is deleted or unknown.
    async fn set_ha_settings(
        &self,
        tunnel: TunnelKey,
        settings: HaSettings,
        actor: &Actor,
    ) -> Result<ChangeNumber, CatalogError>;

    /// Keeps who is active from now on and why, if the present decision is still the one of epoch `seen`; see
    /// [`HaState::follow`]. For the side that holds the replicas, which tells nobody of a decision before it is kept.
    async fn decide(
        &self,
        tunnel: TunnelKey,
        seen: Epoch,
        active: Option<ConnectorId>,
        cause: HaCause,
    ) -> Result<HaState, DecideError>;

    /// Adds to a decision what it cost: see [`HaEvent::gap`]. Nothing is kept of a decision that is not known.
    async fn note_gap(&self, tunnel: TunnelKey, epoch: Epoch, gap: Duration) -> Result<(), StoreError>;

    /// The decisions about a site, newest first; the store keeps the newest thousand.
    async fn ha_events(&self, tunnel: TunnelKey, page: PageRequest) -> Result<Page<HaEvent>, StoreError>;
}
