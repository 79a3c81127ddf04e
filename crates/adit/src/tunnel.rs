//! `adit tunnel …`: the commands of the stock client, with its names, variables, requests and output shapes.
//!
//! Flags of `tunnel` may stand before or after the sub-command. Flags are parsed in [`options`] and [`stock_flags`];
//! each sub-command has a module of its own.

pub(crate) mod access;
mod ad_hoc;
mod cleanup;
pub(crate) mod config_file;
pub(crate) mod config_flags;
mod connect;
mod create;
mod delete;
mod diag;
mod edge_flags;
mod format;
pub(crate) mod hostname_routes;
mod info;
mod ingress;
mod list;
mod log_flags;
mod management_flags;
mod networks;
mod objects;
pub(crate) mod options;
mod origin_flags;
mod plan;
mod prechecks;
mod private_flags;
mod quick;
mod ready;
pub(crate) mod render;
mod route;
mod rules_file;
mod run;
mod stdin_control;
mod stock_flags;
mod token;
mod vnet;
mod yaml;

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::{failure::Failure, login::Login, personality::Personality};
use ad_hoc::AdHocFlags;
use options::TunnelOptions;
use stock_flags::StockFlags;

/// Makes, lists, runs and deletes tunnels, as `cloudflared tunnel` does. Of a flag that is given twice the last one counts.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, args_override_self = true)]
pub(crate) struct TunnelArgs {
    #[command(flatten)]
    options: TunnelOptions,
    #[command(flatten)]
    _stock: StockFlags,
    #[command(flatten)]
    ad_hoc: AdHocFlags,
    #[command(subcommand)]
    command: Option<TunnelCommand>,
}

#[derive(Debug, Subcommand)]
enum TunnelCommand {
    /// Write the login certificate that the other commands go by
    Login(Login),
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
    /// Collect what explains a connector on this machine
    Diag(diag::Diag),
    /// Delete tunnels
    Delete(delete::Delete),
    /// Close the connections of tunnels
    Cleanup(cleanup::Cleanup),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

impl TunnelArgs {
    /// Whether this goes on until it is stopped, and has traffic to carry.
    pub(crate) fn serves(&self) -> bool {
        match &self.command {
            Some(command) => matches!(command, TunnelCommand::Run(_)),
            None => self.ad_hoc.serves(&self.options),
        }
    }
}

/// Runs one sub-command.
pub(crate) async fn run(args: TunnelArgs, personality: Personality) -> Result<(), Failure> {
    let options = args.options;
    match args.command {
        Some(TunnelCommand::Create(command)) => create::run(&command, &options, personality).await,
        Some(TunnelCommand::List(command)) => list::run(&command, &options, personality).await,
        Some(TunnelCommand::Info(command)) => info::run(&command, &options, personality).await,
        Some(TunnelCommand::Token(command)) => token::run(&command, &options, personality).await,
        Some(TunnelCommand::Route(command)) => route::run(&command, &options, personality).await,
        Some(TunnelCommand::Ingress(command)) => ingress::run(&command, &options),
        Some(TunnelCommand::Vnet(command)) => vnet::run(&command, &options, personality).await,
        Some(TunnelCommand::Run(command)) => run::run(&command, &options, &args.ad_hoc, personality).await,
        Some(TunnelCommand::Login(command)) => {
            let (url, ca) = (options.api_url.as_deref(), options.cacert.as_ref());
            command.run(url, ca, personality).await
        }
        Some(TunnelCommand::Diag(command)) => diag::run(&command, &options, personality).await,
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
        None => ad_hoc::run(&args.ad_hoc, &options, personality).await,
    }
}

fn not_known(word: &str) -> Failure {
    match word {
        "proxy-dns" => Failure::because(NO_PROXY_DNS),
        "db-connect" => Failure::usage(NO_DB_CONNECT),
        _ => Failure::misuse(format!("`tunnel` has no command {word:?}")).hint("`tunnel --help` lists them"),
    }
}

/// What is said of a part that the stock client has lost.
pub(crate) const NO_DB_CONNECT: &str = "`db-connect` is no more: the stock client lost it, too";
/// As [`NO_DB_CONNECT`].
pub(crate) const NO_PROXY_DNS: &str =
    "`proxy-dns` is no more: the stock client lost it with 2026.2.0, and this one never had it";
