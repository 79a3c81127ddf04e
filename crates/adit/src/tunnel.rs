//! `adit tunnel …`: the commands of the stock client, with its names, variables, requests and output shapes.
//!
//! Flags of `tunnel` may stand before or after the sub-command. Flags are parsed in [`options`] and [`stock_flags`];
//! each sub-command has a module of its own.

pub(crate) mod access;
mod cleanup;
mod connect;
mod create;
mod delete;
pub(crate) mod hostname_routes;
mod info;
mod ingress;
mod list;
mod networks;
mod objects;
pub(crate) mod options;
mod origin_flags;
mod ready;
mod render;
mod route;
mod run;
mod stock_flags;
mod token;
mod vnet;

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::{failure::Failure, personality::Personality};
use options::TunnelOptions;
use stock_flags::StockFlags;

/// Makes, lists, runs and deletes tunnels, as `cloudflared tunnel` does.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct TunnelArgs {
    #[command(flatten)]
    options: TunnelOptions,
    #[command(flatten)]
    stock: StockFlags,
    /// Without a command: make, route and run the tunnel of that name
    #[arg(
        long,
        short,
        hide = true,
        value_name = "NAME",
        env = "TUNNEL_NAME",
        hide_env_values = true
    )]
    name: Option<String>,
    #[command(subcommand)]
    command: Option<TunnelCommand>,
}

#[derive(Debug, Subcommand)]
enum TunnelCommand {
    /// Make a tunnel and write its credentials file
    Create(create::Create),
    /// List tunnels
    List(list::List),
    /// Show a tunnel's connectors
    Info(info::Info),
    /// Print the token that runs a tunnel
    Token(token::Token),
    /// Send requests for a host name to a tunnel
    Route(route::Route),
    /// Check the rules of a configuration file
    Ingress(ingress::Ingress),
    /// Make, list, change and delete virtual networks
    #[command(alias = "network")]
    Vnet(vnet::Vnet),
    /// Serve a tunnel from this machine
    Run(run::Run),
    /// Tell whether a connector on this machine is connected
    Ready,
    /// Delete tunnels
    Delete(delete::Delete),
    /// Close the connections of tunnels
    Cleanup(cleanup::Cleanup),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

impl TunnelArgs {
    /// Whether this goes on until it is stopped, and has traffic to carry.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self.command, Some(TunnelCommand::Run(_)))
    }
}

/// Runs one sub-command.
pub(crate) async fn run(args: TunnelArgs, personality: Personality) -> Result<(), Failure> {
    args.stock.refuse_what_is_not_built()?;
    let options = args.options;
    if !matches!(args.command, Some(TunnelCommand::Ingress(_))) {
        options.refuse_config()?;
    }
    match args.command {
        Some(TunnelCommand::Create(command)) => create::run(&command, &options, personality).await,
        Some(TunnelCommand::List(command)) => list::run(&command, &options, personality).await,
        Some(TunnelCommand::Info(command)) => info::run(&command, &options, personality).await,
        Some(TunnelCommand::Token(command)) => token::run(&command, &options, personality).await,
        Some(TunnelCommand::Route(command)) => route::run(&command, &options, personality).await,
        Some(TunnelCommand::Ingress(command)) => ingress::run(&command, &options),
        Some(TunnelCommand::Vnet(command)) => vnet::run(&command, &options, personality).await,
        Some(TunnelCommand::Run(command)) => run::run(&command, &options, personality).await,
        Some(TunnelCommand::Ready) => ready::run(&options).await,
        Some(TunnelCommand::Delete(command)) => delete::run(&command, &options, personality).await,
        Some(TunnelCommand::Cleanup(command)) => cleanup::run(&command, &options, personality).await,
        Some(TunnelCommand::Other(words)) => {
            let word = words
                .first()
                .map(|word| word.to_string_lossy())
                .unwrap_or_default();
            Err(not_known(&word))
        }
        None if args.name.is_some_and(|name| !name.is_empty()) => {
            Err(Failure::not_in_this_version("`tunnel --name` without a command")
                .hint("`tunnel create NAME`, `tunnel route dns NAME HOSTNAME`, then `tunnel run NAME`"))
        }
        None if options.origin.names_an_origin() => Err(Failure::not_in_this_version(
            "a quick tunnel (`tunnel --url` without `run`)",
        )
        .hint("make a tunnel with `tunnel create`, then `tunnel run --url …`")),
        None => Err(Failure::usage("`tunnel` needs a command").hint("`tunnel --help` lists them")),
    }
}

fn not_known(word: &str) -> Failure {
    match word {
        "login" | "diag" => Failure::not_in_this_version(format!("`tunnel {word}`")),
        _ => Failure::usage(format!("`tunnel` has no command {word:?}")).hint("`tunnel --help` lists them"),
    }
}
