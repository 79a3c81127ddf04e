//! Our edge, with our connector or the stock one behind it.

use std::path::{Path, PathBuf};

use adit_testing::{
    cloudflared::{self, Cloudflared, Protocol},
    process::Process,
};
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    Parts, Way,
    api::PublicTunnel,
    edge::{CONNECTIONS, Edge, clean},
};

/// What the tunnel is called.
const NAME: &str = "bench";

pub(crate) async fn with_own_connector(parts: &Parts) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_public_tunnel(NAME).await?;
    let connector = own_connector(parts, &edge, &tunnel)?;
    edge.finish(connector, &tunnel.id, &tunnel.host).await
}

/// Starts `adit tunnel run`.
pub(crate) fn own_connector(parts: &Parts, edge: &Edge, tunnel: &PublicTunnel) -> anyhow::Result<Process> {
    own_connector_with(parts, edge, tunnel, &[])
}

/// Starts `adit tunnel run` with these flags of `tunnel` beside its own.
pub(crate) fn own_connector_with(
    parts: &Parts,
    edge: &Edge,
    tunnel: &PublicTunnel,
    flags: &[&str],
) -> anyhow::Result<Process> {
    let mut command = Command::new(&parts.adit);
    // In the environment, since arguments are there for every user to read.
    clean(&mut command).env("TUNNEL_TOKEN", &tunnel.token);
    command.env(
        "TUNNEL_EDGE",
        vec![edge.listener("edge")?.to_string(); CONNECTIONS].join(","),
    );
    command.env("TUNNEL_CACERT", edge.ca()).env("HOME", edge.home());
    command.args(["tunnel", "--metrics", "127.0.0.1:0"]).args(flags);
    command.args(["run", "--url", &format!("http://{}", parts.origin)]);
    Ok(Process::spawn("adit tunnel run", command))
}

pub(crate) async fn with_stock_connector(
    parts: &Parts,
    binary: PathBuf,
    over: Protocol,
) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_public_tunnel(NAME).await?;
    let (connector, home) = stock_connector(parts, &edge, &tunnel, &binary, over).await?;
    let mut way = edge.finish(connector, &tunnel.id, &tunnel.host).await?;
    way.directories.push(home);
    Ok(way)
}

/// Starts `cloudflared tunnel run`; what it keeps on disk must live as long.
pub(crate) async fn stock_connector(
    parts: &Parts,
    edge: &Edge,
    tunnel: &PublicTunnel,
    binary: &Path,
    over: Protocol,
) -> anyhow::Result<(Process, TempDir)> {
    let options = cloudflared::Options::new(binary, edge.listener("edge")?, &edge.ca(), &tunnel.token)
        .over(over)
        .serving(&format!("http://{}", parts.origin));
    // As its users run it: `debug` would log each request.
    let options = cloudflared::Options {
        log_level: "info",
        ..options
    };
    Ok(Cloudflared::start(&options).await.into_parts())
}
