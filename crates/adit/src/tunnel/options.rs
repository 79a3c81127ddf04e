//! The flags of `tunnel` that mean something here. Names, variables and defaults are the stock client's.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::origin_flags::OriginFlags;
use crate::config::{GoDuration, GracePeriod};

/// Flags of `tunnel`; each may stand before or after the sub-command.
#[derive(Debug, Clone, Args)]
pub(crate) struct TunnelOptions {
    /// The API's URL, ending in /client/v4
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TUNNEL_API_URL",
        hide_env_values = true
    )]
    pub(super) api_url: Option<String>,
    /// The certificate of a login (cert.pem)
    #[arg(long, global = true, value_name = "FILE", env = "TUNNEL_ORIGIN_CERT", hide_env_values = true, value_parser = path())]
    pub(super) origincert: Option<PathBuf>,
    /// Tunnels that one page of a list holds
    #[arg(
        long,
        global = true,
        hide = true,
        value_name = "COUNT",
        env = "TUNNEL_MAX_FETCH_SIZE",
        hide_env_values = true
    )]
    pub(super) max_fetch_size: Option<u32>,
    /// The tunnel's credentials file, to read or to write
    #[arg(long, alias = "cred-file", global = true, value_name = "FILE", env = "TUNNEL_CRED_FILE", hide_env_values = true, value_parser = path())]
    pub(super) credentials_file: Option<PathBuf>,
    /// The connector's configuration file, for `ingress`
    #[arg(long, global = true, hide = true, value_name = "FILE", value_parser = path())]
    pub(super) config: Option<PathBuf>,
    /// json for programs; with `run`, how log lines are written (default, json)
    #[arg(long, short, global = true, value_name = "FORMAT")]
    pub(super) output: Option<String>,
    /// Read from its variable only: for results the flag counts alone.
    #[arg(
        long,
        hide = true,
        global = true,
        env = "TUNNEL_LOG_OUTPUT",
        hide_env_values = true
    )]
    log_output: Option<String>,
    #[command(flatten)]
    pub(super) origin: OriginFlags,

    /// Where the edge is; repeatable, or a comma-separated list
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "TUNNEL_EDGE",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Connector"
    )]
    pub(super) edge: Vec<String>,
    /// The CA that signed the edge's certificate, instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "TUNNEL_CACERT", hide_env_values = true, value_parser = path(), help_heading = "Connector")]
    pub(super) cacert: Option<PathBuf>,
    /// auto or quic
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        env = "TUNNEL_TRANSPORT_PROTOCOL",
        hide_env_values = true,
        default_value = "auto",
        help_heading = "Connector"
    )]
    pub(super) protocol: String,
    /// How many connections to open
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..), help_heading = "Connector")]
    pub(super) ha_connections: u8,
    /// How long open requests may finish after a stop signal; at most 3m
    #[arg(long, global = true, value_name = "TIME", env = "TUNNEL_GRACE_PERIOD", hide_env_values = true, default_value = "30s", value_parser = grace_period, help_heading = "Connector")]
    pub(super) grace_period: Duration,
    /// What to call this connector beside its id
    #[arg(long, global = true, value_name = "TEXT", help_heading = "Connector")]
    pub(super) label: Option<String>,
    /// Where /ready and /metrics listen [default: the first free of localhost:20241 to 20245]
    #[arg(
        long,
        global = true,
        value_name = "ADDR",
        env = "TUNNEL_METRICS",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    pub(super) metrics: Option<String>,
    /// A file to write the process id to, once connected
    #[arg(long, global = true, value_name = "FILE", env = "TUNNEL_PIDFILE", hide_env_values = true, value_parser = path(), help_heading = "Connector")]
    pub(super) pidfile: Option<PathBuf>,
    /// The local address to dial the edge from
    #[arg(
        long,
        global = true,
        value_name = "IP",
        env = "TUNNEL_EDGE_BIND_ADDRESS",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    pub(super) edge_bind_address: Option<IpAddr>,
    /// A header Cf-Warp-Tag-NAME for origins; repeatable
    #[arg(long, global = true, value_name = "NAME=VALUE", env = "TUNNEL_TAG", hide_env_values = true, value_delimiter = ',', value_parser = tag, help_heading = "Connector")]
    pub(super) tag: Vec<(String, String)>,
    /// debug, info, warn, error or fatal
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "TUNNEL_LOGLEVEL",
        hide_env_values = true,
        default_value = "info",
        help_heading = "Connector"
    )]
    pub(super) loglevel: String,
}

impl TunnelOptions {
    /// # Errors
    /// If a configuration file is named to a command that would go by its flags.
    pub(super) fn refuse_config(&self) -> Result<(), crate::failure::Failure> {
        match set(self.config.as_ref()) {
            Some(_) => Err(crate::failure::Failure::not_in_this_version("--config")),
            None => Ok(()),
        }
    }

    /// How log lines are written, by flag or variable.
    pub(super) fn log_format(&self) -> Option<&str> {
        self.output.as_deref().or(self.log_output.as_deref())
    }

    /// The edge addresses, without the empty items of a list.
    pub(super) fn edge_addresses(&self) -> Vec<String> {
        self.edge
            .iter()
            .map(|item| item.trim())
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// How results are written.
    pub(super) fn result_format(&self) -> Result<ResultFormat, crate::failure::Failure> {
        use crate::failure::Failure;
        match self.output.as_deref() {
            None | Some("" | "default") => Ok(ResultFormat::Table),
            Some("json") => Ok(ResultFormat::Json),
            Some("yaml") => Err(Failure::not_in_this_version("--output yaml").hint("--output json")),
            Some(other) => {
                Err(Failure::usage(format!("{other:?} is no output format")).hint("--output json"))
            }
        }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// An empty variable stands for no path; who uses the path leaves empty ones out.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A path that is set and not empty.
pub(crate) fn set(path: Option<&PathBuf>) -> Option<&PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// A span of time as the stock client writes it.
pub(super) fn go_duration(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(|GoDuration(time)| time)
        .map_err(|error| format!("{text:?} {error}"))
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a tag is NAME=VALUE".to_owned()),
    }
}

fn grace_period(text: &str) -> Result<Duration, String> {
    let time = go_duration(text)?;
    if time > GracePeriod::MAX {
        Err("the longest is 3m".to_owned())
    } else {
        Ok(time)
    }
}
