//! Zones: the domains under which accounts put public host names.

use std::collections::BTreeMap;

use adit_model::{AccountId, Hostname, Timestamp, ZoneId};
use async_trait::async_trait;

use super::{Actor, ChangeNumber, StoreError, TextMatch};
use crate::permission::Reach;

/// A zone: a domain under which an account may put public host names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its id.
    pub id: ZoneId,
    /// Its owner.
    pub account: AccountId,
    /// Its owner's name.
    pub account_name: String,
    /// Its domain.
    pub name: Hostname,
    /// Whether its records are kept without being served.
    pub paused: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// Which zones to list, and in which order.
#[derive(Debug, Clone, Default)]
pub struct ZoneFilter {
    /// Whose domain is such a text.
    pub name: Option<TextMatch>,
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Whose account's name is such a text.
    pub account_name: Option<TextMatch>,
    /// Whether one of the conditions is enough; else all must hold.
    pub any: bool,
    /// By what they are ordered.
    pub order: ZoneOrder,
    /// Whether the order is reversed.
    pub reversed: bool,
}

/// The order of a list of zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZoneOrder {
    /// Newest first.
    #[default]
    Newest,
    /// By domain.
    Name,
    /// By the id of the account.
    Account,
    /// By the name of the account.
    AccountName,
}

/// Why a zone was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// The account has this zone already.
    #[error("the zone {0} exists already")]
    Exists(Hostname),
    /// A zone equal to, above or below it belongs to another account.
    #[error("the domain {0} overlaps a zone of another account")]
    Overlaps(Hostname),
    /// No such account.
    #[error("account not found")]
    NoAccount,
    /// No such zone.
    #[error("zone not found")]
    NoZone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Zones as objects. Reading them and their records is [`Catalog`](super::Catalog)'s.
#[async_trait]
pub trait Zones: Send + Sync {
    /// To whom these zones belong, of all of them at once. A zone that does not exist is left out.
    async fn owners_of_zones(&self, zones: &[ZoneId]) -> Result<BTreeMap<ZoneId, AccountId>, StoreError>;

    /// The zone of the account, within reach, that this host name is in: of several the one with the longest domain.
    async fn zone_of_host(
        &self,
        reach: &Reach,
        account: AccountId,
        host: &Hostname,
    ) -> Result<Option<Zone>, StoreError>;

    /// Makes a zone.
    async fn add_zone(&self, account: AccountId, name: Hostname, actor: &Actor) -> Result<Zone, ZoneError>;

    /// Pauses a zone, which keeps its host names from being served, or lets it go on.
    async fn pause_zone(
        &self,
        zone: ZoneId,
        paused: bool,
        actor: &Actor,
    ) -> Result<(Zone, ChangeNumber), ZoneError>;

    /// Removes a zone with its records.
    async fn remove_zone(&self, zone: ZoneId, actor: &Actor) -> Result<ChangeNumber, ZoneError>;
}
