//! A node that runs: it keeps a session with the edge and the host as the edge says.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use adit_core::mesh::MeshAddresses;
use adit_model::{PeerKey, SecretDigest, Timestamp, TunnelKey};
use adit_net::{mesh::MeshDialer, tls::TrustAnchors};
use adit_wire::mesh::{ConfigAck, HostInfo, IdentityPair, NodeConfig, Report};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::NodeError,
    host::{ChangedSetting, Host, HostOptions, Wanted},
    identity::Identity,
    permission,
    state_dir::{Claim, StateDir},
    status::{NodeStatus, SessionStatus, StatusSocket},
    tunnel::{self, Tunnel},
};
use crate::{
    control::client::{Client, ClientConfig, ClientPhase, ClientState},
    noise::PrivateKey,
};

/// How long the host's own changes are collected before routes are decided anew.
const SETTLING: Duration = Duration::from_millis(200);
/// How often the node looks after itself.
const LOOK: Duration = Duration::from_secs(1);

/// What a node is made of.
pub struct NodeOptions {
    /// Where it keeps who it is.
    pub state: StateDir,
    /// Its site and the digest of the secret, from a tunnel token. What is in the state wins.
    pub token: Option<(TunnelKey, SecretDigest)>,
    /// Where the edge is, `HOST:PORT`; what is in the state if there are none.
    pub edges: Vec<String>,
    /// Whom the edge must be signed by.
    pub trust: TrustAnchors,
    /// How it does its part on the host.
    pub host: HostOptions,
    /// The largest packet for the tunnel, in bytes, instead of what the edge says.
    pub mtu: Option<u16>,
    /// The version that it tells.
    pub version: &'static str,
    /// The variable `SSH_CONNECTION`.
    pub ssh_connection: Option<String>,
}

/// A node that has what it needs and dials.
pub struct Node {
    identity: Identity,
    options: NodeOptions,
    client: Client,
    state: watch::Receiver<ClientState>,
    host: Host,
    told: Arc<Mutex<Told>>,
    applied: Option<(u64, Arc<NodeConfig>)>,
    edge_addresses: BTreeSet<IpAddr>,
    asked_to_stop: mpsc::Receiver<()>,
    _key: watch::Sender<PeerKey>,
    _socket: StatusSocket,
    _claim: Claim,
}

/// What the parts that are asked, the status socket and the session's beats, look at.
struct Told {
    status: NodeStatus,
    tunnel: Option<Tunnel>,
    /// What the way to the hub takes, if that is less than the edge says.
    narrow: Option<u16>,
}

