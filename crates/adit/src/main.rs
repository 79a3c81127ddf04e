//! Adit: a self-hosted Cloudflare Tunnel in one binary. This crate reads the command line and wires the parts.
//!
//! Start with [`Command`], the commands. What they are told is in [`config`]; where they keep state in [`data_dir`].

mod access;
mod admin;
mod allocator;
#[cfg(feature = "server")]
mod backup;
mod command_line;
#[cfg(feature = "server")]
mod compose;
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "a connector has fewer settings")
)]
mod config;
#[cfg(feature = "server")]
mod conformance;
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "a server writes what others only read")
)]
mod data_dir;
mod environment;
mod failure;
mod hosts;
mod local_http;
mod logging;
mod login;
mod management;
#[cfg(feature = "server")]
mod management_key;
#[cfg(feature = "server")]
mod mesh;
mod open_files;
mod output;
mod personality;
mod recorder;
mod rest;
mod runtime;
mod server;
mod service;
mod signals;
mod systemd;
mod tail;
mod tunnel;
mod update;
mod version;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    environment::Place,
    failure::Failure,
    personality::Personality,
    runtime::{on_all_cores, one_shot},
    server::{BackupArgs, ManagementKeyArgs, MeshArgs, RestoreArgs, ServerFlags, UpFlags},
    tunnel::TunnelArgs,
};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// Self-hosted Cloudflare Tunnel: API, edge and connector in one binary.
#[derive(Debug, Parser)]
#[command(name = "adit", version, propagate_version = false, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Adit {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Try it:
  adit up                      then, in a second shell:
  eval \"$(adit env)\"           and use cloudflared, SDKs, Terraform or `adit tunnel` as ever";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process on this machine
    Up(Box<UpFlags>),
    /// Run the production server
    Server(Box<ServerFlags>),
    /// Make, list, run and delete tunnels, as `cloudflared tunnel` does
    Tunnel(Box<TunnelArgs>),
    /// Reach TCP services behind tunnels from this machine
    #[command(alias = "forward")]
    Access(Box<access::AccessArgs>),
    /// Ask for an API and a token, and write the login certificate that commands go by
    Login(login::LoginArgs),
    /// Print the log lines of a connector as it writes them
    Tail(Box<tail::Tail>),
    /// Get a token for a tunnel's management service
    Management(management::ManagementArgs),
    /// Join sites by packets: a node, its state, devices
    Mesh(MeshArgs),
    /// Lead private host names to tunnels
    Route(tunnel::hostname_routes::RouteArgs),
    /// Make, list and delete accounts
    Account(admin::account::AccountArgs),
    /// Make, list, pause and delete zones: the domains of public host names
    Zone(admin::zone::ZoneArgs),
    /// Make, list, roll and delete API tokens
    Token(admin::token::TokenArgs),
    /// Copy everything durable into one file, while Adit runs or not
    Backup(BackupArgs),
    /// Make a data directory from a file of `adit backup`
    Restore(RestoreArgs),
    /// Print the `export` lines that point official tools here
    Env(Place),
    /// Print lines for /etc/hosts
    Hosts(Place),
    /// Rotate the key that signs management tokens
    ManagementKey(ManagementKeyArgs),
    /// Run a connector as a system service
    Service(service::ServiceArgs),
    /// Say how this program is updated
    #[command(hide = true)]
    Update(update::Update),
    #[command(hide = true)]
    ProxyDns(update::AnyWords),
    #[command(hide = true)]
    DbConnect(update::AnyWords),
    /// Print the version
    Version(version::Version),
}

