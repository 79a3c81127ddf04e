//! What the API is given: the ports, the reserved names and its limits.

use std::{net::IpAddr, sync::Arc, time::Duration};

use adit_core::{
    port::{Catalog, EdgeControl, LogControl, SiteControl},
    reserved_hosts::ReservedHosts,
};
use adit_model::PeerKey;
use adit_wire::management_token::ManagementKeys;

use crate::quick_tunnels::QuickTunnelService;

/// Everything the handlers work with.
#[derive(Clone)]
pub struct ApiState {
    /// Where the objects are kept.
    pub catalog: Arc<dyn Catalog>,
    /// The way to the edges.
    pub edges: Arc<dyn EdgeControl>,
    /// The way to those who hold the replicas of sites and the devices of meshes.
    pub sites: Arc<dyn SiteControl>,
    /// What devices dial; `None` if this server has no hub, and then no device joins.
    pub mesh: Option<MeshHub>,
    /// The way to the log.
    pub log: Arc<dyn LogControl>,
    /// What signs management tokens.
    pub management_keys: Arc<ManagementKeys>,
    /// What gives out quick tunnels; `None` if they are turned off.
    pub quick_tunnels: Option<Arc<QuickTunnelService>>,
    /// Host names that no record may take.
    pub reserved: ReservedHosts,
    /// What a client may use up.
    pub limits: Limits,
}

/// The hub that devices of every mesh have as their one WireGuard peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshHub {
    /// Its public key.
    pub key: PeerKey,
    /// Where devices reach it, as `host:port`: the configuration's `mesh.advertise`. `None` if nobody said.
    pub endpoint: Option<String>,
}

/// What a client may use up. The defaults suit every deployment that is not a test.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's header fields, names and values. Default 32 KiB; more is a 431.
    pub head_bytes: usize,
    /// Bytes of a request's path and query. Default 16 KiB; more is a 414.
    pub uri_bytes: usize,
    /// Bytes of a request's body. Default 1 MiB; more is a 413.
    pub body_bytes: usize,
    /// How long a head may take to arrive, and how long a connection may idle. Default 15 s.
    pub head_time: Duration,
    /// How long a body may take to arrive. Default 10 s; longer is a 408.
    pub body_time: Duration,
    /// How long edges may take to answer. Default 5 s; longer is a 504.
    pub edge_time: Duration,
    /// How long a whole request may take. Default 30 s; longer is a 504.
    pub request_time: Duration,
    /// How long a client may leave the bytes of an answer unread. Default 30 s, then the connection is closed.
    pub stall_time: Duration,
    /// Open connections; more wait in the listener's backlog. Default 512.
    pub connections: usize,
    /// How long open requests may finish after the stop was asked for. Default 30 s.
    pub grace_period: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 << 10,
            uri_bytes: 16 << 10,
            body_bytes: 1 << 20,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(10),
            edge_time: Duration::from_secs(5),
            request_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(30),
            connections: 512,
            grace_period: Duration::from_secs(30),
        }
    }
}

/// The address that a request came from, for logs and the audit record.
///
/// [`serve`](crate::serve()) sets it as a request extension; whoever calls the router otherwise should do so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
