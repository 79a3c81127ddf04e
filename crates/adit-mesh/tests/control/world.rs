//! A server that listens, and nodes that dial it.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use adit_core::{
    mesh::{
        forwarding::{Table, Who},
        session::NodeKeys,
    },
    port::SiteControl,
};
use adit_mesh::{
    boot_clock,
    carrier::Board,
    control::client::{Acks, Client, ClientConfig, ClientPhase, ClientState, Faring, HeldLease},
    hub::{Brought, Hub},
    server::{Forwarding, MeshServer, MeshServerConfig},
};
use adit_model::{ConnectorId, Location, PeerKey, SecretDigest, TunnelKey};
use adit_net::{
    mesh::{Carriers, ControlStream, ControlStreams, MeshDialer},
    tls::{self, CertificateSlot, TlsLimits, TlsListener},
};
use adit_testing::{scripted::TestIdentity, wait_for, wait_for_some};
use adit_wire::mesh::{ConfigAck, HostInfo, HubAddress, IdentityPair, NodeConfig, Role, RoleAck};
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinSet};

use crate::store::{MemoryStore, SECRET};

/// A hub that remembers its tables.
#[derive(Default)]
pub(crate) struct RecordingHub(Mutex<Vec<Arc<Table>>>, OnceLock<Arc<Hub>>);

impl Forwarding for RecordingHub {
    fn install(&self, table: Arc<Table>) {
        if let Some(hub) = self.1.get() {
            hub.install(Arc::clone(&table));
        }
        self.0.lock().push(table);
    }

    fn last_heard(&self, _key: &PeerKey) -> Option<Instant> {
        None
    }

    fn begin(&self, _key: &PeerKey) {}

    fn brought(&self, _key: &PeerKey) -> Brought {
        Brought::default()
    }
}

impl RecordingHub {
    /// Hands later tables to a real one, too.
    pub(crate) fn also(&self, hub: Arc<Hub>) {
        self.1.set(hub).unwrap();
    }

    pub(crate) fn newest(&self) -> Arc<Table> {
        self.0.lock().last().cloned().unwrap_or_default()
    }

    /// The keys that the hub takes packets of a replica under.
    pub(crate) fn keys(&self, replica: ConnectorId) -> Vec<PeerKey> {
        let table = self.newest();
        let of = |who: &Who| matches!(who, Who::Replica(_, id) if *id == replica);
        let mut members = table.members().iter().filter(|member| of(&member.who));
        members
            .next()
            .map(|member| member.keys.clone())
            .unwrap_or_default()
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) hub: Arc<RecordingHub>,
    pub(crate) control: Arc<dyn SiteControl>,
    pub(crate) addr: SocketAddr,
    /// Edges that nodes try before this world's.
    pub(crate) edges_before: Vec<String>,
    pub(crate) dialer: MeshDialer,
    server: Option<MeshServer>,
    _listening: JoinSet<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::over(Arc::new(MemoryStore::new())).await
    }

    pub(crate) async fn over(store: Arc<MemoryStore>) -> Self {
        let hub = Arc::new(RecordingHub::default());
        let config = MeshServerConfig {
            hub: HubAddress {
                key: PeerKey::from_bytes([99; 32]),
                endpoints: vec!["hub.example:51820".parse().unwrap()],
                port: 51820,
                carriers: Vec::new(),
                carrier_port: None,
            },
            location: Location::default(),
            mtu: 1420,
            max_sessions: 5_000,
        };
        let server = MeshServer::start(
            config,
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::clone(&hub) as _,
        );
        let identity = TestIdentity::edge();
        let slot = CertificateSlot::new(&identity.identity);
        let usual = tls::edge_tcp_config(Arc::clone(&slot) as _).unwrap();
        let listener = TlsListener::bind("127.0.0.1:0".parse().unwrap(), usual, TlsLimits::default())
            .unwrap()
            .with_mesh(tls::edge_mesh_config(slot).unwrap());
        let addr = listener.local_addr().unwrap();
        let anchors = &identity.anchors;
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, server.streams()));
        Self {
            control: server.control(),
            store,
            hub,
            addr,
            edges_before: Vec::new(),
            dialer: MeshDialer::new(anchors, None).unwrap(),
            server: Some(server),
            _listening: listening,
        }
    }

    pub(crate) fn carriers(&self, board: Arc<Board>) -> Arc<dyn Carriers> {
        self.server.as_ref().unwrap().carriers(board)
    }

    pub(crate) async fn stop_server(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    /// A node with the right token, which dials at once.
    pub(crate) fn node(&self, site: TunnelKey) -> Node {
        self.node_like(&Host::new(site), Some(SECRET), false)
    }

    pub(crate) fn node_like(&self, host: &Host, secret: Option<&[u8]>, enrolled: bool) -> Node {
        self.node_of(host, secret, enrolled, HostInfo::default())
    }

    pub(crate) fn node_with_priority(&self, host: &Host, priority: u32) -> Node {
        let info = HostInfo {
            priority,
            ..HostInfo::default()
        };
        self.node_of(host, Some(SECRET), false, info)
    }

    /// One that is linked already and has these keys by now.
    pub(crate) fn node_with_keys(&self, host: &Host, keys: NodeKeys) -> Node {
        self.node_from(host, keys, None, true, HostInfo::default())
    }

    fn node_of(&self, host: &Host, secret: Option<&[u8]>, enrolled: bool, info: HostInfo) -> Node {
        self.node_from(host, host.key.into(), secret, enrolled, info)
    }

    fn node_from(
        &self,
        host: &Host,
        keys: NodeKeys,
        secret: Option<&[u8]>,
        enrolled: bool,
        info: HostInfo,
    ) -> Node {
        let (keys, told) = watch::channel(keys);
        let client = Client::start(ClientConfig {
            edges: [self.edges_before.clone(), vec![self.addr.to_string()]].concat(),
            dialer: self.dialer.clone(),
            site: host.site,
            secret: secret.map(SecretDigest::of),
            replica: host.replica,
            identity: IdentityPair::from_seed(&host.seed).unwrap(),
            keys: told,
            enrolled,
            host: info,
            report: Arc::new(Faring::default),
        });
        let mut doing = JoinSet::new();
        doing.spawn(obey(client.state(), client.lease(), client.acks()));
        Node {
            replica: host.replica,
            host: host.clone(),
            state: client.state(),
            lease: client.lease(),
            client,
            keys,
            _doing: doing,
        }
    }
}

