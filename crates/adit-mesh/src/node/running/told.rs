//! What is told of a running node while it runs.

use std::sync::Arc;

use adit_wire::mesh::{LanHealth, Report};
use tokio::sync::watch;

use crate::{
    control::client::Faring,
    node::{duty, status::NodeStatus, tunnel::Tunnel},
};

/// What the parts that are asked, the status socket and the session's beats, look at.
pub(super) struct Told {
    pub(super) status: NodeStatus,
    pub(super) tunnel: Option<Tunnel>,
    /// What the way to the hub takes, if that is less than the edge says.
    pub(super) narrow: Option<u16>,
    pub(super) duty: Arc<duty::Told>,
    pub(super) lan: watch::Receiver<LanHealth>,
}

impl Told {
    pub(super) fn status(&self) -> NodeStatus {
        NodeStatus {
            hub: self.tunnel.as_ref().and_then(Tunnel::status),
            role: self.duty.role_if_told(),
            ha: self.duty.status(self.lan.borrow().clone()),
            ..self.status.clone()
        }
    }

    pub(super) fn faring(&self) -> Faring {
        let (epoch, role) = self.duty.role();
        Faring {
            report: self.report(),
            epoch,
            role,
            lan: self.lan.borrow().clone(),
        }
    }

    fn report(&self) -> Report {
        let hub = self.tunnel.as_ref().and_then(Tunnel::status);
        hub.map_or_else(Report::default, |hub| Report {
            rtt_ms: None,
            mtu: self.narrow,
            handshake_age_ms: hub.handshake_age_ms,
            received_bytes: hub.received_bytes,
            sent_bytes: hub.sent_bytes,
        })
    }
}
