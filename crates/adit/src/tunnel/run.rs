//! `tunnel run [TUNNEL]`

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_model::TunnelId;
use adit_wire::{CredentialsFile, TunnelToken};

use super::{
    access::{Access, directories, read_credentials},
    options::{TunnelOptions, path, set},
};
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The tunnel's name or id, if credentials and not a token are used
    #[arg(value_name = "TUNNEL")]
    tunnel: Option<String>,
    /// The tunnel token; better in TUNNEL_TOKEN or a file, for others see the flags of a process
    #[arg(long, value_name = "TOKEN", env = "TUNNEL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with the tunnel token
    #[arg(long, value_name = "FILE", env = "TUNNEL_TOKEN_FILE", hide_env_values = true, value_parser = path())]
    token_file: Option<PathBuf>,
    /// The content of a credentials file
    #[arg(
        long,
        value_name = "JSON",
        env = "TUNNEL_CRED_CONTENTS",
        hide_env_values = true
    )]
    credentials_contents: Option<String>,
}

/// What a connector serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The built-in page.
    HelloWorld,
    /// A server of the user's.
    Url(String),
}

/// Everything a connector is told.
#[derive(Debug)]
pub(crate) struct RunPlan {
    /// The tunnel and its secret.
    pub(crate) token: TunnelToken,
    /// Where the edge is; never empty. The same address may appear several times.
    pub(crate) edge: Vec<String>,
    /// The CA that the edge's certificate must be signed with, instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// What is served.
    pub(crate) origin: Origin,
    /// How many connections are opened, from 1.
    pub(crate) connections: u8,
    /// How often the wait between two dials doubles.
    pub(crate) retries: u32,
    /// How long open requests may finish after a stop signal.
    pub(crate) grace_period: Duration,
    /// What to call this connector beside its id.
    pub(crate) label: Option<String>,
    /// Where `/ready` and `/metrics` listen; the first free port from 20241 on if nobody said.
    pub(crate) metrics: Option<String>,
    /// Where the process id is written once connected.
    pub(crate) pid_file: Option<PathBuf>,
}

pub(super) async fn run(
    command: &Run,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let plan = plan(command, options, personality).await?;
    connect(plan).await
}

async fn connect(plan: RunPlan) -> Result<(), Failure> {
    let _ = plan;
    Err(Failure::because("unwired"))
}

/// Checks everything that can be checked before the first dial.
async fn plan(command: &Run, options: &TunnelOptions, personality: Personality) -> Result<RunPlan, Failure> {
    match options.protocol.as_str() {
        "auto" | "quic" => {}
        "http2" | "h2mux" => {
            return Err(Failure::not_in_this_version("--protocol http2").hint("--protocol quic"));
        }
        other => {
            return Err(Failure::usage(format!("{other:?} is no transport protocol")).hint("--protocol quic"));
        }
    }
    let edge = options.edge_addresses();
    if edge.is_empty() {
        return Err(no_edge(personality));
    }
    if let Some(bad) = edge.iter().find(|address| !is_host_and_port(address)) {
        return Err(Failure::usage(format!(
            "{bad:?} is not the host and port of an edge"
        )));
    }
    let token = token(command, options, personality).await?;
    Ok(RunPlan {
        token,
        edge,
        ca: set(options.cacert.as_ref()).cloned(),
        origin: origin(options)?,
        connections: options.ha_connections,
        retries: options.retries,
        grace_period: options.grace_period,
        label: options.label.clone().filter(|label| !label.is_empty()),
        metrics: options.metrics.clone().filter(|address| !address.is_empty()),
        pid_file: set(options.pidfile.as_ref()).cloned(),
    })
}

/// A secret made for one edge must never go to another, so no edge is assumed.
fn no_edge(personality: Personality) -> Failure {
    match personality {
        Personality::Adit => Failure::usage("no edge to connect to: neither --edge nor TUNNEL_EDGE is set")
            .hint("eval \"$(adit env)\", or --edge HOST:PORT"),
        Personality::Cloudflared => {
            Failure::not_in_this_version("finding an edge by DNS").hint("--edge HOST:PORT")
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn origin(options: &TunnelOptions) -> Result<Origin, Failure> {
    if options.hello_world {
        return Ok(Origin::HelloWorld);
    }
    let url = options
        .url
        .as_deref()
        .filter(|url| !url.is_empty())
        .unwrap_or("http://localhost:8080");
    // As with the stock client, the scheme may be left out.
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let uri: http::Uri = url
        .parse()
        .map_err(|_| Failure::usage(format!("{url:?} is not the URL of an origin")))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(Origin::Url(url)),
        Some(scheme) => Err(Failure::not_in_this_version(format!(
            "an origin with {scheme}://"
        ))),
        None => Err(Failure::usage(format!("{url:?} is not the URL of an origin"))),
    }
}

/// The token; else its file; else credentials: content, named file, or found by the tunnel's id.
async fn token(
    command: &Run,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<TunnelToken, Failure> {
    if let Some(text) = command.token.as_deref().filter(|text| !text.is_empty()) {
        return parse_token(text);
    }
    if let Some(path) = set(command.token_file.as_ref()) {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::failed(
                anyhow::Error::new(error).context(format!("cannot read the token file {}", path.display())),
            )
        })?;
        return parse_token(&text);
    }
    if let Some(text) = command
        .credentials_contents
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        return CredentialsFile::parse(text)
            .map(Into::into)
            .map_err(|error| Failure::usage(format!("the credentials' content cannot be used: {error}")));
    }
    if let Some(path) = set(options.credentials_file.as_ref()) {
        return read_credentials(path).map(Into::into);
    }
    let Some(word) = command.tunnel.as_deref() else {
        return Err(Failure::usage(
            "which tunnel? Neither a token nor credentials nor a tunnel's name or id is given",
        )
        .hint("--token TOKEN, --token-file FILE, --credentials-file FILE, or the tunnel"));
    };
    let (id, login) = match word.parse::<TunnelId>() {
        Ok(id) => (id, set(options.origincert.as_ref()).cloned()),
        Err(_) => {
            let access = Access::open(options, personality)?;
            (access.find(word).await?, Some(access.login_path))
        }
    };
    read_credentials(&find_credentials(id, login.as_deref())?).map(Into::into)
}

fn parse_token(text: &str) -> Result<TunnelToken, Failure> {
    TunnelToken::parse(text).map_err(|error| {
        Failure::usage(format!("the tunnel token cannot be used: {error}"))
            .hint("`tunnel token NAME` prints it")
    })
}

fn find_credentials(id: TunnelId, login: Option<&Path>) -> Result<PathBuf, Failure> {
    let beside = login.and_then(Path::parent).map(Path::to_owned);
    let name = format!("{id}.json");
    beside
        .into_iter()
        .chain(directories())
        .map(|dir| dir.join(&name))
        .find(|path| path.exists())
        .ok_or_else(|| {
            Failure::because(format!(
                "no credentials file {name} beside the login or in the usual places"
            ))
            .hint(format!("`tunnel token --credentials-file {name} {id}` makes one"))
        })
}
