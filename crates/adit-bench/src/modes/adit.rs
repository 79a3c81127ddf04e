//! Our edge, with our connector or the stock one behind it.

use std::path::PathBuf;

use adit_testing::{
    cloudflared::{self, Cloudflared, Protocol},
    process::Process,
};
use tokio::process::Command;

use super::{
    Parts, Way,
    edge::{CONNECTIONS, Edge, clean},
};

pub(crate) async fn with_own_connector(parts: &Parts) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_public_tunnel().await?;
    let mut command = Command::new(&parts.adit);
    // In the environment, since arguments are there for every user to read.
    clean(&mut command).env("TUNNEL_TOKEN", &tunnel.token);
    command.env(
        "TUNNEL_EDGE",
        vec![edge.listener("edge")?.to_string(); CONNECTIONS].join(","),
    );
    command.env("TUNNEL_CACERT", edge.ca()).env("HOME", edge.home());
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

pub(crate) async fn with_stock_connector(
    parts: &Parts,
    binary: PathBuf,
    over: Protocol,
) -> anyhow::Result<Way> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_public_tunnel().await?;
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
