//! The edge as a process, with users in it that do as they are told: a line in, a number out.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use adit_core::port::{
    AccessLog, ChangeNumber, Changes, Directory, Presence, PresenceEvent, ServedRequest, Snapshot,
    StoreError, TunnelEntry,
};
use adit_edge::{
    Edge, EdgeConfig, ManagementConfig, PrivateLimits, PublicLimits, TunnelDialer,
    certificates::{Authority, LeafKey},
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, Location, NodeId, SecretDigest, TunnelId, TunnelKey, TunnelKind,
    TunnelSecret,
};
use adit_net::{private::PrivateDatagrams, quic::QuicKeys, tls::TrustAnchors};
use adit_wire::{
    TunnelToken,
    management_token::{ManagementKey, ManagementKeys},
};
use anyhow::{Context, bail};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use super::{PAYLOAD, pace};
use crate::print;

/// Where sessions go; nobody listens there.
const TO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 53);
const IDLE: Duration = Duration::from_secs(600);
/// Sessions that are asked for at once.
const AT_A_TIME: usize = 64;

/// The process as its parent sees it. Dropping it ends it.
pub(super) struct EdgeProcess {
    pub(super) id: u32,
    pub(super) address: SocketAddr,
    pub(super) anchors: TrustAnchors,
    pub(super) token: TunnelToken,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl EdgeProcess {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg("private-edge")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().context("it has ended")?;
        let commands = child.stdin.take().context("no input")?;
        let mut answers = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut next = async || answers.next_line().await?.context("the edge has ended");
        let address = next().await?.parse()?;
        let anchors = TrustAnchors::from_pem(&STANDARD.decode(next().await?)?)?;
        let token = TunnelToken::parse(&next().await?)?;
        Ok(Self {
            id,
            address,
            anchors,
            token,
            commands,
            answers,
            _child: child,
        })
    }

    /// Gives a command and waits for its number.
    pub(super) async fn tell(&mut self, command: &str) -> anyhow::Result<u64> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await?;
        let answer = self.answers.next_line().await?.context("the edge has ended")?;
        answer.parse().with_context(|| format!("{command}: {answer}"))
    }
}

/// One tunnel that never changes, and nobody who wants to know of its connections.
struct OneTunnel(TunnelKey, TunnelEntry);

#[async_trait]
impl Directory for OneTunnel {
    async fn snapshot(&self) -> Result<(Snapshot, ChangeNumber), StoreError> {
        let snapshot = Snapshot {
            tunnels: vec![(self.0, self.1.clone())],
            ..Snapshot::default()
        };
        Ok((snapshot, ChangeNumber(1)))
    }

    async fn changes(&self, _: ChangeNumber) -> Result<Changes, StoreError> {
        std::future::pending().await
    }

    async fn remote_configuration(
        &self,
        _: TunnelKey,
        _: ConfigVersion,
    ) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

impl Presence for OneTunnel {
    fn report(&self, _: PresenceEvent) {}
}

impl AccessLog for OneTunnel {
    fn write(&self, _: &ServedRequest<'_>) {}
}

/// Is the process: an edge on as many threads as the machine has processors.
pub(crate) async fn private_edge() -> anyhow::Result<()> {
    let served = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve())
    });
    served.await?
}

async fn serve() -> anyhow::Result<()> {
    let key = TunnelKey {
        account: AccountId::random(),
        tunnel: TunnelId::random(),
    };
    let secret = TunnelSecret::new(TunnelId::random().as_bytes().repeat(2)).context("a secret")?;
    let entry = TunnelEntry {
        kind: TunnelKind::CfdTunnel,
        deleted: false,
        config_source: ConfigSource::Local,
        config_version: ConfigVersion::default(),
        secret: SecretDigest::of(secret.expose()),
    };
    let (authority, _) = Authority::create()?;
    let pem = STANDARD.encode(authority.pem());
    let store = Arc::new(OneTunnel(key, entry));
    let edge = Edge::start(
        config(authority, Arc::clone(&store) as _)?,
        Arc::clone(&store) as _,
        store as _,
    )
    .await?;
    print(&edge.addresses().connectors.to_string());
    print(&pem);
    print(&TunnelToken { tunnel: key, secret }.encode());
    let mut users = Users::default();
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(command) = commands.next_line().await? {
        // The table is there before a connector can have registered.
        let dialer = edge.dialer_into(&key).context("no tunnel")?;
        print(&users.obey(&dialer, &command).await?.to_string());
    }
    Ok(())
}

