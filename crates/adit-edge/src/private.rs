//! The way into private networks, over the connections of tunnels.
//!
//! [`sessions`] carries UDP flows and [`icmp`] echo requests; [`datagrams`] is what both share: one receiver for each
//! QUIC connection that has flows. HTTP/2 carries neither.

mod counts;
mod datagrams;
mod icmp;
mod sessions;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_net::private::{PrivateDatagrams, PrivateDialError, PrivateEchoes};

pub(crate) use sessions::DatagramFlows;

use crate::tunnels::Tunnel;

/// Dials what the connectors of one tunnel reach. It asks no route and forbids no address: that is for whoever takes
/// it.
#[derive(Clone)]
pub struct TunnelDialer {
    pub(crate) flows: Arc<DatagramFlows>,
    pub(crate) tunnel: Arc<Tunnel>,
}

impl TunnelDialer {
    /// A UDP flow, which ends by itself after `idle` without a datagram in either direction (1 s to 18 h).
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector took the flow.
    pub async fn udp(
        &self,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        self.flows.udp(&self.tunnel, to, idle).await
    }

    /// A flow of echo requests; the port of `to` means nothing.
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector takes it.
    pub async fn icmp(&self, to: SocketAddr) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        self.flows.icmp(&self.tunnel, to).await
    }
}