/// Acknowledges what the edge says, as a node does that has done it.
async fn obey(
    mut state: watch::Receiver<ClientState>,
    mut lease: watch::Receiver<Option<HeldLease>>,
    acks: Acks,
) {
    let (mut config, mut had) = (None::<Arc<NodeConfig>>, None);
    loop {
        let changed = tokio::select! {
            changed = state.changed() => changed,
            changed = lease.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let newest = state.borrow_and_update().config.clone();
        let is_news = |newest: &Arc<NodeConfig>| config.as_ref().is_none_or(|had| !Arc::ptr_eq(had, newest));
        if let Some(newest) = newest.filter(is_news) {
            acks.configuration(ConfigAck {
                version: newest.version,
                applied: true,
                errors: Vec::new(),
            });
            config = Some(newest);
        }
        let Some(HeldLease { epoch, role, .. }) = *lease.borrow_and_update() else {
            continue;
        };
        if had.replace((epoch, role)) != Some((epoch, role)) {
            acks.role(RoleAck {
                epoch,
                role,
                errors: Vec::new(),
            });
        }
    }
}

async fn listen(listener: TlsListener, streams: Arc<dyn ControlStreams>) {
    let mut shaking = JoinSet::new();
    loop {
        let Ok(incoming) = listener.accept().await else {
            return;
        };
        let streams = Arc::clone(&streams);
        shaking.spawn(async move {
            if let Ok(stream) = incoming.finish().await {
                streams.accept(ControlStream::accepted(stream).unwrap());
            }
        });
    }
}

/// What a host keeps between two starts of its node.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) site: TunnelKey,
    pub(crate) replica: ConnectorId,
    pub(crate) seed: [u8; 32],
    pub(crate) key: PeerKey,
}

impl Host {
    pub(crate) fn new(site: TunnelKey) -> Self {
        let replica = ConnectorId::random();
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(replica.as_bytes());
        Self {
            site,
            replica,
            seed: bytes,
            key: PeerKey::from_bytes(bytes),
        }
    }
}

pub(crate) struct Node {
    pub(crate) replica: ConnectorId,
    pub(crate) host: Host,
    pub(crate) client: Client,
    pub(crate) state: watch::Receiver<ClientState>,
    pub(crate) keys: watch::Sender<NodeKeys>,
    pub(crate) lease: watch::Receiver<Option<HeldLease>>,
    _doing: JoinSet<()>,
}

impl Node {
    pub(crate) fn phase(&self) -> ClientPhase {
        self.state.borrow().phase
    }

    pub(crate) fn is_linked(&self) -> bool {
        matches!(self.phase(), ClientPhase::Linked(_))
    }

    pub(crate) async fn until_linked(&self) -> Arc<NodeConfig> {
        wait_for_some("a session", async || self.config().filter(|_| self.is_linked())).await
    }

    pub(crate) fn config(&self) -> Option<Arc<NodeConfig>> {
        self.state.borrow().config.clone()
    }

    /// What it is by a lease that is not over.
    pub(crate) fn role(&self) -> Option<Role> {
        let lease = (*self.lease.borrow()).filter(|lease| boot_clock::now() < lease.until);
        lease.filter(|_| self.is_linked()).map(|lease| lease.role)
    }

    pub(crate) async fn until_role(&self, role: Role) {
        wait_for("a role", async || self.role() == Some(role)).await;
    }

    pub(crate) fn remote(&self) -> Vec<String> {
        let config = self.config();
        let remote = config.iter().flat_map(|config| &config.remote);
        remote.map(ToString::to_string).collect()
    }
}

/// What the API waits for at most.
pub(crate) const WITHIN: Duration = Duration::from_secs(5);
