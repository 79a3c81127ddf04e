//! What belongs to the vendor's login service, as far as it can be had without it.

use std::{os::unix::process::CommandExt, path::PathBuf};

use super::application::Application;
use crate::{failure::Failure, output, personality::Personality};

/// Nobody here logs people in.
fn no_login_service(what: &str) -> Failure {
    Failure::because(format!(
        "{what} needs a login with the vendor's access service, and Adit has none"
    ))
    .hint("a proxy before the edge that logs people in, or a service token: see docs/access.md")
}

/// `access ssh-config`
#[derive(Debug, clap::Args)]
pub(super) struct SshConfig {
    /// The public host name of the SSH server
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// With certificates that live shortly
    #[arg(long)]
    short_lived_cert: bool,
}

impl SshConfig {
    /// Prints it.
    pub(super) fn print(&self, personality: Personality) -> Result<(), Failure> {
        if self.short_lived_cert {
            return Err(no_login_service("a short-lived certificate"));
        }
        let host = self.hostname.as_deref().filter(|host| !host.is_empty());
        let host = host.unwrap_or("[your hostname]");
        let home = std::env::var("HOME").unwrap_or_default();
        let program = std::env::current_exe().ok();
        let program = program.filter(|path| path.is_file());
        let program = program.unwrap_or_else(|| PathBuf::from(personality.program()));
        output::result(&format!(
            "\nAdd to your {home}/.ssh/config:\nHost {host}\n  ProxyCommand {} access ssh --hostname %h\n\n",
            program.display()
        ))
    }
}

/// `access ssh-gen`
#[derive(Debug, clap::Args)]
pub(super) struct SshGen {
    /// The public host name of the SSH server
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
}

impl SshGen {
    /// Says why there is none.
    pub(super) fn run(&self) -> Result<(), Failure> {
        application(self.hostname.as_deref())?;
        Err(no_login_service("a short-lived certificate"))
    }
}

/// `access login`
#[derive(Debug, clap::Args)]
pub(super) struct Login {
    /// The application's URL
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// The application's URL
    #[arg(long, value_name = "URL")]
    app: Option<String>,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    no_verbose: bool,
    #[arg(long, hide = true)]
    auto_close: bool,
}

impl Login {
    /// Says why there is none.
    pub(super) fn run(&self) -> Result<(), Failure> {
        application(self.url.as_deref().or(self.app.as_deref()))?;
        Err(no_login_service("an application behind `access login`"))
    }
}

/// `access token`
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    /// The application's URL
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// The application's URL
    #[arg(long, value_name = "URL")]
    app: Option<String>,
}

impl Token {
    /// Says why there is none.
    pub(super) fn run(&self) -> Result<(), Failure> {
        application(self.url.as_deref().or(self.app.as_deref()))?;
        Err(no_login_service("a token of an application"))
    }
}

/// `access curl [--allow-request | -ar] URL [curl's arguments…]`
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Curl {
    /// The URL and what else curl is to be told; `--allow-request` before it asks without a token
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Curl {
    /// Runs curl, if a request without a token will do.
    #[expect(clippy::unused_async, reason = "commands are futures")]
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let (words, allowed) = match &self.words[..] {
            [first, rest @ ..] if first == "--allow-request" || first == "-ar" => (rest, true),
            words => (words, false),
        };
        let url = words.first().map(String::as_str);
        if !url.is_some_and(|url| url.contains("://")) {
            return Err(Failure::because("the first argument of `access curl` is a URL"));
        }
        application(url)?;
        if !allowed {
            return Err(no_login_service("a request with a token").hint(
                "--allow-request before the URL asks without one; a service token goes into the headers \
                 Cf-Access-Client-Id and Cf-Access-Client-Secret",
            ));
        }
        output::note("there is no token: the request goes without one");
        let error = std::process::Command::new("curl").args(words).exec();
        Err(Failure::failed(
            anyhow::Error::new(error).context("cannot run curl"),
        ))
    }
}

fn application(text: Option<&str>) -> Result<Application, Failure> {
    Application::parse(text.unwrap_or_default()).map_err(Failure::because)
}
