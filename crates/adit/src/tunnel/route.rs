//! `tunnel route …`: what leads to a tunnel.

pub(super) mod dns;
mod ip;
mod lb;

use std::ffi::OsString;

use super::options::TunnelOptions;
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Route {
    #[command(subcommand)]
    command: RouteCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RouteCommand {
    /// Make a CNAME record that points to the tunnel
    Dns(dns::Dns),
    /// Let a load balancer's pool use the tunnel; make both if they are missing
    Lb(lb::Lb),
    /// Private networks that a tunnel leads to
    Ip(ip::Ip),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Leads a host name to a tunnel, through a pool of a load balancer if one is named.
pub(super) async fn to_hostname(
    (tunnel, hostname, pool): (&str, &str, Option<&str>),
    overwrite_dns: bool,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    match pool {
        Some(pool) => lb::run(&lb::Lb::new(tunnel, hostname, pool), options, personality).await,
        None => {
            let command = dns::Dns::new(tunnel, hostname, overwrite_dns);
            dns::run(&command, options, personality).await
        }
    }
}

pub(super) async fn run(
    route: &Route,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    match &route.command {
        RouteCommand::Dns(command) => dns::run(command, options, personality).await,
        RouteCommand::Lb(command) => lb::run(command, options, personality).await,
        RouteCommand::Ip(command) => ip::run(command, options, personality).await,
        RouteCommand::Other(words) => {
            let word = words
                .first()
                .map(|word| word.to_string_lossy())
                .unwrap_or_default();
            Err(
                Failure::no_command(format!("`tunnel route` has no command {word:?}"))
                    .hint("tunnel route dns, lb or ip"),
            )
        }
    }
}