impl Told {
    fn status(&self) -> NodeStatus {
        NodeStatus {
            hub: self.tunnel.as_ref().and_then(Tunnel::status),
            ..self.status.clone()
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

impl Node {
    /// Claims the state, tidies up after a killed process, and begins to dial. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`NodeError`]
    pub async fn start(mut options: NodeOptions) -> Result<Self, NodeError> {
        permission::check()?;
        let claim = options.state.claim()?;
        let identity = identity(&mut options)?;
        let record = options.state.host_record()?;
        let ssh = options.ssh_connection.as_deref();
        let host = Host::prepare(options.host.clone(), record.as_ref(), ssh).await?;
        options.state.forget_host_record()?;

        let told = Arc::new(Mutex::new(Told {
            status: status(&identity, &options),
            tunnel: None,
            narrow: None,
        }));
        let shown = Arc::clone(&told);
        let path = options.state.socket();
        let (socket, asked_to_stop) =
            StatusSocket::listen(path.clone(), Arc::new(move || shown.lock().status())).map_err(|cause| {
                NodeError::Socket {
                    path: path.display().to_string(),
                    cause,
                }
            })?;
        let public = PrivateKey::from_bytes(*identity.wireguard_key.expose()).public();
        let (key_sender, key) = watch::channel(public);
        let reported = Arc::clone(&told);
        let client = Client::start(ClientConfig {
            edges: options.edges.clone(),
            dialer: MeshDialer::new(&options.trust, Some(options.host.mark))?,
            site: identity.site(),
            secret: options
                .token
                .filter(|(site, _)| *site == identity.site())
                .map(|(_, secret)| secret),
            replica: identity.connector,
            identity: IdentityPair::from_seed(identity.identity_key.expose()).ok_or(NodeError::Keys)?,
            key,
            enrolled: identity.enrolled,
            host: host_info(options.version),
            report: Arc::new(move || reported.lock().report()),
        });
        let state = client.state();
        Ok(Self {
            identity,
            options,
            client,
            state,
            host,
            told,
            applied: None,
            edge_addresses: BTreeSet::new(),
            asked_to_stop,
            _key: key_sender,
            _socket: socket,
            _claim: claim,
        })
    }

    /// Runs until it is told to stop, by the token or over its socket, or the edge refuses it for good; then takes back
    /// what it did to the host. Returns the kernel settings that stay as it left them.
    ///
    /// # Errors
    /// [`NodeError`]
    pub async fn run(mut self, stop: CancellationToken) -> Result<Vec<ChangedSetting>, NodeError> {
        let outcome = self.serve(stop).await;
        // The edge hears of it first, so that another replica takes over while packets still pass here.
        self.client.stop("the node stops").await;
        let tunnel = self.told.lock().tunnel.take();
        let cleared = self.host.clear().await;
        // Waits for the threads of the data path.
        drop(tokio::task::spawn_blocking(move || drop(tunnel)).await);
        self.options.state.forget_host_record()?;
        outcome?;
        Ok(cleared?)
    }

    async fn serve(&mut self, stop: CancellationToken) -> Result<(), NodeError> {
        let mut changes = self.host.changes();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settled: Option<Instant> = None;
        loop {
            let settling = async {
                match settled {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = self.asked_to_stop.recv() => return Ok(()),
                changed = self.state.changed() => {
                    let state = self.state.borrow_and_update().clone();
                    self.follow(state).await?;
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                Ok(()) = changes.changed(), if settled.is_none() => {
                    changes.borrow_and_update();
                    settled = Some(Instant::now() + SETTLING);
                }
                () = settling => {
                    settled = None;
                    self.apply_again().await?;
                }
                _ = look.tick() => {
                    if let Some(tunnel) = &mut self.told.lock().tunnel {
                        tunnel.look_further();
                    }
                    if self.path_has_changed() {
                        self.apply_again().await?;
                    }
                }
            }
        }
    }

    /// Looks what the way to the hub takes; true if that is other than before.
    fn path_has_changed(&self) -> bool {
        let Some((_, config)) = &self.applied else {
            return false;
        };
        let mut told = self.told.lock();
        let path = told.tunnel.as_ref().and_then(Tunnel::path_mtu);
        let narrow = path.filter(|path| *path < self.mtu(config));
        std::mem::replace(&mut told.narrow, narrow) != narrow
    }

    /// The largest packet for the tunnel, as the edge or its user says.
    fn mtu(&self, config: &NodeConfig) -> u16 {
        self.options.mtu.unwrap_or(config.mtu)
    }

    /// Does what a new state of the session asks for.
    async fn follow(&mut self, state: ClientState) -> Result<(), NodeError> {
        if state.enrolled && !self.identity.enrolled {
            self.identity.enrolled = true;
            self.identity.edges.clone_from(&self.options.edges);
            self.options.state.keep_identity(&self.identity)?;
        }
        {
            let status = &mut self.told.lock().status;
            status.session.connected = matches!(state.phase, ClientPhase::Linked(_));
            status.session.problem.clone_from(&state.trouble);
            if let Some(config) = &state.config {
                status.role = Some(config.role);
                status.local.clone_from(&config.local);
            }
        }
        if let ClientPhase::Refused(code) = state.phase {
            let words = state.trouble.unwrap_or_else(|| "it gives no reason".to_owned());
            return Err(NodeError::Refused { code, words });
        }
        let Some(config) = state.config else {
            return Ok(());
        };
        // A version counts within one session: another one's configuration may differ under the same number.
        if self
            .applied
            .as_ref()
            .is_some_and(|(_, applied)| Arc::ptr_eq(applied, &config))
        {
            return Ok(());
        }
        self.apply(&config, state.edge).await
    }

    async fn apply(
        &mut self,
        config: &Arc<NodeConfig>,
        edge: Option<std::net::SocketAddr>,
    ) -> Result<(), NodeError> {
        let places = tunnel::places(&config.hub, edge).await;
        self.edge_addresses = tunnel::addresses(&self.options.edges).await;
        self.edge_addresses
            .extend(edge.map(|edge| edge.ip().to_canonical()));
        self.edge_addresses
            .extend(places.iter().map(|place| place.ip().to_canonical()));
        let mtu = self.mtu(config);
        let stale = self
            .told
            .lock()
            .tunnel
            .take_if(|tunnel| !tunnel.leads_to(config.hub.key));
        drop(tokio::task::spawn_blocking(move || drop(stale)).await);
        if self.told.lock().tunnel.is_none() {
            let wanted = self.wanted(config);
            // Before the first change: whoever starts after a kill knows what to look for.
            self.options
                .state
                .keep_host_record(&self.host.record(&wanted).await?)?;
            let key = &self.identity.wireguard_key;
            let tunnel = Tunnel::open(&self.options.host, key, config.hub.key, places, mtu)?;
            self.told.lock().tunnel = Some(tunnel);
        } else if let Some(tunnel) = &mut self.told.lock().tunnel {
            tunnel.set_places(places);
        }
        self.applied = Some((config.version, Arc::clone(config)));
        self.path_has_changed();
        self.apply_again().await?;
        if let Some(tunnel) = &self.told.lock().tunnel {
            tunnel.set_role(config.role);
        }
        let errors: Vec<String> = self.host.report().complaints();
        self.client.acknowledge(ConfigAck {
            version: config.version,
            applied: true,
            errors: errors
                .into_iter()
                .take(16)
                .map(|error| shortened(error, 512))
                .collect(),
        });
        tracing::info!(
            config.version,
            role = config.role.as_str(),
            remote = config.remote.len(),
            "configured"
        );
        Ok(())
    }

    /// Brings the host to what was told last: after a change of either.
    async fn apply_again(&mut self) -> Result<(), NodeError> {
        let Some((_, config)) = self.applied.clone() else {
            return Ok(());
        };
        let wanted = self.wanted(&config);
        let record = self.host.record(&wanted).await?;
        self.options.state.keep_host_record(&record)?;
        let report = self.host.apply(&wanted).await?.clone();
        self.told.lock().status.host = Some(report);
        Ok(())
    }

    fn wanted(&self, config: &NodeConfig) -> Wanted {
        Wanted {
            addresses: MeshAddresses {
                v4: config.v4,
                v6: config.v6,
            },
            told: config.remote.iter().copied().collect(),
            edges: self.edge_addresses.clone(),
            mtu: self.told.lock().narrow.unwrap_or_else(|| self.mtu(config)).into(),
            forwards: !config.local.is_empty(),
        }
    }
}

/// Who this node is: as the state says, if an edge has linked it; else as the token says.
fn identity(options: &mut NodeOptions) -> Result<Identity, NodeError> {
    let kept = options.state.identity()?;
    let site = options.token.as_ref().map(|(site, _)| *site);
    let identity = match (kept, site) {
        (Some(kept), site) if kept.enrolled => {
            if site.is_some_and(|site| site != kept.site()) {
                tracing::warn!(
                    tunnel.id = %kept.tunnel, state = %options.state.path().display(),
                    "this host joined another site before; its state wins over the token"
                );
            }
            kept
        }
        (Some(kept), Some(site)) if kept.site() == site => kept,
        (_, Some(site)) => Identity::generate(site).map_err(|_| NodeError::Keys)?,
        (_, None) => return Err(NodeError::NoSite(options.state.path().display().to_string())),
    };
    if options.edges.is_empty() {
        options.edges.clone_from(&identity.edges);
    }
    if options.edges.is_empty() {
        return Err(NodeError::NoEdge);
    }
    let identity = Identity {
        edges: options.edges.clone(),
        ..identity
    };
    options.state.keep_identity(&identity)?;
    Ok(identity)
}

fn status(identity: &Identity, options: &NodeOptions) -> NodeStatus {
    NodeStatus {
        version: options.version.to_owned(),
        pid: std::process::id(),
        started_at: Timestamp::from(SystemTime::now()),
        account_id: identity.account,
        tunnel_id: identity.tunnel,
        connector_id: identity.connector,
        session: SessionStatus {
            connected: false,
            edges: options.edges.clone(),
            problem: None,
        },
        role: None,
        local: Vec::new(),
        hub: None,
        host: None,
    }
}

fn host_info(version: &str) -> HostInfo {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    HostInfo {
        hostname: shortened(name, 255),
        os: std::env::consts::OS.to_owned(),
        arch: arch.to_owned(),
        version: version.to_owned(),
        features: Vec::new(),
    }
}

/// A text of at most so many bytes.
fn shortened(mut text: String, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}
