//! What a write does besides its own rows: the audit record and the change numbers.

use adit_core::port::{Actor, ChangeNumber};
use adit_model::{
    AccountId, ApiTokenId, ConnectorId, DeviceId, HostPattern, HostnameRouteId, RouteId, Timestamp,
    TunnelKey, VirtualNetworkId,
};

pub(crate) use crate::audit_log::Audit;
use crate::{engine::Connection, failure::Cause, ids::Ids, sql::query};

/// A write's hold on the transaction that it shares with others. Its own part can be undone alone.
pub(crate) struct Tx<'t> {
    /// Runs statements inside the transaction.
    pub(crate) connection: &'t mut Connection,
    /// When the write was taken up: the time of everything in it.
    pub(crate) now: Timestamp,
    /// The ids of new objects.
    pub(crate) ids: &'t Ids,
    /// How many changes are kept for readers that lag.
    pub(super) changes_kept: u64,
    /// The newest change number of the whole transaction.
    pub(super) newest: &'t mut ChangeNumber,
}

/// Changes that one statement writes.
const ROWS: usize = 100;

/// Something that edges keep a copy of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// A tunnel.
    Tunnel(TunnelKey),
    /// A public route.
    Host(HostPattern),
    /// The limits of a host name.
    Limits(HostPattern),
    /// A route of an IP network.
    Route(AccountId, RouteId),
    /// A route of a private host name.
    HostnameRoute(AccountId, HostnameRouteId),
    /// A virtual network.
    VirtualNetwork(AccountId, VirtualNetworkId),
    /// An API token.
    Token(ApiTokenId),
    /// A site: its configuration, settings and decision.
    Site(TunnelKey),
    /// A replica of a site.
    Replica(TunnelKey, ConnectorId),
    /// A device of a mesh.
    Device(AccountId, DeviceId),
    /// Where an account's mesh has its addresses from.
    MeshRanges(AccountId),
}

