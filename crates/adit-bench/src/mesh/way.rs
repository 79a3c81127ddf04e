//! The programs that join two namespaces.

use std::{env, fs, path::Path};

use adit_testing::process::Process;
use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    node::{Node, RUNS, key},
    space::{INNER, OUTER, Spaces},
};
use crate::modes::{unless_it_panics, until::until};

const PORT: u16 = 51_820;

/// What joins them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the cable itself.
    Cable,
    /// Our link.
    Adit,
    /// wireguard-go.
    WireguardGo,
    /// gotatun's command.
    Gotatun,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Cable, Self::Adit, Self::WireguardGo, Self::Gotatun];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cable => "cable",
            Self::Adit => "adit",
            Self::WireguardGo => "wireguard-go",
            Self::Gotatun => "gotatun",
        }
    }

    /// How many times as fast as this our link has to be.
    pub(super) const fn least_ratio(self) -> Option<f64> {
        match self {
            Self::Cable | Self::Adit => None,
            Self::WireguardGo => Some(4.0),
            Self::Gotatun => Some(3.0),
        }
    }
}

/// A way that is up. Dropping it ends its processes and removes its namespaces.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) spaces: Spaces,
    /// The address on each side that iperf3 uses.
    pub(super) addresses: [&'static str; 2],
    _ends: Vec<Process>,
    _keys: Option<TempDir>,
}

pub(super) async fn start(kind: Kind) -> anyhow::Result<Way> {
    let spaces = Spaces::new(kind.name()).await?;
    let mut way = Way {
        kind,
        spaces,
        addresses: OUTER,
        _ends: Vec::new(),
        _keys: None,
    };
    match kind {
        Kind::Cable => return Ok(way),
        Kind::Adit => unless_it_panics(ours(&mut way)).await?,
        Kind::WireguardGo => unless_it_panics(theirs(&mut way, "wireguard-go", &["-f"])).await?,
        Kind::Gotatun => unless_it_panics(theirs(&mut way, "gotatun", &["--foreground"])).await?,
    }
    way.addresses = INNER;
    until("the first ping to pass", async || {
        let mut ping = way.spaces.command(0, "ping");
        let done = ping.args(["-c1", "-W1", INNER[1]]).output().await?;
        ensure!(done.status.success(), "no answer");
        Ok(())
    })
    .await?;
    Ok(way)
}

async fn ours(way: &mut Way) -> anyhow::Result<()> {
    let program = env::current_exe()?;
    for side in [0, 1] {
        let listen = format!("{}:{PORT}", OUTER[side]);
        let peer = format!("{}:{PORT}", OUTER[1 - side]);
        let mut command = way.spaces.command(side, &program.display().to_string());
        command.args(Node::args(side, "adit0", &listen, &peer));
        let process = Process::spawn("our link", command);
        process.line(RUNS).await;
        way._ends.push(process);
        way.spaces.configure(side, "adit0").await?;
    }
    Ok(())
}

/// A program that makes a device and is told the rest by `wg`.
async fn theirs(way: &mut Way, program: &str, foreground: &[&str]) -> anyhow::Result<()> {
    let keys = TempDir::new()?;
    for side in [0, 1] {
        // Their control sockets have the names of their devices, in one directory for all namespaces.
        let device = format!("{}{side}", program.chars().take(4).collect::<String>());
        let mut command = way.spaces.command(side, program);
        command.args(foreground).arg(&device).env("LOG_LEVEL", "error");
        way._ends.push(Process::spawn(program, command));
        let path = keys.path().join(&device);
        fs::write(&path, BASE64_STANDARD.encode(key(side).as_bytes()))?;
        until(&format!("{program} to take its configuration"), async || {
            let mut wg = way.spaces.command(side, "wg");
            set(&mut wg, &device, &path, side).await
        })
        .await?;
        way.spaces.configure(side, &device).await?;
    }
    way._keys = Some(keys);
    Ok(())
}

async fn set(wg: &mut Command, device: &str, key_file: &Path, side: usize) -> anyhow::Result<()> {
    let endpoint = format!("{}:{PORT}", OUTER[1 - side]);
    wg.args(["set", device, "listen-port", &PORT.to_string(), "private-key"])
        .arg(key_file);
    wg.args([
        "peer",
        &key(1 - side).public().to_string(),
        "allowed-ips",
        "10.99.0.0/24",
        "endpoint",
        &endpoint,
    ]);
    let done = wg.output().await.context("no wg here (wireguard-tools)")?;
    ensure!(
        done.status.success(),
        "wg: {}",
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}
