//! A node that runs: it keeps a session with the edge and the host as the edge says.

mod keys;
mod told;
mod who;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::mesh::{MeshAddresses, session::NodeKeys};
use adit_model::{SecretDigest, TunnelKey};
use adit_net::{
    mesh::{CarrierDialer, MeshDialer},
    tls::TrustAnchors,
};
use adit_wire::mesh::{ConfigAck, IdentityPair, NodeConfig, Role};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::{
    told::Told,
    who::{host_info, identity, shortened, status},
};
use super::{
    duty::{Duty, Identity as OnDuty, Site, StandbyOptions},
    error::NodeError,
    host::{ChangedSetting, Host, HostError, HostOptions, Netlink, Wanted},
    identity::Identity,
    lan::LanWatch,
    permission,
    rotation::Rotation,
    state_dir::{Claim, StateDir},
    status::{Ask, StatusSocket},
    tunnel::{self, Tunnel, WayOptions},
    ways::Places,
};
use crate::{
    boot_clock,
    carrier::client::CarrierClient,
    control::client::{Client, ClientConfig, ClientPhase, ClientState},
    link::Gate,
    way::Timing,
};

/// How long the host's own changes are collected before routes are decided anew.
const SETTLING: Duration = Duration::from_millis(200);
/// How long a replica that was replaced carries what still comes before it stops.
const LINGER: Duration = Duration::from_millis(250);
/// How often the node looks after itself.
const LOOK: Duration = Duration::from_secs(1);

