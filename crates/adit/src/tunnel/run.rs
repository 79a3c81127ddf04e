//! `tunnel run [TUNNEL]`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use adit_connector::{ConnectorConfig, EdgeAddress};
use adit_model::TunnelId;
use adit_net::tls::TrustAnchors;
use adit_wire::{CredentialsFile, TunnelToken};

use super::{
    access::{Access, directories, read_credentials},
    connect::{self, RunPlan},
    options::{TunnelOptions, path, set},
};
use crate::{config::LogFormat, failure::Failure, logging, open_files, personality::Personality};

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

/// Starts logging, checks everything that can be checked before the first dial, and serves.
pub(super) async fn run(
    command: &Run,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    start_logging(options);
    open_files::raise_limit();
    connect::serve(plan(command, options, personality).await?).await
}

fn start_logging(options: &TunnelOptions) {
    let format = match options.log_format() {
        Some("json") => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let level = match options.loglevel.as_str() {
        "fatal" => Some("error"),
        "debug" | "info" | "warn" | "error" => Some(options.loglevel.as_str()),
        _ => None,
    };
    logging::start(level.unwrap_or("info"), format);
    if level.is_none() {
        tracing::error!(loglevel = options.loglevel, "no such log level; taking info");
    }
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
    let edges = options.edge_addresses();
    if edges.is_empty() {
        return Err(no_edge(personality));
    }
    let edges: Result<Vec<EdgeAddress>, _> = edges.iter().map(|address| address.parse()).collect();
    let edges = edges.map_err(Failure::usage)?;
    let ingress = options.origin.ingress()?;
    let trust = match set(options.cacert.as_ref()) {
        Some(path) => trust(path)?,
        None => TrustAnchors::System,
    };
    let token = token(command, options, personality).await?;
    let config = ConnectorConfig {
        ha_connections: options.ha_connections,
        grace_period: options.grace_period,
        tags: options.tag.clone(),
        bind_address: options.edge_bind_address,
        reported_flags: reported(options),
        ..ConnectorConfig::new(token, edges, trust, ingress)
    };
    Ok(RunPlan {
        config,
        metrics: options.metrics.clone().filter(|address| !address.is_empty()),
        pid_file: set(options.pidfile.as_ref()).cloned(),
    })
}

fn trust(path: &Path) -> Result<TrustAnchors, Failure> {
    let pem = fs::read(path).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot read the edge's CA {}", path.display())),
        )
    })?;
    TrustAnchors::from_pem(&pem).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot use the edge's CA {}", path.display())),
        )
    })
}

/// The flags that the edge is told of; none of them holds a secret.
fn reported(options: &TunnelOptions) -> BTreeMap<String, serde_json::Value> {
    let mut flags = BTreeMap::from([
        ("ha-connections".to_owned(), options.ha_connections.into()),
        ("loglevel".to_owned(), options.loglevel.clone().into()),
        ("protocol".to_owned(), options.protocol.clone().into()),
        (
            "grace-period".to_owned(),
            format!("{}s", options.grace_period.as_secs()).into(),
        ),
    ]);
    if let Some(label) = options.label.as_ref().filter(|label| !label.is_empty()) {
        flags.insert("label".to_owned(), label.clone().into());
    }
    flags
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
