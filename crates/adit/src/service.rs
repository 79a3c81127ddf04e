//! `service install [TOKEN]`, `service uninstall`: the connector under systemd. Called as `cloudflared`, names and places are
//! the stock client's, so that either program can take over from the other.

mod install;
mod unit;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, Subcommand};

use crate::{failure::Failure, output, personality::Personality, tunnel::options::path};

/// Runs a connector as a system service.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ServiceArgs {
    /// The connector's configuration file, if there is no token
    #[arg(long, global = true, value_name = "FILE", value_parser = path())]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Install and start the service
    Install(install::Install),
    /// Stop and remove the service
    Uninstall,
}

/// How a service is called, and where its files are.
#[derive(Debug, Clone, Copy)]
struct Names {
    /// Without `.service`.
    unit: &'static str,
    /// Its configuration and its token.
    directory: &'static str,
}

impl Names {
    const fn of(personality: Personality) -> Self {
        match personality {
            Personality::Adit => Self {
                unit: "adit-connector",
                directory: "/etc/adit-connector",
            },
            Personality::Cloudflared => Self {
                unit: "cloudflared",
                directory: "/etc/cloudflared",
            },
        }
    }

    fn unit(self) -> String {
        format!("{}.service", self.unit)
    }

    fn unit_file(self) -> PathBuf {
        Path::new(UNITS).join(self.unit())
    }

    fn token_file(self) -> PathBuf {
        Path::new(self.directory).join("token")
    }

    fn config_file(self) -> PathBuf {
        Path::new(self.directory).join("config.yml")
    }
}

const UNITS: &str = "/etc/systemd/system";
/// There where systemd runs the machine.
const SYSTEMD: &str = "/run/systemd/system";
/// The stock client's own update, which would put the stock client in this program's place.
const UPDATE_UNITS: [&str; 2] = ["cloudflared-update.timer", "cloudflared-update.service"];

/// Runs the command.
pub(crate) fn run(args: &ServiceArgs, personality: Personality) -> Result<(), Failure> {
    let names = Names::of(personality);
    match &args.command {
        ServiceCommand::Install(install) => {
            install::check(install)?;
            need_systemd(names)?;
            install::run(install, args.config.as_ref(), names, personality)
        }
        ServiceCommand::Uninstall => {
            need_systemd(names)?;
            uninstall(names)
        }
    }
}

fn need_systemd(names: Names) -> Result<(), Failure> {
    if !Path::new(SYSTEMD).exists() {
        return Err(Failure::because(
            "systemd does not run this machine, and services of others are not in this version",
        )
        .hint("have your init system run `tunnel run --token-file FILE`"));
    }
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(Failure::because(format!("only root may change the service {}", names.unit())).hint("sudo"))
    }
}

fn uninstall(names: Names) -> Result<(), Failure> {
    let unit = names.unit();
    let updates = UPDATE_UNITS.iter().filter(|_| names.unit == "cloudflared");
    let installed: Vec<&str> = updates
        .copied()
        .chain([unit.as_str()])
        .filter(|unit| Path::new(UNITS).join(unit).exists())
        .collect();
    if installed.is_empty() {
        output::note(&format!("{unit} is not installed"));
    }
    for unit in &installed {
        systemctl(&["disable", unit])?;
        systemctl(&["stop", unit])?;
        let path = Path::new(UNITS).join(unit);
        std::fs::remove_file(&path).map_err(|error| failed("cannot remove", &path, error))?;
    }
    if !installed.is_empty() {
        systemctl(&["daemon-reload"])?;
    }
    remove_if_there(&names.token_file())?;
    if !installed.is_empty() {
        output::note(&format!("{unit} is stopped and removed"));
    }
    Ok(())
}

/// Runs `systemctl`.
fn systemctl(words: &[&str]) -> Result<(), Failure> {
    let line = format!("systemctl {}", words.join(" "));
    let outcome = Command::new("systemctl").args(words).output().map_err(|error| {
        Failure::failed(anyhow::Error::new(error).context(format!("cannot run `{line}`")))
    })?;
    if outcome.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    Err(Failure::because(format!(
        "`{line}` ended with {}: {}",
        outcome.status,
        said.trim()
    )))
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("cannot remove", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Failure {
    Failure::failed(anyhow::Error::new(error).context(format!("{what} {}", path.display())))
}

/// A variable that says something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
