//! The stock connector, unmodified, as a user would run it against an edge of one's own.

mod access;
mod tail;

use std::{
    env,
    ffi::OsStr,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{client, process::Process, wait::wait_within};

pub use access::{Access, ConnectProxy, access_ssh, access_tcp};
pub use tail::tail;

/// Why a test with the stock connector is left out.
pub const ABSENT: &str = "no stock cloudflared: ADIT_CLOUDFLARED names none and none is on PATH";

/// It asks DNS for servers of its vendor first, and a resolver that drops packets takes its time.
const READY_LIMIT: Duration = Duration::from_secs(45);
/// Its configuration file, in its home.
const CONFIG: &str = "adit-test.yml";
/// For commands that talk to the API and end.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The stock connector on this machine: `ADIT_CLOUDFLARED`, or else `cloudflared` on `PATH`.
///
/// # Panics
/// When `ADIT_CLOUDFLARED` names something that is no file.
#[must_use]
pub fn binary() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ADIT_CLOUDFLARED").filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        assert!(
            named.is_file(),
            "ADIT_CLOUDFLARED names no file: {}",
            named.display()
        );
        return Some(named);
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join("cloudflared"))
        .find(|candidate| candidate.is_file())
}

/// What the connector dials the edge with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// QUIC.
    Quic,
    /// HTTP/2 over TLS over TCP.
    Http2,
}

impl Protocol {
    /// Both, for a test that holds for both.
    pub const ALL: [Self; 2] = [Self::Quic, Self::Http2];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Http2 => "http2",
        })
    }
}

/// How to run the stock connector.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub binary: PathBuf,
    /// The edge.
    pub edge: SocketAddr,
    /// The edge's CA.
    pub ca: PathBuf,
    /// The transport.
    pub protocol: Protocol,
    /// The tunnel token.
    pub token: String,
    /// The origin, as in `--url`; `None` for a tunnel that is configured remotely.
    pub url: Option<String>,
    /// How long open requests may finish after SIGTERM.
    pub grace_period: Duration,
    /// Whether it checks its ways to the edge first, and shows a table of them.
    pub prechecks: bool,
    /// Further flags of `tunnel`, which stand before `run` and go over those above.
    pub flags: Vec<String>,
    /// Further flags of `run`, which stand behind it.
    pub run_flags: Vec<String>,
    /// What stands in its configuration file; `None` for none.
    pub config: Option<String>,
    /// What it logs: `info` at least, which tells where `/ready` is; `debug` shows each request.
    pub log_level: &'static str,
}

impl Options {
    /// Over QUIC, with 2 s of grace.
    #[must_use]
    pub fn new(binary: &Path, edge: SocketAddr, ca: &Path, token: &str) -> Self {
        Self {
            binary: binary.to_owned(),
            edge,
            ca: ca.to_owned(),
            protocol: Protocol::Quic,
            token: token.to_owned(),
            url: None,
            grace_period: Duration::from_secs(2),
            prechecks: false,
            flags: Vec::new(),
            run_flags: Vec::new(),
            config: None,
            log_level: "debug",
        }
    }

    /// Over this transport.
    #[must_use]
    pub fn over(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// With this origin.
    #[must_use]
    pub fn serving(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// With this configuration file, YAML; its rules are used without an origin.
    #[must_use]
    pub fn configured(mut self, yaml: &str) -> Self {
        self.config = Some(yaml.to_owned());
        self
    }

    /// With these flags of `tunnel`.
    #[must_use]
    pub fn with(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().copied().map(str::to_owned));
        self
    }

    /// With these flags of `run`.
    #[must_use]
    pub fn run_with(mut self, flags: &[&str]) -> Self {
        self.run_flags.extend(flags.iter().copied().map(str::to_owned));
        self
    }

    fn arguments(&self) -> Vec<String> {
        let mut args: Vec<String> = ["tunnel", "--no-autoupdate"].map(str::to_owned).into();
        if !self.prechecks {
            args.push("--no-prechecks".to_owned());
        }
        if self.config.is_some() {
            args.extend(["--config", CONFIG].map(str::to_owned));
        }
        // One address alone makes it spin without back-off once it fails; four give it four connections.
        for _ in 0..4 {
            args.extend(["--edge".to_owned(), self.edge.to_string()]);
        }
        args.extend(["--cacert".to_owned(), self.ca.display().to_string()]);
        args.extend(["--metrics", "127.0.0.1:0", "--loglevel", self.log_level].map(str::to_owned));
        args.extend([
            "--grace-period".to_owned(),
            format!("{}ms", self.grace_period.as_millis()),
        ]);
        if !self.flags.iter().any(|flag| flag == "--protocol") {
            args.extend(["--protocol".to_owned(), self.protocol.to_string()]);
        }
        args.extend(self.flags.iter().cloned());
        args.push("run".to_owned());
        args.extend(self.run_flags.iter().cloned());
        if let Some(url) = &self.url {
            args.extend(["--url".to_owned(), url.clone()]);
        }
        args
    }
}

/// A running stock connector with a home of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Cloudflared {
    /// Its process.
    pub process: Process,
    metrics: SocketAddr,
    home: TempDir,
}

