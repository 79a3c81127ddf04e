//! Our edge as a process.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use adit_testing::{client, process::Process};
use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Https, Way, api::Api, until::until};
use crate::{load::Target, origin::SMALL};

/// Its data directory, in the one of its own that it gets.
const DATA: &str = "data";
/// A connector has this many connections once it is up.
pub(crate) const CONNECTIONS: usize = 4;

/// `adit up` on free ports, with a data directory of its own. What it logs, a line for each request among it, goes
/// into a file.
pub(crate) struct Edge {
    pub(crate) process: Process,
    directory: TempDir,
    run: Value,
    pub(crate) api: Api,
}

impl Edge {
    pub(crate) async fn start(adit: &Path) -> anyhow::Result<Self> {
        Self::start_with(adit, &[]).await
    }

    /// With these arguments beside its own.
    pub(crate) async fn start_with(adit: &Path, args: &[&str]) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let token = format!("adit-bench-{:016x}{:016x}", random(), random());
        let mut command = Command::new(adit);
        clean(&mut command)
            .env("ADIT_BOOTSTRAP_API_TOKEN", &token)
            .env("HOME", directory.path());
        command
            .args(["up", "--no-demo", "--data-dir"])
            .arg(directory.path().join(DATA));
        for listener in ["api", "edge", "http", "https", "metrics", "mesh"] {
            command.args([format!("--{listener}-listen"), "127.0.0.1:0".to_owned()]);
        }
        command.args(args);
        let process = Process::spawn_logging("adit up", command, &directory.path().join("adit.log"));
        let file = directory.path().join(DATA).join("run.json");
        let run: Value = until("run.json", async || {
            Ok(serde_json::from_slice(&fs::read(&file)?)?)
        })
        .await?;
        let api = Api::new(&run, token)?;
        Ok(Self {
            process,
            directory,
            run,
            api,
        })
    }

    pub(crate) fn listener(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let addr = self
            .run
            .pointer(&format!("/listeners/{name}"))
            .and_then(Value::as_str);
        addr.with_context(|| format!("run.json has no listener {name}"))?
            .parse()
            .context("no address")
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.home().join(DATA).join("ca.pem")
    }

    /// Where it keeps everything; a HOME for its connector too.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until the tunnel has so many connections, this connector's among them.
    pub(crate) async fn until_connected(
        &self,
        connector: &mut Process,
        tunnel: &str,
        connections: usize,
    ) -> anyhow::Result<()> {
        until("the connector's connections", async || {
            ensure!(
                connector.is_running(),
                "the connector ended:\n{}",
                connector.lines().join("\n")
            );
            let there = self.api.connections(tunnel).await?;
            ensure!(there >= connections, "there are {there}");
            Ok(())
        })
        .await
    }

    /// Waits until the connector has all its connections and a request reaches the origin.
    pub(crate) async fn finish(
        self,
        mut connector: Process,
        tunnel: &str,
        host: &str,
    ) -> anyhow::Result<Way> {
        let target = Target {
            addr: self.listener("http")?,
            host: host.to_owned(),
            proxy: None,
        };
        self.until_connected(&mut connector, tunnel, CONNECTIONS).await?;
        until("the origin's answer", async || {
            let answer = client::get(target.addr, host, SMALL)
                .await
                .map_err(anyhow::Error::from_boxed)?;
            ensure!(answer.status == 200, "it is {}", answer.status);
            Ok(())
        })
        .await?;
        let https = Https {
            addr: self.listener("https")?,
            ca: self.ca(),
        };
        let Self {
            process, directory, ..
        } = self;
        Ok(Way {
            target,
            edge: Some(process),
            connector: Some(connector),
            https: Some(https),
            directories: vec![directory],
        })
    }
}

/// Neither the user's configuration nor their variables reach it.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    command.env_clear();
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Random enough for a token that lives for minutes on loopback.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
