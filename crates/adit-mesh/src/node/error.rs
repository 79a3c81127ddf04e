//! Why a node cannot run.

use std::io;

use adit_net::tls::TlsConfigError;
use adit_wire::mesh::RefusalCode;

use super::{host::HostError, state_dir::StateError};

/// Why a node cannot start, or why it ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Interfaces and routes take a right that this process does not have.
    #[error("setting up interfaces and routes takes root or CAP_NET_ADMIN")]
    NotPermitted,
    /// The kernel gives no TUN devices.
    #[error("there is no /dev/net/tun here")]
    NoTun,
    /// No device could be made.
    #[error("cannot make the interface {name}")]
    Device {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The packets' way could not be opened.
    #[error("cannot open the tunnel")]
    Link(#[source] io::Error),
    /// Neither state nor token say which site this is.
    #[error("which site? There is no state in {0}, and no tunnel token")]
    NoSite(String),
    /// Nobody said where the edge is.
    #[error("no edge to connect to")]
    NoEdge,
    /// The system has no randomness.
    #[error("cannot make keys")]
    Keys,
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The host cannot be set up.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The edge's CA cannot be used.
    #[error("cannot use the certificates that the edge must be signed with")]
    Trust(#[from] TlsConfigError),
    /// The state directory's socket cannot be opened.
    #[error("cannot listen on {path} for `adit mesh status`")]
    Socket {
        /// The socket.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The edge will not let this node in, whatever it tries.
    #[error("the edge refuses this node: {words}")]
    Refused {
        /// For programs.
        code: RefusalCode,
        /// For people.
        words: String,
    },
}
