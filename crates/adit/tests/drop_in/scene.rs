//! An edge, a home directory, and the two programs that are exchanged for each other.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_testing::{
    client, cloudflared,
    process::Process,
    scripted::{ScriptedEdge, Transports},
    skip, wait_for_some, wait_within,
};
use adit_wire::{CredentialsFile, TunnelToken};
use tempfile::TempDir;
use tokio::process::Command;

/// The stock client asks DNS for servers of its vendor first.
pub(crate) const SOON: Duration = Duration::from_secs(45);

/// What is exchanged: a directory with a program `cloudflared`.
pub(crate) struct Program {
    pub(crate) is_ours: bool,
    dir: TempDir,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_ours { "ours" } else { "the stock one" })
    }
}

impl Program {
    /// Ours, and the stock one if there is one.
    pub(crate) fn both(test: &str) -> Vec<Self> {
        let ours = Self::linked(Path::new(env!("CARGO_BIN_EXE_adit")), true);
        let stock = cloudflared::binary();
        if stock.is_none() {
            skip(&format!("{test}, with the stock client"), cloudflared::ABSENT);
        }
        let stock = stock.map(|path| Self::linked(&path, false));
        [Some(ours), stock].into_iter().flatten().collect()
    }

    fn linked(binary: &Path, is_ours: bool) -> Self {
        let dir = TempDir::new().unwrap();
        std::os::unix::fs::symlink(binary, dir.path().join("cloudflared")).unwrap();
        Self { is_ours, dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("cloudflared")
    }
}

/// A machine with an edge on it, and a user who has nothing yet.
pub(crate) struct Scene {
    pub(crate) edge: ScriptedEdge,
    pub(crate) home: TempDir,
    pub(crate) token: TunnelToken,
}

impl Scene {
    pub(crate) fn build() -> Self {
        let scene = Self {
            edge: ScriptedEdge::on(Transports::Both),
            home: TempDir::new().unwrap(),
            token: token(),
        };
        std::fs::write(scene.file("ca.pem"), scene.edge.ca_pem()).unwrap();
        scene
    }

    /// A path in the home.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file into the home, with its directories.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The credentials file's text.
    pub(crate) fn credentials(&self) -> String {
        let TunnelToken { tunnel, secret } = self.token.clone();
        let file = CredentialsFile {
            tunnel,
            secret,
            name: None,
        };
        file.encode()
    }

    /// The edge, as often as there are connections: told once, the stock client never pauses between two dials.
    pub(crate) fn edges(&self) -> String {
        vec![self.edge.addr().to_string(); 4].join(",")
    }

    /// The program with words of its own, in an environment that says where the edge is and nothing more.
    pub(crate) fn command(&self, program: &Program, words: &[&str]) -> Command {
        let mut command = Command::new(program.path());
        command
            .args(words)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("TUNNEL_EDGE", self.edges())
            .env("TUNNEL_CACERT", self.file("ca.pem"))
            .current_dir(self.home.path());
        command
    }

    /// Starts a command.
    pub(crate) fn start(&self, program: &Program, command: Command) -> Running {
        let name = format!("cloudflared ({program})");
        Running(Process::spawn(&name, command))
    }

    /// Waits until so many connections are registered.
    pub(crate) async fn registered(&self, connections: usize) {
        let what = format!("{connections} registered connections");
        wait_within(SOON, &what, async || self.edge.live().len() >= connections).await;
    }

    /// Waits until none is left.
    pub(crate) async fn is_left(&self) {
        wait_within(SOON, "no connection", async || self.edge.live().is_empty()).await;
    }

    /// What the first connection answers for a path.
    pub(crate) async fn status_of(&self, host: &str, path: &str) -> u16 {
        let connection = self.edge.live().pop().unwrap();
        connection.get(host, path).await.status.as_u16()
    }
}

/// A tunnel of somebody's.
pub(crate) fn token() -> TunnelToken {
    TunnelToken {
        tunnel: TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        },
        secret: TunnelSecret::new(vec![7; 32]).unwrap(),
    }
}

/// A connector that was started.
pub(crate) struct Running(pub(crate) Process);

impl Running {
    /// Where its metrics server says that it listens.
    pub(crate) async fn metrics(&self) -> SocketAddr {
        let line = self.line("Starting metrics server on ").await;
        let (_, rest) = line.split_once("Starting metrics server on ").unwrap();
        rest.split_once("/metrics").unwrap().0.parse().unwrap()
    }

    /// A line with these words.
    pub(crate) async fn line(&self, words: &str) -> String {
        let what = format!("a line with {words:?}");
        let found = async || self.0.lines().into_iter().find(|line| line.contains(words));
        wait_for_some(&what, found).await
    }

    /// Waits until `/ready` says that there are so many connections.
    pub(crate) async fn ready(&self, connections: u64) {
        let metrics = self.metrics().await;
        wait_within(SOON, "readiness", async || {
            let answer = client::get(metrics, "localhost", "/ready").await;
            answer.is_ok_and(|answer| answer.json()["readyConnections"].as_u64() >= Some(connections))
        })
        .await;
    }

    /// Whether a line has all of these words.
    pub(crate) fn has_line(&self, words: &[&str]) -> bool {
        let lines = self.0.lines();
        lines
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)))
    }
}
