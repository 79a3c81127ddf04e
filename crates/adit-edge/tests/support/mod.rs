//! An edge on loopback with a store in memory.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test file uses a part"
)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod ours;
pub(crate) mod scripted;
pub(crate) mod stock;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use adit_core::port::{
    AccessLog, Ask, Change, ChangeNumber, Changes, CloseReason, Directory, HostRoute, Presence,
    PresenceEvent, Question, ServedRequest, Snapshot, StoreError, TunnelEntry,
};
use adit_core::sessions::FlowLimits;
use adit_edge::{
    Edge, EdgeConfig, ManagementConfig, PrivateLimits, PublicLimits,
    certificates::{Authority, LeafKey},
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, Location, NodeId, SecretDigest, TunnelId, TunnelKey, TunnelKind,
    TunnelSecret,
};
use adit_net::quic::QuicKeys;
use adit_testing::wait_for;
use adit_wire::{
    TunnelToken,
    management_token::{ManagementKey, ManagementKeys},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::watch;

/// The host name of most tests' tunnel.
pub(crate) const HOST: &str = "shop.adit.localhost";
pub(crate) const DOMAIN: &str = "adit.localhost";
/// Where Adit's own web pages come from.
pub(crate) const DASHBOARD: &str = "http://127.0.0.1:8787";

/// Where no line is kept.
struct NoLog;

impl AccessLog for NoLog {
    fn write(&self, _: &ServedRequest<'_>) {}
}

/// A store that remembers every change, and what the edge reported.
pub(crate) struct MemoryStore {
    changes: watch::Sender<Vec<Change>>,
    /// It answers nothing before this.
    there: watch::Sender<bool>,
    pub(crate) events: Mutex<Vec<PresenceEvent>>,
    configurations: Mutex<BTreeMap<(TunnelKey, ConfigVersion), String>>,
    /// How often a configuration was read.
    pub(crate) configurations_read: AtomicUsize,
}

#[async_trait]
impl Directory for MemoryStore {
    async fn snapshot(&self) -> Result<(Snapshot, ChangeNumber), StoreError> {
        let _ = self.there.subscribe().wait_for(|there| *there).await;
        Ok((
            Snapshot {
                tunnels: Vec::new(),
                hosts: Vec::<HostRoute>::new(),
                limits: Vec::new(),
                private: Vec::new(),
                mesh: Vec::new(),
                sites: Vec::new(),
            },
            ChangeNumber(0),
        ))
    }

    async fn remote_configuration(
        &self,
        tunnel: TunnelKey,
        version: ConfigVersion,
    ) -> Result<Option<String>, StoreError> {
        self.configurations_read.fetch_add(1, Ordering::Relaxed);
        Ok(self.configurations.lock().get(&(tunnel, version)).cloned())
    }

    async fn changes(&self, after: ChangeNumber) -> Result<Changes, StoreError> {
        let seen = usize::try_from(after.0).unwrap();
        let mut changes = self.changes.subscribe();
        let all = changes.wait_for(|all| all.len() > seen).await.unwrap();
        Ok(Changes::Since {
            changes: all[seen..].to_vec(),
            upto: ChangeNumber(all.len() as u64),
        })
    }
}

impl Presence for MemoryStore {
    fn report(&self, event: PresenceEvent) {
        self.events.lock().push(event);
    }
}

pub(crate) struct TestEdge {
    pub(crate) edge: Edge,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) ca: PathBuf,
    /// Sign management tokens.
    pub(crate) keys: ManagementKeys,
    _dir: TempDir,
}

pub(crate) struct TestTunnel {
    pub(crate) key: TunnelKey,
    pub(crate) token: String,
    pub(crate) secret: TunnelSecret,
}

impl TestTunnel {
    pub(crate) fn new(key: TunnelKey, secret: TunnelSecret) -> Self {
        let token = TunnelToken {
            tunnel: key,
            secret: secret.clone(),
        };
        Self {
            key,
            token: token.encode(),
            secret,
        }
    }
}

impl TestEdge {
    pub(crate) async fn start() -> Self {
        Self::start_with(PublicLimits::default()).await
    }

    pub(crate) async fn start_with(limits: PublicLimits) -> Self {
        Self::start_as(|config| config.limits = limits).await
    }

    /// Starts an edge whose store is away until [`TestEdge::store_comes`].
    pub(crate) async fn start_without_store() -> Self {
        Self::start_beside(|_| {}, false).await
    }

    pub(crate) fn store_comes(&self) {
        self.store.there.send_replace(true);
    }

    /// Starts an edge of which `change` says what is not as usual.
    pub(crate) async fn start_as(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        Self::start_beside(change, true).await
    }

    async fn start_beside(change: impl FnOnce(&mut EdgeConfig), store_is_there: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let (authority, _) = Authority::create().unwrap();
        let (leaf_key, _) = LeafKey::create().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let store = Arc::new(MemoryStore {
            changes: watch::Sender::new(Vec::new()),
            there: watch::Sender::new(store_is_there),
            events: Mutex::default(),
            configurations: Mutex::default(),
            configurations_read: AtomicUsize::new(0),
        });
        let keys = ManagementKeys::new(ManagementKey::generate(1).unwrap().0, None);
        let any = "127.0.0.1:0".parse().unwrap();
        let mut config = EdgeConfig {
            node: NodeId::random(),
            domain: DOMAIN.parse().unwrap(),
            location: Location::default(),
            connectors: any,
            http: Some(any),
            https: Some(any),
            private_proxy: Some(any),
            datagram_flows: FlowLimits::default(),
            limits: PublicLimits::default(),
            private: PrivateLimits::default(),
            access_log: Arc::new(NoLog),
            mesh: None,
            mesh_carriers: None,
            certificates: None,
            memory_budget: 1 << 30,
            relieve_memory: || {},
            management: ManagementConfig {
                verifier: keys.verifier(),
                origins: vec![DASHBOARD.to_owned()],
            },
            quic_keys: QuicKeys::generate().unwrap(),
            authority: Arc::new(authority),
            leaf_key: Arc::new(leaf_key),
        };
        change(&mut config);
        let edge = Edge::start(config, Arc::clone(&store) as _, Arc::clone(&store) as _)
            .await
            .unwrap();
        Self {
            edge,
            store,
            ca,
            keys,
            _dir: dir,
        }
    }

    pub(crate) fn http(&self) -> std::net::SocketAddr {
        self.edge.addresses().http.unwrap()
    }

    /// Makes a tunnel that serves `<name>.adit.localhost`.
    pub(crate) async fn tunnel(&self, name: &str) -> TestTunnel {
        let account: AccountId = "699d98642c564d2e855e9661899b7252".parse().unwrap();
        let key = TunnelKey {
            account,
            tunnel: TunnelId::random(),
        };
        let secret = TunnelSecret::new(rand::random::<[u8; 32]>().to_vec()).unwrap();
        self.set(key, &secret, false);
        self.change(Change::Host(
            format!("{name}.{DOMAIN}").parse().unwrap(),
            Some(key.into()),
        ));
        wait_for("the route", async || {
            let answer = adit_testing::client::get(self.http(), &format!("{name}.{DOMAIN}"), "/").await;
            answer.unwrap().status != 404
        })
        .await;
        TestTunnel::new(key, secret)
    }

    /// Leads one more host name to a tunnel.
    pub(crate) async fn route(&self, host: &str, tunnel: &TestTunnel) {
        self.change(Change::Host(host.parse().unwrap(), Some(tunnel.key.into())));
        wait_for("the route", async || {
            let answer = adit_testing::client::get(self.http(), host, "/").await;
            answer.unwrap().status != 404
        })
        .await;
    }

    /// A tunnel that nobody has made.
    pub(crate) fn unserved(&self) -> TunnelKey {
        TunnelKey {
            account: "699d98642c564d2e855e9661899b7252".parse().unwrap(),
            tunnel: TunnelId::random(),
        }
    }

    pub(crate) fn set(&self, key: TunnelKey, secret: &TunnelSecret, deleted: bool) {
        self.set_kind(key, secret, deleted, TunnelKind::CfdTunnel);
    }

    /// Turns a tunnel into one that only mesh nodes serve.
    pub(crate) fn make_site(&self, tunnel: &TestTunnel) {
        self.set_kind(tunnel.key, &tunnel.secret, false, TunnelKind::WarpConnector);
    }

    /// Sets a version of a tunnel's remote configuration.
    pub(crate) fn configure(&self, tunnel: &TestTunnel, version: i32, json: &str) {
        let version = ConfigVersion(version);
        let mut kept = self.store.configurations.lock();
        kept.insert((tunnel.key, version), json.to_owned());
        drop(kept);
        let entry = TunnelEntry {
            kind: TunnelKind::CfdTunnel,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: version,
            secret: SecretDigest::of(tunnel.secret.expose()),
        };
        self.change(Change::Tunnel(tunnel.key, Some(entry)));
    }

    fn set_kind(&self, key: TunnelKey, secret: &TunnelSecret, deleted: bool, kind: TunnelKind) {
        let entry = TunnelEntry {
            kind,
            deleted,
            config_source: ConfigSource::Local,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(secret.expose()),
        };
        self.change(Change::Tunnel(key, Some(entry)));
    }

    pub(crate) fn change(&self, change: Change) {
        self.store.changes.send_modify(|all| all.push(change));
    }

    /// Waits until the edge knows all changes.
    pub(crate) async fn applied(&self) {
        let ask = Ask {
            after: self.change_number(),
            question: Question::ListConnections {
                tunnel: self.unserved(),
            },
        };
        let answers = self.edge.control().ask(ask, GRACE).await;
        assert!(answers.iter().all(|(_, answer)| answer.is_ok()), "{answers:?}");
    }

    pub(crate) fn change_number(&self) -> ChangeNumber {
        ChangeNumber(self.store.changes.borrow().len() as u64)
    }
}

/// How often a connection was reported as opened or closed.
pub(crate) fn connection_events(store: &MemoryStore) -> usize {
    let events = store.events.lock();
    let of_connections =
        |event: &&PresenceEvent| matches!(event, PresenceEvent::Opened(_) | PresenceEvent::Closed(_));
    events.iter().filter(of_connections).count()
}

/// How many connections were reported as closed for that reason.
pub(crate) fn closed_because(store: &MemoryStore, reason: CloseReason) -> usize {
    let events = store.events.lock();
    let closed = events
        .iter()
        .filter(|event| matches!(event, PresenceEvent::Closed(closed) if closed.reason == reason));
    closed.count()
}

pub(crate) const GRACE: Duration = Duration::from_secs(5);
