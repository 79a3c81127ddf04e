//! The tunnels this edge knows, their live connections, and which host names lead to them.

use std::{collections::HashMap, sync::Arc};

use adit_core::{
    host_limits::HostLimits,
    networks::PrivateTable,
    port::{Change, ChangeNumber, CloseReason, HostTarget, LiveConnection, Snapshot, TunnelEntry},
    registration::{self, Admission, Refusal},
    reserved_hosts::ReservedHosts,
    routes::{HostMap, RouteTable},
};
use adit_model::{ConfigSource, ConfigVersion, ConnectorId, HostPattern, SecretDigest, TunnelKey};
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use tokio::sync::{Notify, futures::Notified};
use tokio_util::sync::CancellationToken;

use crate::{connection::Connection, limiter::Limiter, push::Board, route::Route, traffic::LazyTraffic};

/// One tunnel: what the store says of it and which connections serve it.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) key: TunnelKey,
    /// `None` for the target of a route whose tunnel the store no longer keeps.
    entry: ArcSwapOption<TunnelEntry>,
    /// Read by every request with one atomic load; replaced as a whole under `editing`.
    connections: ArcSwap<Vec<Arc<Connection>>>,
    /// Orders registrations against deletion: nothing registers after the entry says deleted.
    editing: Mutex<()>,
    /// Tells all who wait that a connection came, went or recovered.
    changed: Notify,
    /// Tells one who waits that a connection has room again.
    room: Notify,
    pub(crate) traffic: LazyTraffic,
    /// Where the pusher hears of changes.
    board: Arc<Board>,
}

impl Tunnel {
    fn new(key: TunnelKey, board: Arc<Board>) -> Arc<Self> {
        Arc::new(Self {
            key,
            entry: ArcSwapOption::empty(),
            connections: ArcSwap::from_pointee(Vec::new()),
            editing: Mutex::new(()),
            changed: Notify::new(),
            room: Notify::new(),
            traffic: LazyTraffic::default(),
            board,
        })
    }

    /// Admits a connection if its secret is right, and puts it in the place of an older one of the same connector
    /// and index, which is returned.
    pub(crate) fn register(
        &self,
        presented: &SecretDigest,
        connection: &Arc<Connection>,
    ) -> Result<(Admission, Option<Arc<Connection>>), Refusal> {
        let _editing = self.editing.lock();
        let admission = registration::admit(self.entry.load().as_deref(), presented)?;
        let mut connections = self.connections.load().to_vec();
        let same = |other: &Arc<Connection>| {
            other.connector.id == connection.connector.id && other.index == connection.index
        };
        let replaced = connections
            .iter()
            .position(same)
            .map(|at| connections.swap_remove(at));
        connections.push(Arc::clone(connection));
        self.serve_with(connections);
        Ok((admission, replaced))
    }

    /// Takes a connection out of service; false if it was out already.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) -> bool {
        let _editing = self.editing.lock();
        let mut connections = self.connections.load().to_vec();
        let Some(at) = connections
            .iter()
            .position(|other| Arc::ptr_eq(other, connection))
        else {
            return false;
        };
        connections.swap_remove(at);
        self.serve_with(connections);
        true
    }

    /// Takes out and returns the connections of one connector, or all.
    pub(crate) fn evict(&self, connector: Option<ConnectorId>) -> Vec<Arc<Connection>> {
        let _editing = self.editing.lock();
        let (evicted, kept) = self
            .connections
            .load()
            .iter()
            .cloned()
            .partition(|connection| connector.is_none_or(|id| connection.connector.id == id));
        self.serve_with(kept);
        evicted
    }

    /// These are in service from now on. `editing` is held.
    fn serve_with(&self, connections: Vec<Arc<Connection>>) {
        let before = self.connections.swap(Arc::new(connections));
        if !(before.is_empty() && self.connections.load().is_empty()) {
            self.board.mark(self.key);
        }
        self.changed.notify_waiters();
    }

    /// A connection that got no new work may have some.
    pub(crate) fn recovered(&self) {
        self.changed.notify_waiters();
    }

    /// A connection that was full has room for a request. Whoever takes it and finds that there may be more says so.
    pub(crate) fn room(&self) {
        self.room.notify_one();
    }

    /// Completes when a connection has come, gone or recovered after this call.
    pub(crate) fn until_changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Completes for one of those who wait when a connection has room.
    pub(crate) fn until_room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// Whether the store has it, and not as a deleted one.
    pub(crate) fn exists(&self) -> bool {
        self.entry.load().as_ref().is_some_and(|entry| !entry.deleted)
    }

    /// Those that are in service, as of now.
    pub(crate) fn connections(&self) -> arc_swap::Guard<Arc<Vec<Arc<Connection>>>> {
        self.connections.load()
    }

    /// A connection is suspect: its connector's others must answer before they get new work.
    pub(crate) fn doubt_others(&self, suspect: &Arc<Connection>) {
        for connection in self.connections.load().iter() {
            if connection.connector.id == suspect.connector.id && !Arc::ptr_eq(connection, suspect) {
                connection.doubt();
            }
        }
    }

    /// The newest configuration that its connectors are to run; `None` if it has none or is not managed here.
    pub(crate) fn wanted_configuration(&self) -> Option<ConfigVersion> {
        let entry = self.entry.load();
        let entry = entry.as_ref().filter(|entry| !entry.deleted)?;
        match entry.config_source {
            ConfigSource::Cloudflare => Some(entry.config_version).filter(|version| version.0 > 0),
            ConfigSource::Local => None,
        }
    }

    pub(crate) fn live(&self) -> Vec<LiveConnection> {
        self.connections
            .load()
            .iter()
            .map(|connection| connection.describe())
            .collect()
    }
}