/// Why another replica is to carry the site's traffic.
const DRAINED: &str = "asked for on the node";

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
    /// When another way to the hub than UDP is taken, and how often UDP is tried meanwhile.
    pub ways: Timing,
    /// How it takes part in who carries its site's traffic.
    pub standby: StandbyOptions,
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
    carriers: Arc<CarrierClient>,
    gate: Arc<Gate>,
    duty: Duty,
    _lan: LanWatch,
    host: Host,
    told: Arc<Mutex<Told>>,
    applied: Option<(u64, Arc<NodeConfig>)>,
    /// Since when there was the session that the hub was dialled in last.
    dialled_in: Option<Instant>,
    edge_addresses: BTreeSet<IpAddr>,
    orders: mpsc::Receiver<Ask>,
    keys: watch::Sender<NodeKeys>,
    rotation: Rotation,
    _socket: StatusSocket,
    _claim: Claim,
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

        let netlink = Arc::new(Netlink::connect_for_links().map_err(HostError::Netlink)?);
        let lan = LanWatch::start(&options.standby.lan, &netlink);
        let told = Arc::new(Mutex::new(Told {
            status: status(&identity, &options),
            tunnel: None,
            narrow: None,
            duty: Arc::default(),
            lan: lan.told(),
        }));
        let on_duty = Arc::clone(&told.lock().duty);
        let shown = Arc::clone(&told);
        let path = options.state.socket();
        let (socket, orders) = StatusSocket::listen(path.clone(), Arc::new(move || shown.lock().status()))
            .map_err(|cause| NodeError::Socket {
                path: path.display().to_string(),
                cause,
            })?;
        let (keys, offered) = watch::channel(identity.keys());
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
            keys: offered,
            enrolled: identity.enrolled,
            host: host_info(options.version, options.standby.priority),
            report: Arc::new(move || reported.lock().faring()),
        });
        let carriers = CarrierClient {
            dialer: CarrierDialer::new(&options.trust, Some(options.host.mark))?,
            site: identity.site(),
            replica: identity.connector,
            identity: Arc::new(
                IdentityPair::from_seed(identity.identity_key.expose()).ok_or(NodeError::Keys)?,
            ),
        };
        if options.state.is_draining()? {
            told.lock().duty.set_draining(true);
            client.drain(DRAINED);
        }
        let state = client.state();
        let gate = Arc::new(Gate::shut());
        let duty = Duty::start(
            &options.standby,
            OnDuty {
                interface: options.host.interface.clone(),
                tunnel: identity.tunnel.to_string(),
                connector: identity.connector.to_string(),
            },
            netlink,
            Arc::clone(&gate),
            &lan,
            &client,
            on_duty,
        );
        Ok(Self {
            carriers: Arc::new(carriers),
            identity,
            options,
            client,
            state,
            gate,
            duty,
            _lan: lan,
            host,
            told,
            applied: None,
            dialled_in: None,
            edge_addresses: BTreeSet::new(),
            orders,
            keys,
            rotation: Rotation::begin(boot_clock::now()),
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
        let was_active = self.told.lock().duty.role().1 == Role::Active;
        self.client.stop("the node stops").await;
        if was_active {
            // What was on its way when the other one took over.
            sleep(LINGER).await;
        }
        let settings = self.duty.stop().await;
        let tunnel = self.told.lock().tunnel.take();
        let cleared = self.host.clear().await;
        // Waits for the threads of the data path.
        drop(tokio::task::spawn_blocking(move || drop(tunnel)).await);
        self.options.state.forget_host_record()?;
        outcome?;
        Ok(settings.into_iter().chain(cleared?).collect())
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
                Some(ask) = self.orders.recv() => match ask {
                    Ask::Stop => return Ok(()),
                    Ask::Drain => self.drain(true),
                    Ask::Resume => self.drain(false),
                    Ask::RotateKey => self.make_key(),
                    Ask::Status => {}
                },
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
                    self.look_after_key();
                    if self.path_has_changed() {
                        self.apply_again().await?;
                    }
                }
            }
        }
    }

    /// Has another replica take over, or lets this one do so again. Also after a restart: work on a host may need some.
    fn drain(&self, is_wanted: bool) {
        if let Err(error) = self.options.state.keep_draining(is_wanted) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot keep for the next start whether another replica is to carry the site's traffic"
            );
        }
        self.told.lock().duty.set_draining(is_wanted);
        if is_wanted {
            tracing::info!("asks that another replica carry the site's traffic");
            self.client.drain(DRAINED);
        } else {
            self.client.resume();
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
        self.forget_refused_key(&state);
        {
            let status = &mut self.told.lock().status;
            status.session.connected = matches!(state.phase, ClientPhase::Linked(_));
            status.session.problem.clone_from(&state.trouble);
            if let Some(config) = &state.config {
                status.local.clone_from(&config.local);
            }
        }
        if let ClientPhase::Linked(since) = state.phase
            && self.dialled_in.replace(since) != Some(since)
            && let Some(tunnel) = &mut self.told.lock().tunnel
        {
            tunnel.dial_again();
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
        let places = Places::find(&config.hub, edge).await;
        self.edge_addresses = tunnel::addresses(&self.options.edges).await;
        self.edge_addresses
            .extend(edge.map(|edge| edge.ip().to_canonical()));
        self.edge_addresses
            .extend(places.all().map(|place| place.ip().to_canonical()));
        self.settle_key(config.key);
        let mtu = self.mtu(config);
        self.gate.set_own(vec![config.v4.into(), config.v6.into()]);
        let stale = self
            .told
            .lock()
            .tunnel
            .take_if(|tunnel| !tunnel.leads_to(config.hub.key));
        drop(tokio::task::spawn_blocking(move || drop(stale)).await);
        let is_there = self.told.lock().tunnel.is_some();
        self.duty
            .set_site(site(config, is_there && self.applied.is_some()));
        if !is_there {
            let wanted = self.wanted(config);
            // Before the first change: whoever starts after a kill knows what to look for.
            self.options
                .state
                .keep_host_record(&self.host.record(&wanted).await?)?;
            let key = &self.identity.wireguard_key;
            let gate = Arc::clone(&self.gate);
            let ways = WayOptions {
                places,
                client: Arc::clone(&self.carriers),
                timing: self.options.ways,
            };
            let tunnel = Tunnel::open(&self.options.host, key, config.hub.key, ways, mtu, gate)?;
            self.told.lock().tunnel = Some(tunnel);
        } else if let Some(tunnel) = &self.told.lock().tunnel {
            tunnel.set_places(places);
            tunnel.set_key(&self.identity.wireguard_key);
        }
        self.applied = Some((config.version, Arc::clone(config)));
        self.path_has_changed();
        self.apply_again().await?;
        self.duty.set_site(site(config, true));
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
        tracing::info!(config.version, remote = config.remote.len(), "configured");
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

/// What a configuration says of the site.
fn site(config: &NodeConfig, is_ready: bool) -> Site {
    Site {
        is_ha: config.ha,
        vips: config.vips.iter().copied().collect(),
        vips_previous: config.vips_previous.iter().copied().collect(),
        fnr_id: config.fnr_id.clone(),
        prefixes: config.local.clone(),
        remote: config.remote.clone(),
        is_ready,
    }
}
