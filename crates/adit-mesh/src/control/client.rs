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

use adit_core::mesh::session::{KeyOffer, Leases, NodeKeys};
use adit_model::{ConnectorId, PeerKey, SecretDigest, TunnelKey};
use adit_net::mesh::MeshDialer;
use adit_wire::mesh::{
    ConfigAck, HostInfo, IdentityPair, LanHealth, NodeConfig, RefusalCode, Report, Role, RoleAck,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

/// Acknowledgements that wait for the session; what finds no room is left out, and a later one counts.
const WAITING_ACKS: usize = 16;
/// How long taking leave may take, with the wait for another replica.
const LEAVE: Duration = Duration::from_secs(3);

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
    /// Its WireGuard keys; another one is told to the edge.
    pub keys: watch::Receiver<NodeKeys>,
    /// Whether an edge linked it before. If that edge no longer knows it, it enrols anew, if it has the secret.
    pub enrolled: bool,
    /// What runs here.
    pub host: HostInfo,
    /// How the node fares, asked for each beat. Must not block.
    pub report: Arc<dyn Fn() -> Faring + Send + Sync>,
}

/// How a node fares, as its beats tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faring {
    /// Its way to the hub. The round trip is the client's to tell.
    pub report: Report,
    /// The newest epoch that it acts by; 0 before the first.
    pub epoch: u64,
    /// Whether it carries its site's traffic.
    pub role: Role,
    /// Whether its site's network is well.
    pub lan: LanHealth,
}

/// What the edge lets a node do for a while. It never follows one of a higher epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLease {
    /// The decision that it follows from.
    pub epoch: u64,
    /// Whether the node carries its site's traffic.
    pub role: Role,
    /// When it came, by [`boot_clock`](crate::boot_clock).
    pub received: Duration,
    /// When it ends, by the same clock: its time runs from when the beat was sent that it answers, which is before it
    /// came. May be over when it comes.
    pub until: Duration,
}

#[derive(Debug)]
enum Ack {
    Config(ConfigAck),
    Role(RoleAck),
    /// How the node fares has changed.
    Faring,
}

/// Tells the edge what became of what it said.
#[derive(Debug, Clone)]
pub struct Acks(mpsc::Sender<Ack>);

impl Acks {
    /// What became of a configuration.
    pub fn configuration(&self, ack: ConfigAck) {
        self.tell(Ack::Config(ack));
    }

    /// How the node fares has changed: the next beat is sent at once.
    pub fn faring(&self) {
        self.tell(Ack::Faring);
    }

    /// The node has become what a lease made it.
    pub fn role(&self, ack: RoleAck) {
        self.tell(Ack::Role(ack));
    }

    fn tell(&self, ack: Ack) {
        if let Err(error) = self.0.try_send(ack) {
            debug!(%error, "an acknowledgement was left out");
        }
    }
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
    /// The next key that an edge said it will never take, if it said so of one.
    pub refused_key: Option<PeerKey>,
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
    lease: watch::Receiver<Option<HeldLease>>,
    acks: Acks,
    drain: watch::Sender<Option<String>>,
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
        let (lease, held) = watch::channel(None);
        let (acks, told) = mpsc::channel(WAITING_ACKS);
        let (drain, draining) = watch::channel(None);
        let (leave, leaving) = watch::channel(None);
        let running = run::Running {
            config,
            state,
            lease,
            leases: Leases::default(),
            offer: KeyOffer::default(),
            acks: told,
            draining,
            leaving,
        };
        let mut task = JoinSet::new();
        task.spawn(running.run());
        Self {
            state: seen,
            lease: held,
            acks: Acks(acks),
            drain,
            leave,
            task,
        }
    }

    /// How it stands, now and from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ClientState> {
        self.state.clone()
    }

    /// What the edge lets the node do, now and from now on; `None` before the first lease, and when the edge no longer
    /// knows the node. A lease stays here when it is over or the session is lost: look at [`HeldLease::until`].
    #[must_use]
    pub fn lease(&self) -> watch::Receiver<Option<HeldLease>> {
        self.lease.clone()
    }

    /// Tells the edge what became of a configuration.
    pub fn acknowledge(&self, ack: ConfigAck) {
        self.acks.configuration(ack);
    }

    /// Tells the edge that the node has become what a lease made it.
    pub fn acknowledge_role(&self, ack: RoleAck) {
        self.acks.role(ack);
    }

    /// What acknowledges for this client, for whoever does its work elsewhere.
    #[must_use]
    pub fn acks(&self) -> Acks {
        self.acks.clone()
    }

    /// Asks the edge that another replica carry the site's traffic, in this session and every later one, until
    /// [`Client::resume`]. Whether one does, the leases tell.
    pub fn drain(&self, reason: &str) {
        self.drain.send_replace(Some(reason.to_owned()));
    }

    /// Lets the node carry its site's traffic again. What moved does not move back by itself.
    pub fn resume(&self) {
        self.drain.send_replace(None);
    }

    /// Takes leave: another replica of the site takes over, if there is one. Takes three seconds at most.
    pub async fn stop(mut self, reason: &str) {
        self.leave.send_replace(Some(reason.to_owned()));
        let _ = timeout(LEAVE, self.task.join_next()).await;
    }
}
