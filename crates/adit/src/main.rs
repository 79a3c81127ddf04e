//! Adit: a self-hosted Cloudflare Tunnel in one binary. This crate reads the command line and wires the parts.
//!
//! Start with [`Command`], the commands. What they are told is in [`config`]; where they keep state in [`data_dir`].

mod admin;
mod allocator;
mod backup;
mod compose;
mod config;
mod conformance;
mod data_dir;
mod environment;
mod failure;
mod hosts;
mod local_http;
mod logging;
mod management;
mod management_key;
mod mesh;
mod open_files;
mod output;
mod personality;
mod recorder;
mod rest;
mod signals;
mod tail;
mod tunnel;
mod version;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{Role, ServerFlags, UpFlags},
    environment::Place,
    failure::Failure,
    management_key::ManagementKeyArgs,
    personality::Personality,
    tunnel::TunnelArgs,
};

/// Requests allocate small things in one thread and free them in another, which this one is made for: see
/// docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Print the log lines of a connector as it writes them
    Tail(Box<tail::Tail>),
    /// Get a token for a tunnel's management service
    Management(management::ManagementArgs),
    /// Join sites by packets: a node, its state, devices
    Mesh(mesh::MeshArgs),
    /// Lead private host names to tunnels
    Route(tunnel::hostname_routes::RouteArgs),
    /// Make, list and delete accounts
    Account(admin::account::AccountArgs),
    /// Make, list, pause and delete zones: the domains of public host names
    Zone(admin::zone::ZoneArgs),
    /// Make, list, roll and delete API tokens
    Token(admin::token::TokenArgs),
    /// Copy everything durable into one file, while Adit runs or not
    Backup(backup::BackupArgs),
    /// Make a data directory from a file of `adit backup`
    Restore(backup::RestoreArgs),
    /// Print the `export` lines that point official tools here
    Env(Place),
    /// Print lines for /etc/hosts
    Hosts(Place),
    /// Rotate the key that signs management tokens
    ManagementKey(ManagementKeyArgs),
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
    /// Print the log lines of a connector as it writes them
    Tail(Box<tail::Tail>),
    /// Get a token for a tunnel's management service
    Management(management::ManagementArgs),
    /// Print the version
    Version(version::Version),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let personality = Personality::of(arguments.first());
    let command = match parse(arguments, personality) {
        Ok(command) => command,
        Err(error) => {
            // A reader that went away is no failure, even of a help text.
            let _ = error.print();
            return ExitCode::from(personality.exit_code(&error));
        }
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

fn parse(arguments: Vec<OsString>, personality: Personality) -> Result<Command, clap::Error> {
    let arguments = personality.habits(arguments);
    match personality {
        Personality::Adit => Adit::try_parse_from(arguments).map(|adit| adit.command),
        Personality::Cloudflared => {
            let parsed = Cloudflared::try_parse_from(arguments)?;
            Ok(match parsed.command {
                CloudflaredCommand::Tunnel(args) => Command::Tunnel(args),
                CloudflaredCommand::Tail(tail) => Command::Tail(tail),
                CloudflaredCommand::Management(args) => Command::Management(args),
                CloudflaredCommand::Version(version) => Command::Version(version),
            })
        }
    }
}

fn run(command: Command, personality: Personality) -> Result<(), Failure> {
    match command {
        Command::Up(flags) => {
            let settings = flags.settings()?;
            compose::run(compose::Plan {
                role: Role::Up,
                settings,
                demo: !flags.no_demo,
                reread: flags
                    .has_file()
                    .then(|| -> compose::Reread { Box::new(move || flags.settings()) }),
            })
        }
        Command::Server(flags) => {
            let settings = flags.settings()?;
            if flags.conformance {
                return conformance::run(&settings);
            }
            compose::run(compose::Plan {
                role: Role::Server,
                settings,
                demo: false,
                reread: Some(Box::new(move || flags.settings())),
            })
        }
        Command::Tunnel(args) if args.serves() => compose::on_all_cores(tunnel::run(*args, personality)),
        Command::Tunnel(args) => one_shot(tunnel::run(*args, personality)),
        Command::Tail(tail) => one_shot(tail.run(personality)),
        Command::Management(args) => one_shot(args.run(personality)),
        Command::Mesh(args) if args.serves() => compose::on_all_cores(args.run()),
        Command::Mesh(args) => one_shot(args.run()),
        Command::Route(args) => one_shot(args.run(personality)),
        Command::Account(args) => one_shot(admin::account::run(&args)),
        Command::Zone(args) => one_shot(admin::zone::run(&args)),
        Command::Token(args) => one_shot(admin::token::run(&args)),
        Command::Backup(args) => one_shot(args.run()),
        Command::Restore(args) => one_shot(args.run()),
        Command::Env(place) => environment::print(&place),
        Command::Hosts(place) => one_shot(hosts::print(&place)),
        Command::ManagementKey(args) => management_key::run(&args),
        Command::Version(version) => version.print(personality),
    }
}

/// Runs a command that makes a few requests and ends.
fn one_shot(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot start")))?;
    runtime.block_on(command)
}
