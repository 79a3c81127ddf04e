//! What a node tells of itself, and how it is asked: over a Unix socket in its state directory, which only its owner
//! reaches. A question and its answer are a line of JSON each.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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

use super::host::HostReport;

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
    /// The prefixes of its own site.
    pub local: Vec<IpNet>,
    /// The packets' way to the hub.
    pub hub: Option<HubStatus>,
    /// What it has done to the host.
    pub host: Option<HostReport>,
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
    /// Since the last handshake, milliseconds; nothing before the first one.
    pub handshake_age_ms: Option<u64>,
    /// Bytes of packets that came from the hub.
    pub received_bytes: u64,
    /// Bytes of packets that went to it.
    pub sent_bytes: u64,
}

/// What a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// How it fares.
    Status,
    /// To stop, as by SIGTERM.
    Stop,
}

/// How long a question may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest question and the longest answer: a thousand prefixes fit many times.
const MAX_LINE: u64 = 1 << 20;
/// How many may ask at once; more wait.
const ASKERS: usize = 16;

/// Answers questions until it is dropped.
#[derive(Debug)]
pub(super) struct StatusSocket {
    path: PathBuf,
    _tasks: JoinSet<()>,
}

impl StatusSocket {
    /// Listens. `status` tells how the node fares now; who asks it to stop is heard at the receiver.
    pub(super) fn listen(
        path: PathBuf,
        status: Arc<dyn Fn() -> NodeStatus + Send + Sync>,
    ) -> io::Result<(Self, mpsc::Receiver<()>)> {
        // Of a process that was killed: whoever gets here has claimed the directory.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // One is enough: a second request to stop adds nothing.
        let (stop, stopped) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, status, stop));
        Ok((Self { path, _tasks: tasks }, stopped))
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
    stop: mpsc::Sender<()>,
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
        let (status, stop) = (Arc::clone(&status), stop.clone());
        askers.spawn(async move {
            let _ = tokio::time::timeout(LIMIT, answer(stream, &*status, &stop)).await;
            drop(place);
        });
    }
}

async fn answer(
    stream: UnixStream,
    status: &(dyn Fn() -> NodeStatus + Send + Sync),
    stop: &mpsc::Sender<()>,
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
    if ask == Ask::Stop {
        let _ = stop.try_send(());
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