impl Cloudflared {
    /// Starts it and waits until its metrics listener is open; registration may take longer.
    ///
    /// # Panics
    /// When it does not come up, showing what it wrote.
    pub async fn start(options: &Options) -> Self {
        let home = TempDir::new().expect("a temporary directory can be made");
        if let Some(config) = &options.config {
            std::fs::write(home.path().join(CONFIG), config).expect("a file can be written");
        }
        let mut command = clean_command(&options.binary, home.path());
        // In the environment, since arguments are there for every user to read.
        command
            .args(options.arguments())
            .env("TUNNEL_TOKEN", &options.token);
        let process = Process::spawn("cloudflared", command);
        let line = process.line("Starting metrics server on ").await;
        let metrics = metrics_address(&line).unwrap_or_else(|| panic!("no metrics address in {line:?}"));
        Self {
            process,
            metrics,
            home,
        }
    }

    /// Starts it with a quick tunnel of the service at `service`, and gives the host name that it prints. It keeps
    /// one connection. The token of `options` is not used.
    ///
    /// # Panics
    /// When it does not come up, showing what it wrote.
    pub async fn start_quick(options: &Options, service: &str) -> (Self, String) {
        let home = TempDir::new().expect("a temporary directory can be made");
        let mut command = clean_command(&options.binary, home.path());
        let with_run = options.arguments();
        command
            .args(with_run.iter().filter(|arg| *arg != "run"))
            .args(["--quick-service", service]);
        let process = Process::spawn("cloudflared", command);
        let line = process.line("|  https://").await;
        let mut lines = process.lines().into_iter();
        let host = lines.find_map(|line| quick_host(&line));
        let host = host.unwrap_or_else(|| panic!("no host name in {line:?}"));
        let line = process.line("Starting metrics server on ").await;
        let metrics = metrics_address(&line).unwrap_or_else(|| panic!("no metrics address in {line:?}"));
        let connector = Self {
            process,
            metrics,
            home,
        };
        connector.ready(1).await;
        (connector, host)
    }

    /// Starts it and waits until it has at least so many connections.
    ///
    /// # Panics
    /// When it has not after 45 s, showing what it wrote.
    pub async fn start_ready(options: &Options, connections: u64) -> Self {
        let connector = Self::start(options).await;
        connector.ready(connections).await;
        connector
    }

    /// Its process, and its home, which must live as long.
    #[must_use]
    pub fn into_parts(self) -> (Process, TempDir) {
        (self.process, self.home)
    }

    /// Where `/ready` and `/metrics` are.
    #[must_use]
    pub const fn metrics(&self) -> SocketAddr {
        self.metrics
    }

    /// How many connections it has, by its own word.
    pub async fn connections(&self) -> u64 {
        let Ok(answer) = client::get(self.metrics, "localhost", "/ready").await else {
            return 0;
        };
        answer.json()["readyConnections"].as_u64().unwrap_or(0)
    }

    /// Waits until it has at least so many connections.
    ///
    /// # Panics
    /// When it has not after 45 s.
    pub async fn ready(&self, connections: u64) {
        let what = format!("{connections} connections of cloudflared");
        wait_within(READY_LIMIT, &what, async || {
            self.connections().await >= connections
        })
        .await;
    }
}

/// Runs a command of the stock client to its end, such as `tunnel create shop`, with these variables alone.
///
/// # Panics
/// When it cannot be started, or takes longer than 60 s.
pub async fn run<E, K, V>(binary: &Path, environment: E, args: &[&str]) -> Output
where
    E: IntoIterator<Item = (K, V)>,
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    let home = TempDir::new().expect("a temporary directory can be made");
    let mut command = clean_command(binary, home.path());
    command.envs(environment).args(args).stdin(Stdio::null());
    match timeout(COMMAND_LIMIT, command.output()).await {
        Ok(output) => output.expect("cloudflared can be started"),
        Err(_) => panic!("cloudflared {args:?} did not end within {COMMAND_LIMIT:?}"),
    }
}

/// Neither the user's configuration nor their variables reach it.
fn clean_command(binary: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("HOME", home)
        .env("NO_AUTOUPDATE", "true")
        .current_dir(home)
        .kill_on_drop(true);
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// The address in `… Starting metrics server on 127.0.0.1:20241/metrics …`.
fn metrics_address(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("Starting metrics server on ")?;
    after.split_once('/')?.0.parse().ok()
}

/// The host name in `… |  https://three-random-words.example.net   |`.
fn quick_host(line: &str) -> Option<String> {
    let (_, url) = line.split_once("|  https://")?;
    Some(url.split([' ', '|']).next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_named_four_times_and_the_token_not_at_all() {
        let edge = SocketAddr::from(([127, 0, 0, 1], 7844));
        let options = Options::new(Path::new("cloudflared"), edge, Path::new("ca.pem"), "secret")
            .over(Protocol::Http2)
            .serving("http://127.0.0.1:9000");
        let line = options.arguments().join(" ");
        assert_eq!(line.matches("--edge 127.0.0.1:7844").count(), 4);
        assert!(
            line.ends_with("--grace-period 2000ms --protocol http2 run --url http://127.0.0.1:9000"),
            "{line}"
        );
        assert!(!line.contains("secret"));
    }

    #[test]
    fn the_quick_host_is_read_from_the_box() {
        let line = "2026-01-01T00:00:00Z INF |  https://a-b-c.adit.localhost      |";
        assert_eq!(quick_host(line).as_deref(), Some("a-b-c.adit.localhost"));
        assert_eq!(quick_host("see https://developers.example/"), None);
    }

    #[test]
    fn the_metrics_address_is_read_from_the_log() {
        let line = "2026-01-01T00:00:00Z INF Starting metrics server on 127.0.0.1:20241/metrics";
        assert_eq!(
            metrics_address(line),
            Some(SocketAddr::from(([127, 0, 0, 1], 20241)))
        );
        assert_eq!(metrics_address("Starting metrics server on "), None);
    }
}
