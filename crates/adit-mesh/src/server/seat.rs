//! The place of one session among those of its site.

use std::sync::Arc;

use adit_core::{ha::election::Leave, port::CloseReason};
use adit_model::{ConnectionId, ConnectorId, TunnelKey};
use adit_wire::mesh::NodeConfig;
use tokio::sync::watch;

use super::desk::Desk;

/// What a session is to do. Only the newest counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    pub(super) config: Option<Arc<NodeConfig>>,
    /// Counts changes of what it is leased.
    pub(super) lease: u64,
    pub(super) end: Option<Ending>,
}

/// Why a session is ended from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The replica is no longer linked, or its site is gone.
    Revoked,
    /// The API asked for it.
    Evicted,
    /// A newer session of the same replica took its place.
    Replaced,
    /// The edge stops.
    Stopping,
}

impl Ending {
    pub(super) const fn reason(self) -> (CloseReason, Leave) {
        match self {
            Self::Revoked => (CloseReason::Evicted, Leave::Unlinked),
            Self::Evicted => (CloseReason::Evicted, Leave::Dismissed),
            Self::Replaced => (CloseReason::Replaced, Leave::Dismissed),
            Self::Stopping => (CloseReason::EdgeStopped, Leave::Dismissed),
        }
    }
}

/// What the desk keeps of a session.
pub(super) struct Seated {
    pub(super) connection: ConnectionId,
    pub(super) orders: watch::Sender<Orders>,
    /// How long packets to it may be, if it said so.
    pub(super) mtu: Option<u16>,
    /// What it said of its priority.
    pub(super) priority: u32,
}

/// What a session keeps of itself. Dropping it gives the place up.
pub(crate) struct Seat {
    desk: Arc<Desk>,
    pub(crate) site: TunnelKey,
    pub(crate) replica: ConnectorId,
    pub(crate) connection: ConnectionId,
    orders: watch::Receiver<Orders>,
    /// What was made of the orders so far.
    config: Option<Arc<NodeConfig>>,
    lease: u64,
    reason: CloseReason,
    how: Leave,
}

/// What a session learns.
pub(crate) enum Order {
    /// Send this.
    Configure(Arc<NodeConfig>),
    /// Send what it is leased now.
    Lease,
    /// End.
    End(Ending),
}

impl Seat {
    pub(super) const fn new(
        desk: Arc<Desk>,
        site: TunnelKey,
        replica: ConnectorId,
        connection: ConnectionId,
        orders: watch::Receiver<Orders>,
    ) -> Self {
        Self {
            desk,
            site,
            replica,
            connection,
            orders,
            config: None,
            lease: 0,
            reason: CloseReason::Lost,
            how: Leave::Silent,
        }
    }

    /// The next thing to do. Cancel safe.
    pub(crate) async fn order(&mut self) -> Order {
        loop {
            let Orders { config, lease, end } = self.orders.borrow_and_update().clone();
            if let Some(end) = end {
                return Order::End(end);
            }
            // A node is let in by its first configuration: nothing comes before it.
            if let Some(config) = config {
                let is_news = !self
                    .config
                    .as_ref()
                    .is_some_and(|known| Arc::ptr_eq(known, &config));
                if is_news {
                    self.config = Some(Arc::clone(&config));
                    return Order::Configure(config);
                }
                if lease != self.lease {
                    self.lease = lease;
                    return Order::Lease;
                }
            }
            // The sender goes only after it has said that this is the end.
            if self.orders.changed().await.is_err() {
                return Order::End(self.orders.borrow().end.unwrap_or(Ending::Stopping));
            }
        }
    }

    /// Why it ends, if it is not lost.
    pub(crate) const fn because(&mut self, reason: CloseReason) {
        self.reason = reason;
    }

    /// How it ends, unless nobody knows what the replica does from then on.
    pub(crate) const fn by(&mut self, how: Leave) {
        self.how = how;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let reason = (self.reason, self.how);
        self.desk.leave(self.site, self.replica, self.connection, reason);
    }
}
