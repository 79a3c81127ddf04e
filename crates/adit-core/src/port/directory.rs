//! What the edge knows of the store, so that neither registration nor a request needs the database.

mod private;

use std::fmt;

use adit_model::{ConfigSource, ConfigVersion, HostPattern, SecretDigest, TunnelKey, TunnelKind};
use async_trait::async_trait;

pub use private::{NamedNetwork, NetworkToken, PrivateChange, PrivateHostname, PrivateRoute};

use super::{MeshChange, StoreError};
use crate::{
    ha::{HaSetting, HaSettings, HaState},
    host_limits::HostLimits,
};

/// How far the store's history has been read. Rises with every committed change; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeNumber(pub u64);

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the edge knows of one tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelEntry {
    /// What it carries.
    pub kind: TunnelKind,
    /// A deleted tunnel takes no connections; its routes answer as if no connector ran.
    pub deleted: bool,
    /// Who owns the ingress configuration.
    pub config_source: ConfigSource,
    /// The newest remote configuration.
    pub config_version: ConfigVersion,
    /// What a connector's secret is compared with.
    pub secret: SecretDigest,
}

/// What whoever holds the replicas knows of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEntry {
    /// The present decision about who is active.
    pub state: HaState,
    /// The configuration's version.
    pub version: ConfigVersion,
    /// The configuration: the mode, and what it needs to know.
    pub setting: HaSetting,
    /// How eagerly the site fails over.
    pub settings: HaSettings,
}

/// A public host name and the tunnels that serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoute {
    /// One name, or all below one.
    pub pattern: HostPattern,
    /// Where requests go.
    pub target: HostTarget,
}

/// The tunnels that a host name leads to, at least one. Of several, which are a pool's, any may serve any request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTarget(Vec<TunnelKey>);

impl HostTarget {
    /// These tunnels; `None` if there are none.
    #[must_use]
    pub fn of(tunnels: Vec<TunnelKey>) -> Option<Self> {
        (!tunnels.is_empty()).then_some(Self(tunnels))
    }

    /// The tunnels; never empty.
    #[must_use]
    pub fn tunnels(&self) -> &[TunnelKey] {
        &self.0
    }
}

impl From<TunnelKey> for HostTarget {
    fn from(tunnel: TunnelKey) -> Self {
        Self(vec![tunnel])
    }
}

/// Everything at one change number.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Every tunnel, deleted ones included while they are kept.
    pub tunnels: Vec<(TunnelKey, TunnelEntry)>,
    /// Every public route; no pattern appears twice.
    pub hosts: Vec<HostRoute>,
    /// Every host name with limits; no pattern appears twice.
    pub limits: Vec<(HostPattern, HostLimits)>,
    /// Everything that private networks are made of, as changes of nothing.
    pub private: Vec<PrivateChange>,
    /// Everyone who joined a mesh, as changes of nothing.
    pub mesh: Vec<MeshChange>,
    /// Every site but deleted ones.
    pub sites: Vec<(TunnelKey, SiteEntry)>,
}

/// The present state of one thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A tunnel was made or changed; `None` if it is no longer kept.
    Tunnel(TunnelKey, Option<TunnelEntry>),
    /// A public host name points elsewhere; `None` if nowhere.
    Host(HostPattern, Option<HostTarget>),
    /// A host name has other limits, or none.
    Limits(HostPattern, HostLimits),
    /// Something of private networks was made, changed or removed.
    Private(PrivateChange),
    /// A member of a mesh joined, changed or left.
    Mesh(MeshChange),
    /// A site was made or configured, or has another active replica; `None` if it is deleted. Comes after the change of
    /// its tunnel.
    Site(TunnelKey, Option<SiteEntry>),
}

/// What happened after a change number.
#[derive(Debug, Clone)]
pub enum Changes {
    /// These, in order; applying them leads to `upto`.
    Since {
        /// The changes, oldest first. Never empty.
        changes: Vec<Change>,
        /// The number they lead to.
        upto: ChangeNumber,
    },
    /// The history no longer reaches back that far: take a new snapshot.
    TooOld,
}

/// The edge's view of the store.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Everything, and the number that [`Directory::changes`] goes on from.
    async fn snapshot(&self) -> Result<(Snapshot, ChangeNumber), StoreError>;

    /// The JSON of a version of a tunnel's remote configuration; `None` if it is not kept, or no longer. For the push,
    /// which is in no request's way and asks once for all connectors of a tunnel.
    async fn remote_configuration(
        &self,
        tunnel: TunnelKey,
        version: ConfigVersion,
    ) -> Result<Option<String>, StoreError>;

    /// Waits until something happened after `after`, then tells what. Cancelling the call loses nothing.
    async fn changes(&self, after: ChangeNumber) -> Result<Changes, StoreError>;
}
