//! Limits of public host names.

use adit_model::{AccountId, HostPattern, Timestamp};
use async_trait::async_trait;

use super::{Actor, ChangeNumber, StoreError};
use crate::host_limits::HostLimits;

/// A host name's limits, as they were set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedHost {
    /// One name, or all below one.
    pub host: HostPattern,
    /// Its limits.
    pub limits: HostLimits,
    /// When they were last set; `None` if never.
    pub modified_at: Option<Timestamp>,
}

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum LimitedHostError {
    /// No zone of the account has the host name.
    #[error("this account has no zone for the host name {0}")]
    NoZone(HostPattern),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Limits of host names: kept with the zone, whether or not the name leads anywhere yet.
#[async_trait]
pub trait LimitedHosts: Send + Sync {
    /// A host name's own limits; none at all if nobody has set any.
    async fn host_limits(
        &self,
        account: AccountId,
        host: &HostPattern,
    ) -> Result<LimitedHost, LimitedHostError>;

    /// Sets all limits of a host name in the place of those that it had.
    async fn set_host_limits(
        &self,
        account: AccountId,
        host: HostPattern,
        limits: HostLimits,
        actor: &Actor,
    ) -> Result<(LimitedHost, ChangeNumber), LimitedHostError>;
}
