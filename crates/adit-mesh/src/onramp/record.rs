//! One line for each flow, written when it ends.

use std::time::Instant;

use adit_core::mesh::forwarding::Who;
use adit_model::TunnelId;
use adit_net::private::{PrivateDialError, PrivateNetwork};
use metrics::counter;
use tracing::info;

use super::{intake::Handed, sort::FlowKey};

/// Who ended a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody before its time.
    Complete,
    /// The member, or its silence.
    Member,
    /// The connector, the way to it, or what is behind it.
    Connector,
    /// This server stopped.
    Edge,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Member => "client",
            Self::Connector => "connector",
            Self::Edge => "edge",
        }
    }
}

/// What is known of a flow; its line is written on drop.
pub(super) struct Record {
    started: Instant,
    key: FlowKey,
    who: Who,
    tunnel: TunnelId,
    pub(super) sent: u64,
    pub(super) received: u64,
    end: End,
    failure: Option<String>,
}

impl FlowKey {
    /// The network that it is in.
    pub(super) const fn private(&self) -> PrivateNetwork {
        PrivateNetwork {
            account: self.account,
            network: self.network,
        }
    }
}

impl Record {
    /// A flow that this packet begins.
    pub(super) fn new(key: FlowKey, first: &Handed) -> Self {
        Self {
            started: Instant::now(),
            key,
            who: first.who,
            tunnel: first.to.tunnel.tunnel,
            sent: 0,
            received: 0,
            end: End::Edge,
            failure: None,
        }
    }

    /// It came to nothing.
    pub(super) fn refused(&mut self, error: &PrivateDialError) {
        self.ended(End::Connector, Some(error.to_string()));
    }

    /// Who ended it, and what broke, if something did.
    pub(super) fn ended(&mut self, end: End, failure: Option<String>) {
        self.end = end;
        self.failure = failure;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (protocol, end) = (self.key.protocol.as_str(), self.end.as_str());
        counter!("adit_mesh_proxied_flows_total", "protocol" => protocol, "end" => end).increment(1);
        counter!("adit_mesh_proxied_sent_bytes_total").increment(self.sent);
        counter!("adit_mesh_proxied_received_bytes_total").increment(self.received);
        let (site, connector, device) = match self.who {
            Who::Replica(tunnel, connector) => (Some(tunnel.tunnel), Some(connector), None),
            Who::Device(_, device) => (None, None, Some(device)),
        };
        info!(
            target: "adit::private_access",
            client = %self.key.source.ip(), protocol, account.id = %self.key.account,
            virtual_network.id = %self.key.network, destination = %self.key.destination,
            tunnel.id = %self.tunnel, site.id = site.map(display), replica.id = connector.map(display),
            device.id = device.map(display), sent_bytes = self.sent, received_bytes = self.received,
            duration_ms = self.started.elapsed().as_secs_f64() * 1e3, end, failure = self.failure, "private flow"
        );
    }
}