fn config(authority: Authority, access_log: Arc<dyn AccessLog>) -> anyhow::Result<EdgeConfig> {
    Ok(EdgeConfig {
        node: NodeId::random(),
        domain: "adit.localhost".parse()?,
        location: Location::default(),
        connectors: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        http: None,
        https: None,
        private_proxy: None,
        datagram_flows: adit_core::sessions::FlowLimits::default(),
        limits: PublicLimits::default(),
        private: PrivateLimits::default(),
        management: ManagementConfig {
            verifier: ManagementKeys::new(ManagementKey::generate(1)?.0, []).verifier(),
            origins: Vec::new(),
        },
        access_log,
        memory_budget: 4 << 30,
        relieve_memory: || {},
        quic_keys: QuicKeys::generate()?,
        mesh: None,
        mesh_carriers: None,
        certificates: None,
        authority: Arc::new(authority),
        leaf_key: Arc::new(LeafKey::create()?.0),
    })
}

#[derive(Default)]
struct Users {
    sessions: Vec<Arc<dyn PrivateDatagrams>>,
    arrived: Arc<AtomicU64>,
    listening: JoinSet<()>,
}

impl Users {
    async fn obey(&mut self, dialer: &TunnelDialer, command: &str) -> anyhow::Result<u64> {
        let mut words = command.split_whitespace();
        let name = words.next().unwrap_or_default();
        let mut number = || {
            words
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .context("a number")
        };
        match name {
            "open" => self.open(dialer, usize::try_from(number()?)?).await,
            "greet" => {
                let greet = |session: &&Arc<dyn PrivateDatagrams>| session.send(Bytes::from_static(b"hello"));
                Ok(self.sessions.iter().filter(greet).count() as u64)
            }
            "send" => {
                let (rate, window) = (number()?, Duration::from_millis(number()?));
                Ok(self.send(rate, window).await)
            }
            "arrived" => Ok(self.arrived.load(Ordering::Relaxed)),
            other => bail!("unknown command {other:?}"),
        }
    }

    /// The first sessions that are opened have users who listen; later ones wait.
    async fn open(&mut self, dialer: &TunnelDialer, count: usize) -> anyhow::Result<u64> {
        let (first, mut asked) = (self.sessions.is_empty(), JoinSet::new());
        for at in 0..count {
            let dialer = dialer.clone();
            asked.spawn(async move { dialer.udp(TO, IDLE).await });
            while asked.len() >= AT_A_TIME || (at + 1 == count && !asked.is_empty()) {
                let Some(opened) = asked.join_next().await else {
                    break;
                };
                self.sessions.push(Arc::from(opened??));
            }
        }
        if first {
            for session in &self.sessions {
                let (session, arrived) = (Arc::clone(session), Arc::clone(&self.arrived));
                self.listening.spawn(async move {
                    while session.receive().await.is_some() {
                        arrived.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        Ok(self.sessions.len() as u64)
    }

    async fn send(&self, rate: u64, window: Duration) -> u64 {
        let payload = Bytes::from(vec![0x5a; PAYLOAD]);
        pace(rate, window, |number| {
            let at = usize::try_from(number).unwrap_or_default() % self.sessions.len().max(1);
            let session = self.sessions.get(at);
            session.is_some_and(|session| session.send(payload.clone()))
        })
        .await
    }
}
