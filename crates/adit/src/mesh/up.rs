//! `adit mesh up`

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use adit_mesh::node::{HostOptions, Node, NodeError, NodeOptions};
use adit_model::{SecretDigest, TunnelKey};
use adit_net::tls::TrustAnchors;
use adit_wire::{TunnelToken, mesh::RefusalCode};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{StatePlace, service};
use crate::{
    config::{Directives, LogFormat},
    failure::Failure,
    logging,
    signals::StopSignals,
};

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    state: StatePlace,
    /// The token of the site's tunnel; better in MESH_NODE_TOKEN, TUNNEL_TOKEN or a file, for others see the flags of a process
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// A file with the token
    #[arg(long, value_name = "FILE", env = "TUNNEL_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
    /// Where the edge is; repeatable, or a comma-separated list [default: where this node joined before]
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "TUNNEL_EDGE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    edge: Vec<String>,
    /// The CA that signed the edge's certificate, instead of the system's
    #[arg(long, value_name = "FILE", env = "TUNNEL_CACERT", hide_env_values = true)]
    cacert: Option<PathBuf>,
    /// The name of the interface to make
    #[arg(long, value_name = "NAME", default_value = HostOptions::INTERFACE, value_parser = interface)]
    interface: String,
    /// The routing table to use; nobody else's
    #[arg(long, value_name = "NUMBER", default_value_t = HostOptions::TABLE, value_parser = table)]
    table: u32,
    /// The firewall mark of the tunnel's own packets, which the table is not for
    #[arg(long, value_name = "NUMBER", default_value_t = HostOptions::TABLE, value_parser = clap::value_parser!(u32).range(1..))]
    fwmark: u32,
    /// The place of the routing rule; below 32766, that of the main table
    #[arg(long, value_name = "NUMBER", default_value_t = HostOptions::PRIORITY, value_parser = clap::value_parser!(u32).range(1..32766))]
    rule_priority: u32,
    /// Give packets from the mesh this host's own address, so that its site needs no way back [default: off; on in containers]
    #[arg(long, value_name = "BOOL", env = "SRCNAT_ENABLED", hide_env_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    snat: Option<bool>,
    /// The largest packet for the tunnel, in bytes [default: what the edge says]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1280..))]
    mtu: Option<u16>,
    /// error, warn, info, debug, trace, or directives such as info,adit_mesh=debug
    #[arg(long, value_name = "LEVEL", env = "ADIT_LOG_LEVEL", hide_env_values = true, default_value = "info", value_parser = Directives::read)]
    log_level: Directives,
    /// Write log lines as JSON
    #[arg(long)]
    log_json: bool,
}

fn interface(text: &str) -> Result<String, &'static str> {
    let fits = (1..=15).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !matches!(text, "." | "..");
    fits.then(|| text.to_owned())
        .ok_or("an interface's name has 1 to 15 letters, digits, dots, dashes or underscores")
}

fn table(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(0 | 253..=255) | Err(_) => {
            Err("a table is a number that is not one of the kernel's: 0 and 253 to 255")
        }
        Ok(number) => Ok(number),
    }
}

