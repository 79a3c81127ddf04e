//! The API's objects, as the store keeps them.

use std::net::IpAddr;

use adit_model::{
    AccountId, ConfigSource, ConnectionId, ConnectionIndex, ConnectorId, Location, RecordId, Timestamp,
    TunnelId, TunnelKey, TunnelKind, TunnelName, TunnelSecret, TunnelStatus, ZoneId,
};
use async_trait::async_trait;

use super::{
    Accounts, ApiTokens, AuditLog, ChangeNumber, Configurations, ConnectorConfiguration, Devices, DnsRecord,
    DnsRecordFilter, LimitedHosts, LoadBalancers, Login, Networks, NewDnsRecord, QuickTunnels, Sites, Zone,
    ZoneFilter, Zones,
};
use crate::{lifecycle::StillRouted, permission::Reach};

/// The store could not do what it was asked, for no fault of the caller. The cause is in `source`.
#[derive(Debug, thiserror::Error)]
#[error("the store failed while it was to {doing}")]
pub struct StoreError {
    /// What was to be done, such as `create a tunnel`.
    pub doing: &'static str,
    /// Why it failed.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Why the store refused a change.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A live tunnel of the account has this name.
    #[error("a tunnel named {0:?} exists already")]
    NameTaken(TunnelName),
    /// No such tunnel in the account (or a deleted one, where a live one is needed).
    #[error("tunnel not found")]
    NoTunnel,
    /// Routes of private networks or host names lead to the tunnel.
    #[error(transparent)]
    StillRouted(#[from] StillRouted),
    /// No such zone, or not this account's.
    #[error("zone not found")]
    NoZone,
    /// No such record in the zone.
    #[error("record not found")]
    NoRecord,
    /// The host name has a record, a load balancer or a quick tunnel already.
    #[error("an A, AAAA, or CNAME record with that host already exists")]
    HostTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who does something, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `token:<id>`, `user:<id>` or `system`.
    pub name: String,
    /// The address of the user who acts, or in whose name a token does.
    pub email: Option<String>,
    /// The address the request came from; `None` for the process itself.
    pub address: Option<IpAddr>,
    /// The request's id, to join the audit log with the access log.
    pub request_id: String,
}

impl Actor {
    /// The process itself, when nobody asked.
    #[must_use]
    pub fn system() -> Self {
        Self {
            name: "system".to_owned(),
            email: None,
            address: None,
            request_id: String::new(),
        }
    }
}

/// A tunnel as the API shows it, with its live connections.
#[derive(Debug, Clone)]
pub struct Tunnel {
    /// Account and id.
    pub key: TunnelKey,
    /// What it carries.
    pub kind: TunnelKind,
    /// Its name.
    pub name: TunnelName,
    /// Who owns its configuration.
    pub config_source: ConfigSource,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its state, computed from connections and history.
    pub status: TunnelStatus,
    /// Since when at least one connection is up; `None` if none is.
    pub active_since: Option<Timestamp>,
    /// Since when no connection is up; `None` if one is. Equals `created_at` before the first one.
    pub inactive_since: Option<Timestamp>,
    /// Its live connectors, oldest first, each with its live connections.
    pub connectors: Vec<ConnectorRecord>,
}

/// A live connector of a tunnel.
#[derive(Debug, Clone)]
pub struct ConnectorRecord {
    /// The process.
    pub id: ConnectorId,
    /// Its version.
    pub version: String,
    /// Its platform.
    pub arch: String,
    /// Its features.
    pub features: Vec<String>,
    /// The name of its host, if it says so. For people: nobody vouches for it.
    pub hostname: Option<String>,
    /// Its first registration.
    pub run_at: Timestamp,
    /// What it made of the tunnel's remote configuration.
    pub configuration: ConnectorConfiguration,
    /// Its live connections, by index.
    pub connections: Vec<ConnectionRecord>,
}

/// A live connection.
#[derive(Debug, Clone)]
pub struct ConnectionRecord {
    /// The connection.
    pub id: ConnectionId,
    /// Its number within the connector.
    pub index: ConnectionIndex,
    /// Where the edge stands.
    pub location: Location,
    /// The address it was dialled from.
    pub origin_ip: IpAddr,
    /// When it was registered.
    pub opened_at: Timestamp,
}

/// What a new tunnel is made of.
#[derive(Debug, Clone)]
pub struct NewTunnel {
    /// Its account.
    pub account: AccountId,
    /// What it carries.
    pub kind: TunnelKind,
    /// Its name.
    pub name: TunnelName,
    /// Who owns its configuration.
    pub config_source: ConfigSource,
    /// Its secret.
    pub secret: TunnelSecret,
}

/// What to change about a tunnel; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TunnelChanges {
    /// Its name.
    pub name: Option<TunnelName>,
    /// Its secret. Present connections stay; who comes with the old one is refused.
    pub secret: Option<TunnelSecret>,
}

