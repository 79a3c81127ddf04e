//! `adit access …`: the client's half of TCP services, as `cloudflared access` has it.
//!
//! [`forward`] carries connections of this machine, or stdin and stdout, inside WebSockets to a public host name. The other
//! commands belong to the vendor's login service: what they can do without it they do, else they say so.

mod application;
mod carrier;
mod debug;
mod forward;
mod headers;
mod listener;
mod logs;
mod relay;
mod stdio;
mod vendor;

use clap::{Args, Subcommand};

use crate::{failure::Failure, personality::Personality};

/// Reach TCP services behind tunnels from this machine
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct AccessArgs {
    /// Taken and not used: it chooses among the vendor's login services
    #[arg(long, hide = true, global = true)]
    fedramp: bool,
    #[command(subcommand)]
    command: AccessCommand,
}

#[derive(Debug, Subcommand)]
enum AccessCommand {
    /// Carry connections, or stdin and stdout, to a TCP service behind a tunnel
    #[command(visible_aliases = ["rdp", "ssh", "smb"])]
    Tcp(Box<forward::Forward>),
    /// Print what ~/.ssh/config needs for a host
    SshConfig(vendor::SshConfig),
    /// Get a short-lived certificate (needs the vendor's login service)
    SshGen(vendor::SshGen),
    /// Log in to an application (needs the vendor's login service)
    Login(vendor::Login),
    /// Run curl with a token of a login (needs the vendor's login service)
    Curl(vendor::Curl),
    /// Print the token of a login (needs the vendor's login service)
    Token(vendor::Token),
}

impl AccessArgs {
    /// Whether it serves many clients.
    pub(crate) fn serves(&self) -> bool {
        matches!(&self.command, AccessCommand::Tcp(forward) if forward.listens())
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Says what is wrong with the command line, or in the way.
    pub(crate) async fn run(self, personality: Personality) -> Result<(), Failure> {
        match self.command {
            AccessCommand::Tcp(forward) => forward.run(personality).await,
            AccessCommand::SshConfig(config) => config.print(personality),
            AccessCommand::SshGen(generate) => generate.run(),
            AccessCommand::Login(login) => login.run(),
            AccessCommand::Curl(curl) => curl.run().await,
            AccessCommand::Token(token) => token.run(),
        }
    }
}
