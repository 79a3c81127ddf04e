//! `adit mesh`: the node that joins a site to the mesh, its replicas and how they fail over, and devices.

mod device;
mod failover;
mod render;
mod service;
mod site;
mod up;

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use adit_mesh::node::{Ask, NodeStatus, StateDir, ask, walk, watchdog::guard};
use adit_wire::mesh::Role;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{config::LogFormat, failure::Failure, logging, output};

/// Join sites by packets: source addresses kept, any side may start
#[derive(Debug, Args)]
pub(crate) struct MeshArgs {
    #[command(subcommand)]
    command: MeshCommand,
}

#[derive(Debug, Subcommand)]
enum MeshCommand {
    /// Join this host's site to the mesh, until a signal or `down` stops it
    Up(Box<up::Up>),
    /// Show how the node on this host fares
    Status {
        #[command(flatten)]
        state: StatePlace,
        /// json for programs
        #[arg(long, short, value_name = "FORMAT")]
        output: Option<String>,
    },
    /// Find out where packets to an address get stuck
    Check {
        /// The address of a host in another site
        address: IpAddr,
        #[command(flatten)]
        state: StatePlace,
        /// json for programs
        #[arg(long, short, value_name = "FORMAT")]
        output: Option<String>,
    },
    /// Have another replica carry this site's traffic, and stand by: for work on this host
    Drain {
        #[command(flatten)]
        state: StatePlace,
        /// Let this node carry its site's traffic again when its turn comes
        #[arg(long)]
        undo: bool,
    },
    /// Change the WireGuard key of the node on this host now; it does so by itself each month
    RotateKey {
        #[command(flatten)]
        state: StatePlace,
    },
    /// Stop the node on this host
    Down {
        #[command(flatten)]
        state: StatePlace,
    },
    /// Print a unit file for systemd
    Service,
    /// Take the device of a stopped node down; the node starts it
    #[command(hide = true)]
    Watchdog {
        /// Write log lines as JSON
        #[arg(long)]
        log_json: bool,
    },
    /// List the replicas of a site: who carries its traffic, who stands by, who is offline
    Replicas(failover::Replicas),
    /// Make a replica of a site active; done when it carries the traffic
    Failover(failover::Failover),
    /// List the failovers of a site, newest first: when, why, from where to where, and how long no packet passed
    Events(failover::Events),
    /// Let WireGuard clients join, list and remove them
    Device(device::DeviceArgs),
}

/// Where a node keeps who it is.
#[derive(Debug, Clone, Args)]
struct StatePlace {
    /// Where the node keeps who it is [default: /var/lib/adit-mesh as root, else $XDG_STATE_HOME/adit-mesh]
    #[arg(long, value_name = "DIR", env = "ADIT_MESH_STATE_DIR", hide_env_values = true)]
    state_dir: Option<PathBuf>,
}

impl StatePlace {
    fn directory(&self) -> Result<StateDir, Failure> {
        let is_root = rustix::process::geteuid().is_root();
        StateDir::locate(self.state_dir.as_deref(), is_root, |name| std::env::var_os(name))
            .map_err(Failure::failed)
    }

    async fn ask(&self, question: Ask) -> Result<NodeStatus, Failure> {
        let directory = self.directory()?;
        ask(&directory.socket(), question)
            .await
            .map_err(|error| unanswered(&directory, error))
    }
}

fn unanswered(directory: &StateDir, error: io::Error) -> Failure {
    let place = directory.path().display();
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
        return Failure::because(format!("no node runs with the state directory {place}"))
            .hint("start it with `adit mesh up`, or name another place with --state-dir");
    }
    let is_closed = error.kind() == ErrorKind::PermissionDenied;
    let failure =
        Failure::failed(anyhow::Error::new(error).context(format!("cannot ask the node of {place}")));
    if is_closed {
        failure.hint("ask as the user that it runs as: sudo adit mesh …")
    } else {
        failure
    }
}

/// How long another replica may take to take over.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How long a node may take to change its key: edges take no two within ten seconds.
const KEY: Duration = Duration::from_secs(20);
/// How long a node may take to stop.
const STOP: Duration = Duration::from_secs(15);

