//! Our edge, with our connector or the stock one behind it.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use adit_testing::{
    client,
    cloudflared::{self, Cloudflared, Protocol},
    process::Process,
};
use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Parts, Way, api::Api, until::until};
use crate::{load::Target, origin::SMALL};

/// A connector has this many connections once it is up.
const CONNECTIONS: usize = 4;

pub(super) async fn with_own_connector(parts: &Parts) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_tunnel().await?;
    let mut command = Command::new(&parts.adit);
    // In the environment, since arguments are there for every user to read.
    clean(&mut command).env("TUNNEL_TOKEN", &tunnel.token);
    command.env(
        "TUNNEL_EDGE",
        vec![edge.listener("edge")?.to_string(); CONNECTIONS].join(","),
    );
    command
        .env("TUNNEL_CACERT", edge.ca())
        .env("HOME", edge.directory.path());
    command.args([
        "tunnel",
        "--metrics",
        "127.0.0.1:0",
        "run",
        "--url",
        &format!("http://{}", parts.origin),
    ]);
    edge.finish(
        Process::spawn("adit tunnel run", command),
        &tunnel.id,
        &tunnel.host,
    )
    .await
}

pub(super) async fn with_stock_connector(
    parts: &Parts,
    binary: PathBuf,
    over: Protocol,
) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_tunnel().await?;
    let options = cloudflared::Options::new(&binary, edge.listener("edge")?, &edge.ca(), &tunnel.token)
        .over(over)
        .serving(&format!("http://{}", parts.origin));
    // As its users run it: `debug` would log each request.
    let options = cloudflared::Options {
        log_level: "info",
        ..options
    };
    let (connector, home) = Cloudflared::start(&options).await.into_parts();
    let mut way = edge.finish(connector, &tunnel.id, &tunnel.host).await?;
    way.directories.push(home);
    Ok(way)
}

/// `adit up` on free ports, with a data directory of its own.
struct Edge {
    process: Process,
    directory: TempDir,
    run: Value,
    api: Api,
}

impl Edge {
    async fn start(adit: &Path) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let token = format!("adit-bench-{:016x}{:016x}", random(), random());
        let mut command = Command::new(adit);
        clean(&mut command)
            .env("ADIT_BOOTSTRAP_API_TOKEN", &token)
            .env("HOME", directory.path());
        command
            .args(["up", "--no-demo", "--log-level", "warn", "--data-dir"])
            .arg(directory.path());
        for listener in ["api", "edge", "http", "https", "metrics"] {
            command.args([format!("--{listener}-listen"), "127.0.0.1:0".to_owned()]);
        }
        let process = Process::spawn("adit up", command);
        let file = directory.path().join("run.json");
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

    fn listener(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let addr = self
            .run
            .pointer(&format!("/listeners/{name}"))
            .and_then(Value::as_str);
        addr.with_context(|| format!("run.json has no listener {name}"))?
            .parse()
            .context("no address")
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Waits until the connector has all its connections and a request reaches the origin.
    async fn finish(self, mut connector: Process, tunnel: &str, host: &str) -> anyhow::Result<Way> {
        let target = Target {
            addr: self.listener("http")?,
            host: host.to_owned(),
        };
        until("the connector's connections", async || {
            ensure!(
                connector.is_running(),
                "the connector ended:\n{}",
                connector.lines().join("\n")
            );
            let connections = self.api.connections(tunnel).await?;
            ensure!(connections >= CONNECTIONS, "it has {connections}");
            Ok(())
        })
        .await?;
        until("the origin's answer", async || {
            let answer = client::get(target.addr, host, SMALL)
                .await
                .map_err(anyhow::Error::from_boxed)?;
            ensure!(answer.status == 200, "it is {}", answer.status);
            Ok(())
        })
        .await?;
        let Self {
            process, directory, ..
        } = self;
        Ok(Way {
            target,
            edge: Some(process),
            connector: Some(connector),
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