/// Runs until a signal, or `adit mesh down`, stops it.
pub(super) async fn run(up: Up) -> Result<(), Failure> {
    let format = if up.log_json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    logging::start(&up.log_level.0, format);
    let variable = |name: &str| std::env::var_os(name);
    let options = NodeOptions {
        state: up.state.directory()?,
        token: token(&up, variable)?,
        edges: up
            .edge
            .iter()
            .map(|edge| edge.trim().to_owned())
            .filter(|edge| !edge.is_empty())
            .collect(),
        trust: match &up.cacert {
            Some(path) if !path.as_os_str().is_empty() => trust(path)?,
            _ => TrustAnchors::System,
        },
        host: HostOptions {
            interface: up.interface.clone(),
            table: up.table,
            mark: up.fwmark,
            priority: up.rule_priority,
            snat: up.snat.unwrap_or_else(|| is_container(variable)),
        },
        mtu: up.mtu,
        version: env!("CARGO_PKG_VERSION"),
        ssh_connection: std::env::var("SSH_CONNECTION").ok(),
    };
    for edge in &options.edges {
        edge.parse::<adit_wire::mesh::Endpoint>()
            .map_err(|error| Failure::usage(format!("{edge:?} is no address of an edge: {error}")))?;
    }
    let mut signals = StopSignals::listen()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot listen for signals")))?;
    let node = Node::start(options).await.map_err(explained)?;
    service::notify("READY=1");
    let stop = CancellationToken::new();
    let mut running = std::pin::pin!(node.run(stop.clone()));
    let left = tokio::select! {
        ended = &mut running => ended,
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            service::notify("STOPPING=1");
            stop.cancel();
            running.await
        }
    };
    for setting in left.map_err(explained)? {
        tracing::info!(
            setting = setting.name,
            value = setting.to,
            before = setting.from,
            "left as it is: others may rely on it"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// The flag; a variable; the file.
fn token(
    up: &Up,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<(TunnelKey, SecretDigest)>, Failure> {
    let from_variables = ["MESH_NODE_TOKEN", "TUNNEL_TOKEN"].into_iter().find_map(|name| {
        variable(name)
            .and_then(|text| text.into_string().ok())
            .filter(|text| !text.is_empty())
    });
    let named = up.token.clone().filter(|text| !text.is_empty());
    let file = up.token_file.as_ref().filter(|path| !path.as_os_str().is_empty());
    let text = match (named.or(from_variables), file) {
        (Some(text), _) => text,
        (None, Some(path)) => fs::read_to_string(path).map_err(|error| {
            Failure::failed(
                anyhow::Error::new(error).context(format!("cannot read the token file {}", path.display())),
            )
        })?,
        (None, None) => return Ok(None),
    };
    let token = TunnelToken::parse(&text).map_err(|error| {
        Failure::usage(format!("the tunnel token cannot be used: {error}"))
            .hint("GET /accounts/ID/warp_connector/ID/token gives it")
    })?;
    Ok(Some((token.tunnel, token.secret.digest())))
}

fn trust(path: &Path) -> Result<TrustAnchors, Failure> {
    let unusable = |error: anyhow::Error| {
        Failure::failed(error.context(format!("cannot use the edge's CA {}", path.display())))
    };
    let pem = fs::read(path).map_err(|error| unusable(error.into()))?;
    TrustAnchors::from_pem(&pem).map_err(|error| unusable(error.into()))
}

/// Whether this is a container, as their makers mark them.
fn is_container(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("container").is_some()
        || ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|path| Path::new(path).exists())
}

/// A node that cannot run, with what to try.
fn explained(error: NodeError) -> Failure {
    let hint = match &error {
        NodeError::NotPermitted => Some("sudo adit mesh up …; in a container: --cap-add NET_ADMIN"),
        NodeError::NoTun => Some("modprobe tun; in a container: --device /dev/net/tun"),
        NodeError::NoSite(_) => {
            Some("--token TOKEN, --token-file FILE, MESH_NODE_TOKEN, or the --state-dir of before")
        }
        NodeError::NoEdge => Some("--edge HOST:PORT, or TUNNEL_EDGE"),
        NodeError::Host(adit_mesh::node::HostError::TakenInterface(_)) => {
            Some("--interface NAME with another name")
        }
        NodeError::State(adit_mesh::node::StateError::InUse { .. }) => Some(
            "adit mesh down, or another --state-dir, --interface, --table and --fwmark for a second node",
        ),
        NodeError::Refused { code, .. } => refusal(*code),
        NodeError::Device { .. }
        | NodeError::Link(_)
        | NodeError::Keys
        | NodeError::State(_)
        | NodeError::Host(_)
        | NodeError::Trust(_)
        | NodeError::Socket { .. } => None,
    };
    let wrong_usage = matches!(error, NodeError::NoSite(_) | NodeError::NoEdge);
    let failure = if wrong_usage {
        Failure::usage(error)
    } else {
        Failure::failed(error)
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn refusal(code: RefusalCode) -> Option<&'static str> {
    match code {
        RefusalCode::TunnelNotFound => {
            Some("make the tunnel, or use the token of one that exists and another --state-dir")
        }
        RefusalCode::BadSecret => Some("the tunnel's secret was changed: use its token of now"),
        RefusalCode::NotSite => {
            Some("this is the token of a `cloudflared` tunnel: `adit tunnel run` serves it")
        }
        RefusalCode::NotLinked => Some("this host was unlinked: start it with the tunnel's token"),
        RefusalCode::BadSignature | RefusalCode::TakenId | RefusalCode::TakenKey | RefusalCode::WeakKey => {
            Some("the state directory was copied or replaced: start with an empty one and the token")
        }
        RefusalCode::TooMany
        | RefusalCode::NoAddress
        | RefusalCode::Misbehaved
        | RefusalCode::Unavailable
        | RefusalCode::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_that_the_kernel_does_not_take_are_refused() {
        assert!(
            interface("adit0").is_ok()
                && interface("a\"b").is_err()
                && interface("sixteen-letters-x").is_err()
        );
        assert!(table("44311").is_ok() && table("254").is_err() && table("0").is_err());
    }
}
