//! What an edge is made of, where it then listens, and why it could not start.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use adit_core::{port::AccessLog, sessions::FlowLimits};
use adit_model::{Hostname, Location, NodeId};
use adit_net::{
    mesh::{Carriers, ControlStreams},
    quic::QuicKeys,
    tls::TlsConfigError,
};

use crate::{
    certificates::{Authority, FolderError, LeafKey},
    management::ManagementConfig,
    private::PrivateLimits,
    public::PublicLimits,
};

/// What an edge is made of.
pub struct EdgeConfig {
    /// This edge's id.
    pub node: NodeId,
    /// The base domain; `api.` and `management.` below it are never routed.
    pub domain: Hostname,
    /// Where it stands.
    pub location: Location,
    /// Where connectors dial in, UDP and TCP alike. Port 0 picks one that both have free.
    pub connectors: SocketAddr,
    /// Where public HTTP enters.
    pub http: Option<SocketAddr>,
    /// Where public HTTPS enters.
    pub https: Option<SocketAddr>,
    /// Where people enter private networks, by SOCKS5 and HTTP CONNECT.
    pub private_proxy: Option<SocketAddr>,
    /// How many UDP sessions and echo flows into private networks there may be.
    pub datagram_flows: FlowLimits,
    /// What public clients may take up.
    pub limits: PublicLimits,
    /// What private networks may take up, and be.
    pub private: PrivateLimits,
    /// What the process may hold in all, bytes: see `docs/operations.md`.
    pub memory_budget: u64,
    /// Makes the allocator give back what is free. Called off the runtime's threads, at most once a second, and only
    /// while memory is short.
    pub relieve_memory: fn(),
    /// Keys that must survive a restart, so that connectors notice it at once.
    pub quic_keys: QuicKeys,
    /// Where each public request leaves a line.
    pub access_log: Arc<dyn AccessLog>,
    /// Who takes the mesh's control connections off the connectors' TCP port; without one there are none.
    pub mesh: Option<Arc<dyn ControlStreams>>,
    /// Who takes carriers of the mesh's packets off the HTTPS port, TCP and UDP; without one there are none.
    pub mesh_carriers: Option<Arc<dyn Carriers>>,
    /// Certificates for public HTTPS, in files. A name that has none gets one of the authority.
    pub certificates: Option<PathBuf>,
    /// Who may reach connectors' management services over `management.<domain>`.
    pub management: ManagementConfig,
    /// Issues the edge's certificates.
    pub authority: Arc<Authority>,
    /// The key of those certificates.
    pub leaf_key: Arc<LeafKey>,
}

/// Where an edge listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeAddresses {
    /// Connectors, UDP and TCP.
    pub connectors: SocketAddr,
    /// Public HTTP.
    pub http: Option<SocketAddr>,
    /// Public HTTPS.
    pub https: Option<SocketAddr>,
    /// The proxy into private networks.
    pub private_proxy: Option<SocketAddr>,
}

impl EdgeAddresses {
    pub(super) fn all(&self) -> Vec<SocketAddr> {
        let others = [self.http, self.https, self.private_proxy];
        let others = others.into_iter().flatten();
        others.chain([self.connectors]).collect()
    }
}

/// Why an edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A listener could not be opened.
    #[error("cannot listen on {address} for {purpose}")]
    Listen {
        /// For whom.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The base domain is too long to have names below it.
    #[error("the base domain is too long")]
    Domain,
    /// The folder of certificates cannot be read.
    #[error(transparent)]
    Certificates(#[from] FolderError),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsConfigError),
    /// The system refused a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}
