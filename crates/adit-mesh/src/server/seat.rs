//! The place of one session among those of its site.

use std::sync::Arc;

use adit_core::port::CloseReason;
use adit_model::{ConnectionId, ConnectorId, TunnelKey};
use adit_wire::mesh::NodeConfig;
use tokio::sync::watch;

use super::desk::Desk;

/// What a session is to do. Only the newest counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    pub(super) config: Option<Arc<NodeConfig>>,
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
    pub(super) const fn reason(self) -> CloseReason {
        match self {
            Self::Revoked | Self::Evicted => CloseReason::Evicted,
            Self::Replaced => CloseReason::Replaced,
            Self::Stopping => CloseReason::EdgeStopped,
        }
    }
}

/// What the desk keeps of a session.
pub(super) struct Seated {
    pub(super) connection: ConnectionId,
    pub(super) orders: watch::Sender<Orders>,
    /// How long packets to it may be, if it said so.
    pub(super) mtu: Option<u16>,
}

/// What a session keeps of itself. Dropping it gives the place up.
pub(crate) struct Seat {
    desk: Arc<Desk>,
    pub(crate) site: TunnelKey,
    pub(crate) replica: ConnectorId,
    pub(crate) connection: ConnectionId,
    orders: watch::Receiver<Orders>,
    reason: CloseReason,
}

/// What a session learns.
pub(crate) enum Order {
    /// Send this.
    Configure(Arc<NodeConfig>),
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
            reason: CloseReason::Lost,
        }
    }

    /// The next thing to do. Cancel safe.
    pub(crate) async fn order(&mut self) -> Order {
        loop {
            // The sender goes only after it has said that this is the end.
            if self.orders.changed().await.is_err() {
                return Order::End(self.orders.borrow().end.unwrap_or(Ending::Stopping));
            }
            let orders = self.orders.borrow_and_update().clone();
            match (orders.end, orders.config) {
                (Some(end), _) => return Order::End(end),
                (None, Some(config)) => return Order::Configure(config),
                (None, None) => {}
            }
        }
    }

    /// Why it ends, if it is not lost.
    pub(crate) const fn because(&mut self, reason: CloseReason) {
        self.reason = reason;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.desk
            .leave(self.site, self.replica, self.connection, self.reason);
    }
}
