//! `tunnel route …`: what leads to a tunnel.

mod dns;
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
            Err(Failure::usage(format!("`tunnel route` has no command {word:?}"))
                .hint("tunnel route dns, lb or ip"))
        }
    }
}
