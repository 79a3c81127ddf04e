//! The programs that join two namespaces.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use adit_model::PeerKey;
use adit_testing::process::Process;
use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    hub::{HubProcess, PAIR},
    node::{Node, RUNS, key},
    space::{INNER, OUTER, Spaces},
};
use crate::modes::{unless_it_panics, until::until};

const PORT: u16 = 51_820;
const HUB_PORT: u16 = 51_821;

/// What joins them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the cable itself.
    Cable,
    /// Our link.
    Adit,
    /// Our links to a hub, which is on the first side.
    Hub,
    /// wireguard-go.
    WireguardGo,
    /// gotatun's command.
    Gotatun,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Cable,
        Self::Adit,
        Self::Hub,
        Self::WireguardGo,
        Self::Gotatun,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cable => "cable",
            Self::Adit => "adit",
            Self::Hub => "adit, through the hub",
            Self::WireguardGo => "wireguard-go",
            Self::Gotatun => "gotatun",
        }
    }

    /// How many times as fast as this our link has to be.
    pub(super) const fn least_ratio(self) -> Option<f64> {
        match self {
            Self::Cable | Self::Adit | Self::Hub => None,
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
    _hub: Option<HubProcess>,
    _sockets: Vec<ControlSocket>,
}

/// Where `wg` finds a program that serves a device. A program that is killed leaves it behind, and `wg` may then take the
/// next one of the name away while it is being made.
#[derive(Debug)]
struct ControlSocket(PathBuf);

impl ControlSocket {
    fn of(device: &str) -> Self {
        Self(Path::new("/var/run/wireguard").join(format!("{device}.sock")))
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) async fn start(kind: Kind) -> anyhow::Result<Way> {
    let spaces = Spaces::new(kind.name()).await?;
    let mut way = Way {
        kind,
        spaces,
        addresses: OUTER,
        _ends: Vec::new(),
        _keys: None,
        _hub: None,
        _sockets: Vec::new(),
    };
    match kind {
        Kind::Cable => return Ok(way),
        Kind::Adit => unless_it_panics(ours(&mut way)).await?,
        Kind::Hub => unless_it_panics(through_hub(&mut way)).await?,
        Kind::WireguardGo => unless_it_panics(theirs(&mut way, "wireguard-go", &["-f"])).await?,
        Kind::Gotatun => {
            unless_it_panics(theirs(
                &mut way,
                "gotatun",
                &["--foreground", "--disable-drop-privileges"],
            ))
            .await?
        }
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
    for side in [0, 1] {
        let peer = format!("{}:{PORT}", OUTER[1 - side]);
        node(way, side, &peer, &key(1 - side).public()).await?;
    }
    Ok(())
}

async fn through_hub(way: &mut Way) -> anyhow::Result<()> {
    let program = env::current_exe()?.display().to_string();
    let listen = format!("{}:{HUB_PORT}", OUTER[0]);
    let mut hub = HubProcess::start(way.spaces.command(0, &program), listen.parse()?).await?;
    hub.admit(PAIR).await?;
    for side in [0, 1] {
        node(way, side, &listen, &hub.key).await?;
    }
    way._hub = Some(hub);
    // The hub has to have heard a member before it can send it anything.
    until("the second side to say something", async || {
        let mut ping = way.spaces.command(1, "ping");
        let done = ping.args(["-c1", "-W1", INNER[0]]).output().await?;
        ensure!(done.status.success(), "no answer");
        Ok(())
    })
    .await
}

/// One of our nodes, joined to a peer.
async fn node(way: &mut Way, side: usize, peer: &str, key: &PeerKey) -> anyhow::Result<()> {
    let program = env::current_exe()?.display().to_string();
    let listen = format!("{}:{PORT}", OUTER[side]);
    let mut command = way.spaces.command(side, &program);
    command.args(Node::args(side, "adit0", &listen, peer, key));
    let process = Process::spawn("our link", command);
    process.line(RUNS).await;
    way._ends.push(process);
    way.spaces.configure(side, "adit0").await
}

/// A program that makes a device and is told the rest by `wg`.
async fn theirs(way: &mut Way, program: &str, foreground: &[&str]) -> anyhow::Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_here = env::split_paths(&path).any(|directory| directory.join(program).is_file());
    ensure!(is_here, "no {program} on PATH");
    let keys = TempDir::new()?;
    for side in [0, 1] {
        // Their control sockets have the names of their devices, in one directory for all namespaces.
        let short: String = program.chars().take(4).collect();
        let device = format!("{short}{side}-{}", std::process::id());
        way._sockets.push(ControlSocket::of(&device));
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
