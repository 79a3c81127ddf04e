//! What the API asks of the side that holds the replicas of sites.

use std::time::Duration;

use adit_model::{ConnectionId, ConnectorId, TunnelKey};
use async_trait::async_trait;

use super::{AskError, ChangeNumber};
use crate::ha::Epoch;

/// A manual failover that was found to make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailoverRequest {
    /// The site.
    pub tunnel: TunnelKey,
    /// Who is to become active.
    pub target: ConnectorId,
    /// The decision that the caller saw.
    pub seen: Epoch,
    /// Also if the target's own network is unwell.
    pub force: bool,
    /// The store's history that the request presumes.
    pub after: ChangeNumber,
}

/// Why a replica did not become active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FailoverError {
    /// It has no session, or is about to lose it.
    #[error("the connector is offline")]
    Offline,
    /// It has not taken over the present configuration of the site.
    #[error("the connector does not run the present configuration of the tunnel yet")]
    Outdated,
    /// It reports that its own network is unwell. Only this can be forced.
    #[error("the connector reports that its own network is unwell; force=true makes it active all the same")]
    Unwell,
    /// It was asked to leave its part to others.
    #[error("the connector is draining; end that on its host first")]
    Draining,
    /// Another decision about the site is being carried out.
    #[error("another failover of this tunnel is not finished")]
    Busy,
    /// It said nothing after it was chosen; the one that was active is so again.
    #[error("the connector did not acknowledge in time; the one that was active was restored")]
    NotAcknowledged,
    /// The decision could not be stored, so it was not made.
    #[error("the decision could not be stored; nothing has changed")]
    NotStored,
    /// The side that holds the replicas gave no answer.
    #[error(transparent)]
    Edge(#[from] AskError),
}

/// Sessions of replicas that are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eviction {
    /// Of which site.
    pub tunnel: TunnelKey,
    /// Only this replica's.
    pub connector: Option<ConnectorId>,
    /// The store's history that is applied before the answer; else a replica could come back in the gap after a
    /// deletion or a rotation.
    pub after: ChangeNumber,
}

/// A replica that has a session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveReplica {
    /// Which.
    pub connector: ConnectorId,
    /// Its session, by the id that [`Presence`](super::Presence) was told.
    pub connection: ConnectionId,
    /// Whether it carries the site's traffic. At most one of a site does.
    pub active: bool,
}

/// The way to whoever holds the replicas of sites, and the devices of meshes.
#[async_trait]
pub trait SiteControl: Send + Sync {
    /// Returns once the store's history is applied up to `after`: who was revoked by then is out. Waits at most
    /// `within`.
    async fn applied(&self, after: ChangeNumber, within: Duration) -> Result<(), AskError>;

    /// Ends sessions, and tells how many. A replica that is still linked may come back at once. Waits at most
    /// `within`.
    async fn evict(&self, eviction: Eviction, within: Duration) -> Result<usize, AskError>;

    /// The replicas of a site that have a session once the store's history is applied up to `after`, in the order of
    /// their ids. Waits at most `within`.
    async fn live(
        &self,
        tunnel: TunnelKey,
        after: ChangeNumber,
        within: Duration,
    ) -> Result<Vec<LiveReplica>, AskError>;

    /// Makes a replica active. Returns once it has acknowledged and traffic goes to it, with the epoch of that
    /// decision.
    async fn fail_over(&self, request: FailoverRequest, within: Duration) -> Result<Epoch, FailoverError>;
}
