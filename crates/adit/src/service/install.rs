//! `service install [TOKEN]`

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use adit_wire::TunnelToken;
use clap::Args;

use super::{
    Names, failed, remove_if_there, systemctl,
    unit::{Unit, program},
    variable,
};
use crate::{failure::Failure, output, personality::Personality, tunnel::config_file::ConfigFile};

/// What leads a connector to its edge, if the one who installs it has it set.
const VARIABLES: [&str; 2] = ["TUNNEL_EDGE", "TUNNEL_CACERT"];

#[derive(Debug, Args)]
pub(super) struct Install {
    /// The tunnel token; without it a configuration file names the tunnel and its credentials
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
    /// For scripts: nothing here updates itself
    #[arg(long, hide = true)]
    no_update_service: bool,
    /// Ignored, as by the stock client
    #[arg(hide = true)]
    rest: Vec<String>,
}

/// Looks at the token before anything else.
///
/// # Errors
/// If it is none.
pub(super) fn check(install: &Install) -> Result<(), Failure> {
    let Some(token) = &install.token else {
        return Ok(());
    };
    TunnelToken::parse(token).map(drop).map_err(|error| {
        Failure::because(format!("the tunnel token cannot be used: {error}"))
            .hint("`tunnel token NAME` prints it")
    })
}

/// Writes the files and starts the service.
pub(super) fn run(
    install: &Install,
    config: Option<&PathBuf>,
    names: Names,
    personality: Personality,
) -> Result<(), Failure> {
    let unit_file = names.unit_file();
    if unit_file.exists() {
        return Err(Failure::because(format!(
            "the service is installed already, at {}",
            unit_file.display()
        ))
        .hint("one connector serves many origins by its rules; `service uninstall` makes room for another"));
    }
    make_directory(Path::new(names.directory))?;
    let outcome = match &install.token {
        Some(token) => with_token(token, names, personality),
        None => with_config(config, names, personality),
    };
    if outcome.is_err() {
        // Half a service is none, and a credential that nothing uses is not left behind.
        remove_if_there(&unit_file)?;
        if install.token.is_some() {
            remove_if_there(&names.token_file())?;
        }
    }
    outcome?;
    if install.no_update_service {
        tracing::debug!("--no-update-service says nothing: there is no update service");
    }
    output::note(&format!("{} is installed and started", names.unit()));
    Ok(())
}

fn with_token(token: &str, names: Names, personality: Personality) -> Result<(), Failure> {
    let variables = variables(names, personality, false)?;
    let path = names.token_file();
    write_secret(&path, token).map_err(|error| failed("cannot write", &path, error))?;
    let path = path.display().to_string();
    start(
        names,
        personality,
        &["tunnel", "run", "--token-file", &path],
        &variables,
    )
}

fn with_config(config: Option<&PathBuf>, names: Names, personality: Personality) -> Result<(), Failure> {
    let target = names.config_file();
    let source = ConfigFile::path(config)
        .or_else(|| target.exists().then(|| target.clone()))
        .ok_or_else(|| {
            Failure::because("neither a token is given, nor is a configuration file in the usual places")
                .hint("`service install TOKEN`, or --config FILE before `service`")
        })?;
    let file = ConfigFile::read_at(source.clone())?;
    let has = |name: &str| {
        file.flags
            .iter()
            .any(|flag| flag.name == name && !flag.values.is_empty())
    };
    if file.tunnel.is_none() || !has("credentials-file") {
        return Err(Failure::because(format!(
            "{} does not say which tunnel to run (tunnel: ID) with which credentials (credentials-file: FILE)",
            source.display()
        )));
    }
    let variables = variables(names, personality, has("edge"))?;
    if source != target {
        if target.exists() {
            return Err(Failure::because(format!(
                "{} is there already, and is not {}",
                target.display(),
                source.display()
            ))
            .hint(format!(
                "remove it, or install with it: --config {} service install",
                target.display()
            )));
        }
        fs::copy(&source, &target).map_err(|error| failed("cannot write", &target, error))?;
    }
    let path = target.display().to_string();
    let arguments = match personality {
        Personality::Cloudflared => ["--config", &path, "tunnel", "run"],
        Personality::Adit => ["tunnel", "--config", &path, "run"],
    };
    start(names, personality, &arguments, &variables)
}

/// The variables of whoever installs that the service is to have.
fn variables(names: Names, personality: Personality, edge_in_file: bool) -> Result<Vec<String>, Failure> {
    let found: Vec<String> = VARIABLES
        .iter()
        .filter_map(|name| Some(format!("{name}={}", variable(name)?.into_string().ok()?)))
        .collect();
    let has_edge = edge_in_file || found.iter().any(|variable| variable.starts_with("TUNNEL_EDGE="));
    match personality {
        Personality::Adit if !has_edge => Err(Failure::usage(format!(
            "{} would have no edge to connect to: TUNNEL_EDGE is not set",
            names.unit()
        ))
        .hint("eval \"$(adit env)\", or TUNNEL_EDGE=HOST:PORT before the command")),
        Personality::Adit | Personality::Cloudflared => Ok(found),
    }
}

fn start(
    names: Names,
    personality: Personality,
    arguments: &[&str],
    variables: &[String],
) -> Result<(), Failure> {
    let mut words = match personality {
        Personality::Cloudflared => vec!["--no-autoupdate"],
        Personality::Adit => Vec::new(),
    };
    words.extend(arguments);
    let program = program();
    let unit = Unit {
        program: &program,
        arguments: &words,
        variables,
    };
    let path = names.unit_file();
    make_directory(Path::new(super::UNITS))?;
    fs::write(&path, unit.text()).map_err(|error| failed("cannot write", &path, error))?;
    let unit = names.unit();
    systemctl(&["enable", &unit])?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["start", &unit])
}

fn make_directory(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|error| failed("cannot make", path, error))
}

/// Readable by its owner only, also if it was there before.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