/// Everything the edge knows from the store, as of one change.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    tunnels: HashMap<TunnelKey, Arc<Tunnel>>,
    board: Arc<Board>,
    pub(crate) routes: RouteTable<Arc<Route>>,
    /// Those of names and wildcards that have any, whether or not they are routed.
    pub(crate) limits: HostMap<Arc<Limiter>>,
    pub(crate) private: PrivateTable,
    pub(crate) change: ChangeNumber,
    /// False until the first snapshot: nobody can be refused for good before it.
    pub(crate) ready: bool,
}

impl Table {
    pub(crate) fn tunnel(&self, key: &TunnelKey) -> Option<&Arc<Tunnel>> {
        self.tunnels.get(key)
    }

    pub(crate) fn tunnels(&self) -> impl Iterator<Item = &Arc<Tunnel>> {
        self.tunnels.values()
    }

    fn set_tunnel(&mut self, key: TunnelKey, entry: Option<TunnelEntry>) {
        let tunnel = self.tunnels.entry(key);
        let tunnel = tunnel.or_insert_with(|| Tunnel::new(key, Arc::clone(&self.board)));
        let serves = entry.as_ref().is_some_and(|entry| !entry.deleted);
        let _editing = tunnel.editing.lock();
        tunnel.entry.store(entry.map(Arc::new));
        drop(_editing);
        if !tunnel.connections().is_empty() {
            self.board.mark(key);
        }
        if !serves {
            for connection in tunnel.evict(None) {
                connection.close(CloseReason::Evicted);
            }
        }
    }

    fn set_route(&mut self, pattern: HostPattern, target: Option<&HostTarget>) {
        let (known, board) = (&mut self.tunnels, &self.board);
        let mut tunnel = |&key| {
            let tunnel = known.entry(key);
            Arc::clone(tunnel.or_insert_with(|| Tunnel::new(key, Arc::clone(board))))
        };
        let route = target.map(|target| {
            let tunnels = target.tunnels().iter().map(&mut tunnel).collect();
            Arc::new(Route::new(&pattern, tunnels))
        });
        self.routes.set(pattern, route);
    }

    /// What is used up of limits that stay as they are stays used up.
    fn set_limits(&mut self, pattern: HostPattern, limits: HostLimits, before: Option<&Arc<Limiter>>) {
        let limiter = match before {
            Some(before) if *before.limits() == limits => Arc::clone(before),
            before => Arc::new(Limiter::new(limits, before.map(Arc::as_ref))),
        };
        self.limits.set(pattern, (!limits.is_empty()).then_some(limiter));
    }
}

/// The current [`Table`]: read without a lock, replaced by the one task that follows the store.
#[derive(Debug)]
pub(crate) struct Tunnels {
    table: ArcSwap<Table>,
    pub(crate) board: Arc<Board>,
    ready: CancellationToken,
}

impl Tunnels {
    pub(crate) fn new(reserved: ReservedHosts) -> Self {
        let board = Arc::<Board>::default();
        let table = ArcSwap::from_pointee(Table {
            tunnels: HashMap::new(),
            board: Arc::clone(&board),
            routes: RouteTable::new(reserved),
            limits: HostMap::default(),
            private: PrivateTable::default(),
            change: ChangeNumber::default(),
            ready: false,
        });
        Self {
            table,
            board,
            ready: CancellationToken::new(),
        }
    }

    /// Waits for the first snapshot.
    pub(crate) async fn until_ready(&self) {
        self.ready.cancelled().await;
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    /// Takes a snapshot. Tunnels that it lacks are gone; live connections of those it has stay.
    pub(crate) fn restore(&self, reserved: &ReservedHosts, snapshot: Snapshot, change: ChangeNumber) {
        let old = self.table.load_full();
        let mut table = Table {
            tunnels: old.tunnels.clone(),
            board: Arc::clone(&self.board),
            routes: RouteTable::new(reserved.clone()),
            limits: HostMap::default(),
            private: PrivateTable::default(),
            change,
            ready: true,
        };
        let mut gone = old.tunnels.clone();
        for (key, entry) in snapshot.tunnels {
            gone.remove(&key);
            table.set_tunnel(key, Some(entry));
        }
        for key in gone.into_keys() {
            table.set_tunnel(key, None);
            table.tunnels.remove(&key);
        }
        for host in snapshot.hosts {
            table.set_route(host.pattern, Some(&host.target));
        }
        for (pattern, limits) in snapshot.limits {
            let before = old.limits.get(&pattern);
            table.set_limits(pattern, limits, before);
        }
        for change in snapshot.private {
            table.private.apply(change);
        }
        self.table.store(Arc::new(table));
        self.ready.cancel();
    }

    /// Applies what happened since.
    pub(crate) fn apply(&self, changes: Vec<Change>, upto: ChangeNumber) {
        let mut table = Table::clone(&self.table.load());
        for change in changes {
            match change {
                Change::Tunnel(key, entry) => table.set_tunnel(key, entry),
                Change::Host(pattern, target) => table.set_route(pattern, target.as_ref()),
                Change::Limits(pattern, limits) => {
                    let before = table.limits.get(&pattern).cloned();
                    table.set_limits(pattern, limits, before.as_ref());
                }
                Change::Private(change) => table.private.apply(change),
                // The mesh follows the store by itself.
                Change::Mesh(_) | Change::Site(..) => {}
            }
        }
        table.change = upto;
        self.table.store(Arc::new(table));
    }
}
