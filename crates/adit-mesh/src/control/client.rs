//! The node's end: a session with an edge, kept up for as long as the node runs.
//!
//! [`Client::start`] dials the edges in turn, enrols or comes back, beats, and hands what the edge says to whoever watches
//! [`Client::state`]. It never touches the host.

mod run;
mod session;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{ConnectorId, PeerKey, SecretDigest, TunnelKey};
use adit_net::mesh::MeshDialer;
use adit_wire::mesh::{ConfigAck, HostInfo, IdentityPair, NodeConfig, RefusalCode, Report};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

/// Acknowledgements that wait for the session; what finds no room is left out, and a later one counts.
const WAITING_ACKS: usize = 16;
/// How long taking leave may take.
const LEAVE: Duration = Duration::from_secs(2);

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
    task: JoinSet<()>,
}

impl Client {
    /// Begins to dial. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(config: ClientConfig) -> Self {
        let (state, seen) = watch::channel(ClientState {
            enrolled: config.enrolled,
            ..ClientState::default()
        });
        let (acks, told) = mpsc::channel(WAITING_ACKS);
        let (leave, leaving) = watch::channel(None);
        let running = run::Running {
            config,
            state,
            acks: told,
            leaving,
        };
        let mut task = JoinSet::new();
        task.spawn(running.run());
        Self {
            state: seen,
            acks,
            leave,
            task,
        }
    }

    /// How it stands, now and from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ClientState> {
        self.state.clone()
    }

    /// Tells the edge what became of a configuration.
    pub fn acknowledge(&self, ack: ConfigAck) {
        if let Err(error) = self.acks.try_send(ack) {
            debug!(%error, "an acknowledgement was left out");
        }
    }

    /// Takes leave: another replica of the site takes over, if there is one. Takes two seconds at most.
    pub async fn stop(mut self, reason: &str) {
        self.leave.send_replace(Some(reason.to_owned()));
        let _ = timeout(LEAVE, self.task.join_next()).await;
    }
}
