//! What a node tells of itself, and how it is asked: over a Unix socket in its state directory, which only its owner
//! reaches. A question and its answer are a line of JSON each.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use adit_core::mesh::session::NodeKeys;
use adit_model::{AccountId, ConnectorId, Timestamp, TunnelId};
use adit_wire::mesh::Role;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{duty::HaStatus, host::HostReport, identity::Identity, rotation};
use crate::way::Way;

/// How a node fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// Whose site.
    pub account_id: AccountId,
    /// The site.
    pub tunnel_id: TunnelId,
    /// Which replica of the site it is.
    pub connector_id: ConnectorId,
    /// Its control connection.
    pub session: SessionStatus,
    /// Whether it carries its site's traffic; nothing before the edge has said so.
    pub role: Option<Role>,
    /// How it stands by, or carries it.
    pub ha: HaStatus,
    /// The prefixes of its own site.
    pub local: Vec<IpNet>,
    /// What its packets are encrypted for. Versions that never changed theirs do not say.
    #[serde(default)]
    pub key: Option<KeyStatus>,
    /// The packets' way to the hub.
    pub hub: Option<HubStatus>,
    /// What it has done to the host.
    pub host: Option<HostReport>,
}

/// A node's WireGuard key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// As its peers know it.
    pub public: String,
    /// Since when it is in use.
    pub since: Option<Timestamp>,
    /// When the node makes another one by itself.
    pub until: Option<Timestamp>,
    /// The one that takes its place once the edge knows it, while it changes.
    pub next: Option<String>,
}

impl KeyStatus {
    pub(super) fn of(identity: &Identity) -> Self {
        let NodeKeys { settled, next } = identity.keys();
        Self {
            public: settled.to_string(),
            since: identity.key_since,
            until: identity.key_since.and_then(|since| rotation::end(settled, since)),
            next: next.map(|next| next.to_string()),
        }
    }
}

/// A node's control connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Whether the edge and the node hear each other now.
    pub connected: bool,
    /// Where it dials.
    pub edges: Vec<String>,
    /// Why there is no connection, in the edge's or the system's words.
    pub problem: Option<String>,
}

/// A node's way to the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubStatus {
    /// The hub's key, as its WireGuard peers know it.
    pub key: String,
    /// Where its packets are sent.
    pub endpoint: SocketAddr,
    /// How they get there.
    #[serde(default = "by_udp")]
    pub way: Way,
    /// Whether that is a way that is only taken since UDP does not get through.
    #[serde(default)]
    pub degraded: bool,
    /// Since the last handshake, milliseconds; nothing before the first one.
    pub handshake_age_ms: Option<u64>,
    /// Bytes of packets that came from the hub.
    pub received_bytes: u64,
    /// Bytes of packets that went to it.
    pub sent_bytes: u64,
}

/// What nodes did that said nothing of it.
const fn by_udp() -> Way {
    Way::Udp
}

/// What a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// How it fares.
    Status,
    /// To have another replica carry its site's traffic, and to stand by.
    Drain,
    /// To carry it again when its turn comes.
    Resume,
    /// To change its WireGuard key now.
    RotateKey,
    /// To stop, as by SIGTERM.
    Stop,
}

/// How long a question may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest question and the longest answer: a thousand prefixes fit many times.
const MAX_LINE: u64 = 1 << 20;
/// How many may ask at once; more wait.
const ASKERS: usize = 16;

/// How many orders wait; one that finds no room repeats one that waits, or comes from someone who asks too often.
const ORDERS: usize = 8;

/// Answers questions until it is dropped.
#[derive(Debug)]
pub(super) struct StatusSocket {
    path: PathBuf,
    _tasks: JoinSet<()>,
}

impl StatusSocket {
    /// Listens. `status` tells how the node fares now; what it is to do is heard at the receiver.
    pub(super) fn listen(
        path: PathBuf,
        status: Arc<dyn Fn() -> NodeStatus + Send + Sync>,
    ) -> io::Result<(Self, mpsc::Receiver<Ask>)> {
        // Of a process that was killed: whoever gets here has claimed the directory.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let (orders, told) = mpsc::channel(ORDERS);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, status, orders));
        Ok((Self { path, _tasks: tasks }, told))
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(
    listener: UnixListener,
    status: Arc<dyn Fn() -> NodeStatus + Send + Sync>,
    orders: mpsc::Sender<Ask>,
) {
    let places = Arc::new(Semaphore::new(ASKERS));
    let mut askers = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while askers.try_join_next().is_some() {}
        // Out of file descriptors, say: it may pass, and a place is free only when an asker has gone.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (status, orders) = (Arc::clone(&status), orders.clone());
        askers.spawn(async move {
            let _ = tokio::time::timeout(LIMIT, answer(stream, &*status, &orders)).await;
            drop(place);
        });
    }
}

async fn answer(
    stream: UnixStream,
    status: &(dyn Fn() -> NodeStatus + Send + Sync),
    orders: &mpsc::Sender<Ask>,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
    let ask: Ask = serde_json::from_str(&line)?;
    let told = status();
    let mut text = serde_json::to_vec(&told)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await?;
    if ask != Ask::Status {
        let _ = orders.try_send(ask);
    }
    Ok(())
}

/// Asks the node that answers at a socket.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if no node runs there.
pub async fn ask(socket: &Path, ask: Ask) -> io::Result<NodeStatus> {
    let asking = async {
        let (read, mut write) = UnixStream::connect(socket).await?.into_split();
        let mut question = serde_json::to_vec(&ask)?;
        question.push(b'\n');
        write.write_all(&question).await?;
        let mut line = String::new();
        BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
        Ok(serde_json::from_str(&line)?)
    };
    let answer: Result<io::Result<NodeStatus>, _> = tokio::time::timeout(LIMIT, asking).await;
    answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
