//! One line for each flow, written when it ends.

use std::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use adit_model::TunnelKey;
use adit_net::private::{PrivateDialError, PrivateNetwork};
use metrics::{counter, describe_counter};
use tracing::info;

use crate::end::End;

/// Says what the proxy counts.
pub(crate) fn describe() {
    describe_counter!(
        "adit_private_flows_total",
        "Flows through the private proxy that ended, by protocol and by how."
    );
    describe_counter!(
        "adit_private_sent_bytes_total",
        "Bytes from clients of the private proxy."
    );
    describe_counter!(
        "adit_private_received_bytes_total",
        "Bytes to clients of the private proxy."
    );
}

/// What is known of a flow; its line is written on drop.
pub(super) struct FlowRecord {
    started: Instant,
    protocol: &'static str,
    client: SocketAddr,
    network: PrivateNetwork,
    destination: String,
    tunnel: Option<TunnelKey>,
    sent: AtomicU64,
    received: AtomicU64,
    end: End,
    failure: Option<String>,
}

impl FlowRecord {
    pub(super) fn new(
        protocol: &'static str,
        client: SocketAddr,
        network: PrivateNetwork,
        destination: &impl fmt::Display,
    ) -> Self {
        Self {
            started: Instant::now(),
            protocol,
            client,
            network,
            destination: destination.to_string(),
            tunnel: None,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            end: End::Client,
            failure: None,
        }
    }

    /// Through which tunnel it goes, if through any.
    pub(super) fn leads(&mut self, tunnel: Option<TunnelKey>) {
        self.tunnel = tunnel;
    }

    /// It came to nothing.
    pub(super) fn refused(&mut self, error: &PrivateDialError) {
        self.end = End::Connector;
        self.failure = Some(error.to_string());
    }

    /// Who ended it, and what broke, if something did.
    pub(super) fn ended(&mut self, end: End, failure: Option<String>) {
        self.end = end;
        self.failure = failure;
    }

    /// Bytes of the client have been passed on.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes have reached the client.
    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for FlowRecord {
    fn drop(&mut self) {
        let (sent_bytes, received_bytes) = (*self.sent.get_mut(), *self.received.get_mut());
        let (protocol, end) = (self.protocol, self.end.as_str());
        counter!("adit_private_flows_total", "protocol" => protocol, "end" => end).increment(1);
        counter!("adit_private_sent_bytes_total").increment(sent_bytes);
        counter!("adit_private_received_bytes_total").increment(received_bytes);
        info!(
            target: "adit::private_access",
            client = %self.client.ip().to_canonical(), protocol, account.id = %self.network.account,
            virtual_network.id = %self.network.network, destination = self.destination,
            tunnel.id = self.tunnel.map(|key| display(key.tunnel)), sent_bytes, received_bytes,
            duration_ms = self.started.elapsed().as_secs_f64() * 1e3, end, failure = self.failure, "private flow"
        );
    }
}