/// `cloudflared`, as far as Adit replaces it.
#[derive(Debug, Parser)]
#[command(name = "cloudflared", version = version::AFTER_NAME, disable_version_flag = true, disable_help_subcommand = true)]
struct Cloudflared {
    #[command(subcommand)]
    command: CloudflaredCommand,
    /// Print the version
    #[arg(long, short = 'v', visible_short_alias = 'V', action = clap::ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum CloudflaredCommand {
    /// Make, list, run and delete tunnels
    Tunnel(Box<TunnelArgs>),
    /// Reach TCP services behind tunnels from this machine
    #[command(alias = "forward")]
    Access(Box<access::AccessArgs>),
    /// Ask for an API and a token, and write the login certificate that commands go by
    Login(login::LoginArgs),
    /// Print the log lines of a connector as it writes them
    Tail(Box<tail::Tail>),
    /// Get a token for a tunnel's management service
    Management(management::ManagementArgs),
    /// Run a connector as a system service
    Service(service::ServiceArgs),
    /// Say how this program is updated
    Update(update::Update),
    #[command(hide = true)]
    ProxyDns(update::AnyWords),
    #[command(hide = true)]
    DbConnect(update::AnyWords),
    /// Print the version
    Version(version::Version),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let personality = Personality::of(arguments.first());
    let command = match parse(arguments, personality) {
        Ok(command) => command,
        Err(code) => return code,
    };
    // Only fails if a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = run(command, personality);
    logging::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&failure.to_string());
            failure.exit_code(personality)
        }
    }
}

fn parse(arguments: Vec<OsString>, personality: Personality) -> Result<Command, ExitCode> {
    match personality {
        Personality::Adit => command_line::parse(arguments, personality).map(|adit: Adit| adit.command),
        Personality::Cloudflared => {
            let parsed: Cloudflared = command_line::parse(arguments, personality)?;
            Ok(match parsed.command {
                CloudflaredCommand::Tunnel(args) => Command::Tunnel(args),
                CloudflaredCommand::Access(args) => Command::Access(args),
                CloudflaredCommand::Login(args) => Command::Login(args),
                CloudflaredCommand::Tail(tail) => Command::Tail(tail),
                CloudflaredCommand::Management(args) => Command::Management(args),
                CloudflaredCommand::Service(args) => Command::Service(args),
                CloudflaredCommand::Update(update) => Command::Update(update),
                CloudflaredCommand::ProxyDns(words) => Command::ProxyDns(words),
                CloudflaredCommand::DbConnect(words) => Command::DbConnect(words),
                CloudflaredCommand::Version(version) => Command::Version(version),
            })
        }
    }
}

fn run(command: Command, personality: Personality) -> Result<(), Failure> {
    match command {
        Command::Up(flags) => server::up(*flags),
        Command::Server(flags) => server::server(*flags),
        Command::Tunnel(args) if args.serves() => on_all_cores(tunnel::run(*args, personality)),
        Command::Tunnel(args) => one_shot(tunnel::run(*args, personality)),
        Command::Access(args) if args.serves() => on_all_cores(args.run(personality)),
        Command::Access(args) => one_shot(args.run(personality)),
        Command::Login(args) => one_shot(args.run(personality)),
        Command::Tail(tail) => one_shot(tail.run(personality)),
        Command::Management(args) => one_shot(args.run(personality)),
        Command::Mesh(args) => server::mesh(args),
        Command::Route(args) => one_shot(args.run(personality)),
        Command::Account(args) => one_shot(admin::account::run(&args)),
        Command::Zone(args) => one_shot(admin::zone::run(&args)),
        Command::Token(args) => one_shot(admin::token::run(&args)),
        Command::Backup(args) => server::backup(&args),
        Command::Restore(args) => server::restore(&args),
        Command::Env(place) => environment::print(&place),
        Command::Hosts(place) => one_shot(hosts::print(&place)),
        Command::ManagementKey(args) => server::management_key(&args),
        Command::Service(args) => service::run(&args, personality),
        Command::Update(update) => {
            update.run(personality);
            Ok(())
        }
        Command::ProxyDns(words) => words.no_proxy_dns(),
        Command::DbConnect(words) => words.no_db_connect(),
        Command::Version(version) => version.print(personality),
    }
}