/// Which tunnels to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct TunnelFilter {
    /// One of these kinds; any if empty.
    pub kinds: Vec<TunnelKind>,
    /// Exactly this id.
    pub id: Option<TunnelId>,
    /// Exactly this name.
    pub name: Option<String>,
    /// The name starts so.
    pub include_prefix: Option<String>,
    /// The name does not start so.
    pub exclude_prefix: Option<String>,
    /// Only deleted, only live, or both.
    pub deleted: Option<bool>,
    /// Existed at that moment: made at or before it, not deleted before it.
    pub existed_at: Option<Timestamp>,
    /// Had a connection at that moment, as far as history is kept.
    pub was_active_at: Option<Timestamp>,
    /// Existed at that moment without a connection, as far as history is kept.
    pub was_inactive_at: Option<Timestamp>,
    /// Computed status.
    pub status: Option<TunnelStatus>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub page: u32,
    /// 1 to 1000.
    pub per_page: u32,
}

impl PageRequest {
    /// How many items come before this page.
    #[must_use]
    pub const fn offset(self) -> u64 {
        (self.page.saturating_sub(1) as u64) * (self.per_page as u64)
    }
}

/// Part of a list, newest first; empty past the end.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many match over all pages.
    pub total: u64,
}

impl<T> Page<T> {
    /// Nothing matches.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            items: Vec::new(),
            total: 0,
        }
    }
}

/// The store as the API sees it. Every change is durable before the call returns, in one transaction with its
/// audit record, and is told to the edges: [`ChangeNumber`] says from where on they know it.
#[async_trait]
pub trait Catalog:
    Accounts
    + ApiTokens
    + AuditLog
    + Configurations
    + Devices
    + LimitedHosts
    + LoadBalancers
    + Login
    + Networks
    + QuickTunnels
    + Sites
    + Zones
    + Send
    + Sync
{
    /// Whether there is such an account.
    async fn account_exists(&self, account: AccountId) -> Result<bool, StoreError>;

    /// Makes a tunnel with a new id.
    async fn create_tunnel(
        &self,
        new: NewTunnel,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError>;

    /// One tunnel, deleted or not.
    async fn tunnel(&self, key: TunnelKey) -> Result<Option<Tunnel>, StoreError>;

    /// The tunnels that match, newest first.
    async fn tunnels(
        &self,
        account: AccountId,
        filter: &TunnelFilter,
        page: PageRequest,
    ) -> Result<Page<Tunnel>, StoreError>;

    /// The secret of a live tunnel of a kind; [`CatalogError::NoTunnel`] if it is deleted, unknown or of the other kind.
    async fn tunnel_secret(&self, key: TunnelKey, kind: TunnelKind) -> Result<TunnelSecret, CatalogError>;

    /// Changes a live tunnel; [`CatalogError::NoTunnel`] if it is deleted or unknown.
    async fn update_tunnel(
        &self,
        key: TunnelKey,
        changes: TunnelChanges,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError>;

    /// Marks a tunnel deleted, and with `cascade` the routes of private networks and host names that lead to it.
    /// Deleting a deleted one changes nothing and returns it. Without `cascade` such routes are a reason to refuse:
    /// [`CatalogError::StillRouted`].
    async fn delete_tunnel(
        &self,
        key: TunnelKey,
        cascade: bool,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError>;

    /// The number of the newest committed change.
    async fn change_number(&self) -> Result<ChangeNumber, StoreError>;

    /// One zone.
    async fn zone(&self, zone: ZoneId) -> Result<Option<Zone>, StoreError>;

    /// The zones within reach that match, newest first.
    async fn zones(
        &self,
        reach: &Reach,
        filter: &ZoneFilter,
        page: PageRequest,
    ) -> Result<Page<Zone>, StoreError>;

    /// One record of a zone.
    async fn dns_record(&self, zone: ZoneId, record: RecordId) -> Result<Option<DnsRecord>, StoreError>;

    /// The records of a zone that match, by name.
    async fn dns_records(
        &self,
        zone: ZoneId,
        filter: &DnsRecordFilter,
        page: PageRequest,
    ) -> Result<Page<DnsRecord>, StoreError>;

    /// Adds a record; [`CatalogError::HostTaken`] if its name has one.
    async fn create_dns_record(
        &self,
        zone: ZoneId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError>;

    /// Replaces what a record says; its id and time of making stay.
    async fn update_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        new: NewDnsRecord,
        actor: &Actor,
    ) -> Result<(DnsRecord, ChangeNumber), CatalogError>;

    /// Removes a record.
    async fn delete_dns_record(
        &self,
        zone: ZoneId,
        record: RecordId,
        actor: &Actor,
    ) -> Result<ChangeNumber, CatalogError>;
}
