//! `adit mesh up`

use std::{
    ffi::OsString,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_mesh::{
    node::{
        HookCommands, HostOptions, LanOptions, LanProbe, Node, NodeError, NodeOptions, StandbyOptions,
        watchdog::WatchdogCommand,
    },
    way::Timing,
};
use adit_model::{SecretDigest, TunnelKey};
use adit_net::tls::TrustAnchors;
use adit_wire::{
    TunnelToken,
    mesh::{RefusalCode, USUAL_PRIORITY},
};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{StatePlace, service};
use crate::{
    config::{Directives, GoDuration, LogFormat},
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
    /// How often UDP is tried while packets go by QUIC or TLS, since it is blocked
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = probe)]
    udp_probe: Duration,
    /// Of the site's replicas, the one with the highest number carries its traffic when one must be chosen
    #[arg(long, value_name = "NUMBER", env = "ADIT_MESH_PRIORITY", hide_env_values = true, default_value_t = USUAL_PRIORITY)]
    priority: u32,
    /// The interface to the site: without a carrier there, another replica takes over
    #[arg(long, value_name = "NAME", env = "ADIT_MESH_LAN_INTERFACE", hide_env_values = true, value_parser = interface)]
    lan_interface: Option<String>,
    /// A host of the site's LAN, such as its router or switch: if it is silent there, another replica takes over; repeatable
    #[arg(
        long,
        value_name = "IP",
        env = "ADIT_MESH_LAN_TARGET",
        hide_env_values = true,
        value_delimiter = ','
    )]
    lan_target: Vec<IpAddr>,
    /// icmp:IP or tcp:IP:PORT: if it is not answered, another replica takes over; repeatable
    #[arg(
        long,
        value_name = "PROBE",
        env = "ADIT_MESH_LAN_PROBE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    lan_probe: Vec<LanProbe>,
    /// A command for /bin/sh when this node begins to carry its site's traffic; ADIT_VIPS, ADIT_REMOTE_PREFIXES and others tell it more
    #[arg(
        long,
        value_name = "COMMAND",
        env = "ADIT_MESH_ON_ACTIVE",
        hide_env_values = true
    )]
    on_active: Option<String>,
    /// A command for /bin/sh when it ceases to, or starts without
    #[arg(
        long,
        value_name = "COMMAND",
        env = "ADIT_MESH_ON_PASSIVE",
        hide_env_values = true
    )]
    on_passive: Option<String>,
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

fn probe(text: &str) -> Result<Duration, String> {
    let GoDuration(time) = text.parse().map_err(|error| format!("{text:?} {error}"))?;
    let allowed = Duration::from_secs(2)..=Duration::from_secs(3600);
    if allowed.contains(&time) {
        Ok(time)
    } else {
        Err("expected a time from 2s to 1h".to_owned())
    }
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
        ways: Timing {
            probe_every: up.udp_probe,
            ..Timing::default()
        },
        standby: standby(&up),
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

/// How the node takes part in who carries its site's traffic.
fn standby(up: &Up) -> StandbyOptions {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    StandbyOptions {
        priority: up.priority,
        lan: LanOptions {
            interface: up.lan_interface.clone(),
            targets: up.lan_target.clone(),
            probes: up.lan_probe.clone(),
        },
        hooks: HookCommands {
            on_active: set(&up.on_active),
            on_passive: set(&up.on_passive),
        },
        // The very program that runs, even if its file has been replaced since.
        watchdog: Some(WatchdogCommand {
            program: "/proc/self/exe".into(),
            arguments: ["mesh", "watchdog"]
                .into_iter()
                .chain(up.log_json.then_some("--log-json"))
                .map(OsString::from)
                .collect(),
        }),
    }
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
