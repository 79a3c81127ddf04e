//! `adit mesh`: the node that joins a site to the mesh, and devices.

mod device;
mod render;
mod service;
mod up;

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use adit_mesh::node::{Ask, NodeStatus, StateDir, ask, walk};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{failure::Failure, output};

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
    /// Stop the node on this host
    Down {
        #[command(flatten)]
        state: StatePlace,
    },
    /// Print a unit file for systemd
    Service,
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
                    output::result(&render::status(&status))
                }
            }
            MeshCommand::Check {
                address,
                state,
                output,
            } => check(address, &state, output.as_deref()).await,
            MeshCommand::Down { state } => down(&state).await,
            MeshCommand::Service => service::print(),
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