impl Tx<'_> {
    /// Tells readers that `object` changed. The number is known to them once the transaction is committed.
    pub(crate) async fn changed(&mut self, object: Object) -> Result<ChangeNumber, Cause> {
        self.changed_all(&[object]).await
    }

    /// Tells readers that all of these changed; the newest number, also where there are none. Many cost little more
    /// than one.
    pub(crate) async fn changed_all(&mut self, objects: &[Object]) -> Result<ChangeNumber, Cause> {
        let count = objects.len() as u64;
        let newest: i64 =
            query("UPDATE counters SET value = value + $1 WHERE name = 'change' RETURNING value")
                .bind(i64::try_from(count).map_err(|_| Cause::NoCounter)?)
                .scalar(&mut *self.connection)
                .await?;
        let newest = u64::try_from(newest).map_err(|_| Cause::NoCounter)?;
        let before = newest.saturating_sub(count);
        let kept = self.changes_kept.max(1);
        // What would be trimmed at once is not written.
        let numbered: Vec<(u64, &Object)> = (before + 1..).zip(objects).collect();
        let skipped = usize::try_from(count.saturating_sub(kept)).unwrap_or(usize::MAX);
        for some in numbered.get(skipped..).unwrap_or_default().chunks(ROWS) {
            self.insert(some).await?;
        }
        *self.newest = ChangeNumber(newest);
        // Trimming now and then keeps the table within twice what is kept.
        if newest / kept > before / kept {
            self.trim(i64::try_from(newest).unwrap_or(i64::MAX)).await?;
        }
        Ok(*self.newest)
    }

    async fn insert(&mut self, changes: &[(u64, &Object)]) -> Result<(), Cause> {
        let mut insert = query(
            "INSERT INTO changes (number, host, account_id, tunnel_id, limits_of, kind, object_id) VALUES ",
        );
        for (place, (number, object)) in changes.iter().enumerate() {
            let row = Written::of(object);
            insert = insert
                .push(if place == 0 { "(" } else { ", (" })
                .push_bind(i64::try_from(*number).map_err(|_| Cause::NoCounter)?)
                .push(", ")
                .push_bind(row.host)
                .push(", ")
                .push_bind(row.account.map(|account| account.to_string()))
                .push(", ")
                .push_bind(row.tunnel.map(|key| key.tunnel.uuid()))
                .push(", ")
                .push_bind(row.limits_of)
                .push(", ")
                .push_bind(row.kind.map(str::to_owned))
                .push(", ")
                .push_bind(row.object)
                .push(")");
        }
        insert.execute(&mut *self.connection).await?;
        Ok(())
    }

    async fn trim(&mut self, newest: i64) -> Result<(), Cause> {
        let floor = newest.saturating_sub(i64::try_from(self.changes_kept).unwrap_or(i64::MAX));
        query("DELETE FROM changes WHERE number <= $1")
            .bind(floor)
            .execute(&mut *self.connection)
            .await?;
        query("UPDATE counters SET value = $1 WHERE name = 'change_floor' AND value < $1")
            .bind(floor)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

/// The kinds of objects in the column `kind`.
pub(crate) mod kind {
    pub(crate) const ROUTE: &str = "route";
    pub(crate) const HOSTNAME_ROUTE: &str = "hostname_route";
    pub(crate) const VIRTUAL_NETWORK: &str = "virtual_network";
    pub(crate) const TOKEN: &str = "api_token";
    pub(crate) const SITE: &str = "site";
    pub(crate) const REPLICA: &str = "replica";
    pub(crate) const DEVICE: &str = "device";
    pub(crate) const MESH_RANGES: &str = "mesh_ranges";
}

/// The columns of a change.
#[derive(Default)]
struct Written {
    host: Option<String>,
    account: Option<AccountId>,
    tunnel: Option<TunnelKey>,
    limits_of: Option<String>,
    kind: Option<&'static str>,
    object: Option<String>,
}

impl Written {
    fn of(object: &Object) -> Self {
        let of_account = |account: &AccountId, kind, id: String| Self {
            account: Some(*account),
            kind: Some(kind),
            object: Some(id),
            ..Self::default()
        };
        match object {
            Object::Tunnel(key) => Self {
                account: Some(key.account),
                tunnel: Some(*key),
                ..Self::default()
            },
            Object::Host(pattern) => Self {
                host: Some(pattern.to_string()),
                ..Self::default()
            },
            Object::Limits(pattern) => Self {
                limits_of: Some(pattern.to_string()),
                ..Self::default()
            },
            Object::Route(account, id) => of_account(account, kind::ROUTE, id.to_string()),
            Object::HostnameRoute(account, id) => of_account(account, kind::HOSTNAME_ROUTE, id.to_string()),
            Object::VirtualNetwork(account, id) => of_account(account, kind::VIRTUAL_NETWORK, id.to_string()),
            Object::Token(id) => Self {
                kind: Some(kind::TOKEN),
                object: Some(id.to_string()),
                ..Self::default()
            },
            Object::Site(key) => Self {
                account: Some(key.account),
                tunnel: Some(*key),
                kind: Some(kind::SITE),
                ..Self::default()
            },
            Object::Replica(key, id) => Self {
                tunnel: Some(*key),
                ..of_account(&key.account, kind::REPLICA, id.to_string())
            },
            Object::Device(account, id) => of_account(account, kind::DEVICE, id.to_string()),
            Object::MeshRanges(account) => Self {
                object: None,
                ..of_account(account, kind::MESH_RANGES, String::new())
            },
        }
    }
}

/// One of the two counters of the change history.
pub(crate) async fn counter(connection: &mut Connection, name: &str) -> Result<ChangeNumber, Cause> {
    let value: Option<i64> = query("SELECT value FROM counters WHERE name = $1")
        .bind(name)
        .optional_scalar(connection)
        .await?;
    value
        .and_then(|value| u64::try_from(value).ok())
        .map(ChangeNumber)
        .ok_or(Cause::NoCounter)
}

/// Who acts when nobody asked.
pub(crate) fn system() -> Actor {
    Actor::system()
}
