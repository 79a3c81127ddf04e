//! The node's end: a session with an edge, kept up for as long as the node runs.
//!
//! [`Client::start`] dials the edges in turn, enrols or comes back, beats, and hands what the edge says to whoever watches
//! [`Client::state`]. It never touches the host.

mod run;
mod session;

use std::{net::SocketAddr, sync::Arc, time::Instant};

use adit_core::mesh::session::REGISTRATION;
use adit_model::{ConnectorId, PeerKey, SecretDigest, TunnelKey};
use adit_net::mesh::MeshDialer;
use adit_wire::mesh::{ConfigAck, HostInfo, IdentityPair, NodeConfig, RefusalCode, Report};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Acknowledgements that wait for the session; what does not fit is left out, and the next one counts.
const WAITING_ACKS: usize = 16;

/// What a client is made of.
pub struct ClientConfig {
    /// The edges, `HOST:PORT`, in the order in which they are tried; at least one.
    pub edges: Vec<String>,
    /// Dials them.
    pub dialer: MeshDialer,
    /// The node's site.
    pub site: TunnelKey,
    /// The digest of the tunnel's secret, if the node was given a token. Without one it cannot enrol, only come back.
    pub secret: Option<SecretDigest>,
    /// Under which id it is, or will be, linked.
    pub replica: ConnectorId,
    /// What it proves itself with.
    pub identity: IdentityPair,
    /// Its WireGuard key; another one is told to the edge.
    pub key: watch::Receiver<PeerKey>,
    /// Whether an edge linked it before. If that edge no longer knows it, it enrols anew, if it has the secret.
    pub enrolled: bool,
    /// What runs here.
    pub host: HostInfo,
    /// How the node fares, asked for each beat. Must not block.
    pub report: Arc<dyn Fn() -> Report + Send + Sync>,
}

/// How a client stands.
#[derive(Debug, Clone, Default)]
pub struct ClientState {
    /// What it is doing.
    pub phase: ClientPhase,
    /// What the edge told last. Stays when the session is lost: packets flow on by it.
    pub config: Option<Arc<NodeConfig>>,
    /// Whether an edge has linked it.
    pub enrolled: bool,
    /// The edge that was talked to last; a hub without endpoints is there too.
    pub edge: Option<SocketAddr>,
    /// Why it has no session, or why the last one ended; for people.
    pub trouble: Option<String>,
}

/// What a client is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientPhase {
    /// It looks for an edge that lets it in.
    #[default]
    Dialling,
    /// It has a session, since then.
    Linked(Instant),
    /// No edge will let it in, whatever it tries: it has stopped.
    Refused(RefusalCode),
    /// It was told to stop, and has.
    Stopped,
}

/// A running client. Dropping it breaks the session off; [`Client::stop`] takes leave.
pub struct Client {
    state: watch::Receiver<ClientState>,
    acks: mpsc::Sender<ConfigAck>,
    leave: watch::Sender<Option<String>>,
    dropped: CancellationToken,
    task: JoinHandle<()>,
}

impl Client {
    /// Begins to dial. Must be called inside a tokio runtime.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the client owns its one task: it cancels it when dropped and joins it in stop"
    )]
    pub fn start(config: ClientConfig) -> Self {
        let enrolled = config.enrolled;
        let (state, seen) = watch::channel(ClientState {
            enrolled,
            ..ClientState::default()
        });
        let (acks, told) = mpsc::channel(WAITING_ACKS);
        let (leave, leaving) = watch::channel(None);
        let dropped = CancellationToken::new();
        let running = run::Running {
            config,
            state,
            acks: told,
            leaving,
        };
        let task = tokio::spawn(dropped.clone().run_until_cancelled_owned(running.run()));
        Self {
            state: seen,
            acks,
            leave,
            dropped,
            task: task_without_output(task),
        }
    }
}