impl MeshArgs {
    /// Whether this is a process that stays.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self.command, MeshCommand::Up(_))
    }

    /// Does what the command says.
    ///
    /// # Errors
    /// Says what failed and what to try.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            MeshCommand::Up(up) => up::run(*up).await,
            MeshCommand::Status { state, output } => {
                let json = is_json(output.as_deref())?;
                let status = state.ask(Ask::Status).await?;
                if json {
                    print_json(&status)
                } else {
                    output::result(&render::status(&status, SystemTime::now().into()))
                }
            }
            MeshCommand::Check {
                address,
                state,
                output,
            } => check(address, &state, output.as_deref()).await,
            MeshCommand::Drain { state, undo } => drain(&state, undo).await,
            MeshCommand::Watchdog { log_json } => watchdog(log_json).await,
            MeshCommand::RotateKey { state } => rotate_key(&state).await,
            MeshCommand::Down { state } => down(&state).await,
            MeshCommand::Service => service::print(),
            MeshCommand::Replicas(command) => failover::replicas(&command).await,
            MeshCommand::Failover(command) => failover::failover(&command).await,
            MeshCommand::Events(command) => failover::events(&command).await,
            MeshCommand::Device(args) => device::run(&args).await,
        }
    }
}

async fn check(address: IpAddr, state: &StatePlace, format: Option<&str>) -> Result<(), Failure> {
    let json = is_json(format)?;
    let status = state.ask(Ask::Status).await?;
    let hops = walk(address, status).await.map_err(Failure::failed)?.judge();
    if json {
        print_json(&hops)?;
    } else {
        output::result(&render::hops(&hops))?;
    }
    match hops.iter().find(|hop| !hop.passes) {
        Some(hop) => Err(Failure::because(format!(
            "packets to {address} get stuck at the {}",
            hop.hop
        ))),
        None => Ok(()),
    }
}

/// Asks the node to have itself replaced, and waits until it is.
async fn drain(state: &StatePlace, undo: bool) -> Result<(), Failure> {
    if undo {
        state.ask(Ask::Resume).await?;
        return Ok(());
    }
    state.ask(Ask::Drain).await?;
    let asked = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let status = state.ask(Ask::Status).await?;
        if status.role != Some(Role::Active) {
            return output::result(
                "drained: this node stands by, also after a restart, until `adit mesh drain --undo`\n",
            );
        }
        if asked.elapsed() > HAND_OVER {
            return Err(Failure::because(
                "no other replica has taken over: this node still carries its site's traffic",
            )
            .hint("see why with `adit mesh replicas TUNNEL`; it moves as soon as one can"));
        }
    }
}

/// Asks the node to change its key, and waits until it has.
async fn rotate_key(state: &StatePlace) -> Result<(), Failure> {
    let before = state.ask(Ask::RotateKey).await?.key.map(|key| key.public);
    let asked = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let status = state.ask(Ask::Status).await?;
        let now = status.key.as_ref().map(|key| &key.public);
        if let (Some(before), Some(now)) = (&before, now)
            && before != now
        {
            return output::result(&format!("the node's key is {now} now; before, it was {before}\n"));
        }
        if asked.elapsed() < KEY {
            continue;
        }
        let is_kept = status.key.is_some_and(|key| key.next.is_some());
        return Err(match (is_kept, status.session.connected) {
            (true, false) => {
                Failure::because("the node has no session with the edge now, and keeps its key until it has")
                    .hint("see why with `adit mesh status`; nothing more is to be done")
            }
            (true, true) => Failure::because("the edge has not taken the node's new key yet")
                .hint("the node asks again each minute; the server's log says why"),
            (false, _) => Failure::because("the node keeps its key").hint("its log says why"),
        });
    }
}

/// The process that a node starts beside itself.
async fn watchdog(log_json: bool) -> Result<(), Failure> {
    let format = if log_json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    logging::start("info", format);
    guard().await.map_err(|error| {
        Failure::failed(anyhow::Error::new(error).context("this command is for `adit mesh up` to start"))
    })
}

/// Asks the node to stop, and waits until it has.
async fn down(state: &StatePlace) -> Result<(), Failure> {
    let node = state.ask(Ask::Stop).await?;
    let socket = state.directory()?.socket();
    let asked = Instant::now();
    // The socket goes at the very end, when the host is as it was.
    while socket.exists() {
        if asked.elapsed() > STOP {
            return Err(Failure::because(format!(
                "the node with pid {} has not stopped within 15 s",
                node.pid
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Whether a program reads the output.
fn is_json(format: Option<&str>) -> Result<bool, Failure> {
    match format {
        None => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(Failure::usage(format!("{other:?} is no output format")).hint("--output json")),
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    output::result(&format!("{text}\n"))
}
