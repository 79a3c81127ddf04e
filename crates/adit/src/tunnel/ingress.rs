//! `tunnel ingress …`: what the rules of a configuration do, without running them.

use adit_core::ingress::{HostMatch, Ingress as Rules, IngressError, Rule};
use http::Uri;

use super::{config_file::ConfigFile, options::TunnelOptions};
use crate::{failure::Failure, output};

#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Ingress {
    #[command(subcommand)]
    command: IngressCommand,
}

#[derive(Debug, clap::Subcommand)]
enum IngressCommand {
    /// Check the rules of the configuration file
    Validate(Validate),
    /// Show which rule serves a URL
    Rule(Which),
}

#[derive(Debug, clap::Args)]
struct Validate {
    /// A configuration as JSON, instead of the file
    #[arg(
        long,
        short = 'j',
        value_name = "JSON",
        env = "TUNNEL_INGRESS_VALIDATE_JSON",
        hide_env_values = true
    )]
    json: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The URL of a request
    #[arg(value_name = "URL")]
    url: String,
}

pub(super) fn run(ingress: &Ingress, options: &TunnelOptions) -> Result<(), Failure> {
    match &ingress.command {
        IngressCommand::Validate(command) => validate(command, options),
        IngressCommand::Rule(command) => which(command, options),
    }
}

fn validate(command: &Validate, options: &TunnelOptions) -> Result<(), Failure> {
    let given = command.json.as_deref().filter(|json| !json.is_empty());
    let unused = match given {
        Some(json) => {
            output::result("Validating rules from cmdline flag --json\n")?;
            read(json.as_bytes())?;
            Vec::new()
        }
        None => {
            let file = ConfigFile::read(options)?;
            output::result(&format!("Validating rules from {}\n", file.path.display()))?;
            read(&file.json)?;
            file.unused
        }
    };
    if options.origin.names_an_origin() {
        return Err(Failure::because(
            "--url (or TUNNEL_URL) and ingress rules exclude each other",
        ));
    }
    if unused.is_empty() {
        return output::result("OK\n");
    }
    let lines: String = unused.iter().map(|key| format!("  {key}\n")).collect();
    output::result(&format!(
        "Warning: nothing uses these keys of the configuration:\n{lines}"
    ))
}

fn which(command: &Which, options: &TunnelOptions) -> Result<(), Failure> {
    let url = &command.url;
    let parsed: Uri = url
        .parse()
        .map_err(|_| Failure::because(format!("{url} is not a URL")))?;
    if parsed.scheme().is_none() {
        return Err(Failure::because(format!("{url} has no scheme")).hint(format!("https://{url}")));
    }
    let file = ConfigFile::read(options)?;
    output::result(&format!("Using rules from {}\n", file.path.display()))?;
    let rules = read(&file.json)?;
    let matched = rules.find(parsed.host().unwrap_or_default(), parsed.path());
    output::result(&format!(
        "Matched rule #{}\n{}",
        matched.index,
        lines(matched.rule)
    ))
}

fn read(json: &[u8]) -> Result<Rules, Failure> {
    Rules::from_json(json).map_err(|error| {
        let has_none = matches!(error, IngressError::NoRules);
        let failure = Failure::failed(anyhow::Error::new(error).context("the rules are not valid"));
        if has_none {
            failure.hint("rules stand below `ingress:`; the last one has a service and nothing else")
        } else {
            failure
        }
    })
}

/// A rule, a line each for what it has.
fn lines(rule: &Rule) -> String {
    let hostname = match &rule.hostname {
        HostMatch::Any => String::new(),
        hostname @ (HostMatch::Star | HostMatch::Exact { .. } | HostMatch::Below { .. }) => {
            format!("\thostname: {hostname}\n")
        }
    };
    let path = rule
        .path
        .as_ref()
        .map_or(String::new(), |path| format!("\tpath: {}\n", path.as_str()));
    format!("{hostname}{path}\tservice: {}\n", rule.service)
}
