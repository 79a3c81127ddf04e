//! The flags of `tunnel` that mean something here. Names, variables and defaults are the stock client's.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{
    config_file::ConfigFile, edge_flags::EdgeFlags, log_flags::LogFlags, management_flags::ManagementFlags,
    origin_flags::OriginFlags, private_flags::PrivateFlags,
};
use crate::config::GoDuration;

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
    /// The connector's configuration file, for `run` and `ingress`
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
    #[command(flatten)]
    pub(super) edges: EdgeFlags,
    #[command(flatten)]
    pub(super) private: PrivateFlags,
    #[command(flatten)]
    pub(super) management: ManagementFlags,
    /// How many connections to open
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        default_value_t = 4,
        allow_negative_numbers = true,
        help_heading = "Connector"
    )]
    ha_connections: i64,
    /// How long open requests may finish after a stop signal; at most 3m
    #[arg(long, global = true, value_name = "TIME", env = "TUNNEL_GRACE_PERIOD", hide_env_values = true, default_value = "30s", value_parser = go_duration, help_heading = "Connector")]
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
    pub(super) edge_bind_address: Option<String>,
    /// A header Cf-Warp-Tag-NAME for origins; repeatable
    #[arg(
        long,
        global = true,
        value_name = "NAME=VALUE",
        env = "TUNNEL_TAG",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Connector"
    )]
    pub(super) tag: Vec<String>,
    /// Take commands on stdin: `reconnect [TIME]` breaks one connection
    #[arg(
        long,
        global = true,
        hide = true,
        env = "STDIN_CONTROL",
        hide_env_values = true
    )]
    pub(super) stdin_control: bool,
    #[command(flatten)]
    pub(super) log: LogFlags,
}

impl TunnelOptions {
    /// How many connections to hold: at least one.
    pub(super) fn ha_connections(&self) -> u8 {
        u8::try_from(self.ha_connections.max(1)).unwrap_or(u8::MAX)
    }

    /// The tunnel that the configuration file names, if there is such a file.
    pub(super) fn tunnel_of_file(&self) -> Option<String> {
        let file = ConfigFile::path(self.config.as_ref())?;
        ConfigFile::read_at(file).ok()?.tunnel
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
}

/// An empty variable stands for no path; who uses the path leaves empty ones out. `~/` stands for the home directory.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|text| expanded(PathBuf::from(text), home()))
}

/// The home directory, if one is set.
pub(super) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
}

/// A path with the home directory filled in. A shell does that for an argument of its own; not for `--flag=~/x`, nor for
/// what stands in a variable or a file.
fn expanded(path: PathBuf, home: Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if path.starts_with("~") => home.join(rest),
        _ => path,
    }
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

/// What is to be a header's end and its value.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match text.split_once('=') {
        Some((name, value))
            if !name.is_empty()
                && name.bytes().all(is_token)
                && !value.is_empty()
                && !value.contains(char::is_control) =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("a tag is NAME=VALUE, to be sent as a header".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_directory() {
        let home = || Some(PathBuf::from("/home/ada"));
        for (text, means) in [
            ("~/.cloudflared/a.json", "/home/ada/.cloudflared/a.json"),
            ("~ada/a.json", "~ada/a.json"),
            ("/etc/~/a.json", "/etc/~/a.json"),
            ("a.json", "a.json"),
        ] {
            assert_eq!(expanded(PathBuf::from(text), home()), PathBuf::from(means));
        }
        assert_eq!(expanded(PathBuf::from("~/a"), None), PathBuf::from("~/a"));
    }

    #[test]
    fn a_tag_is_what_a_header_can_carry() {
        assert_eq!(tag("a-b=c=d"), Ok(("a-b".to_owned(), "c=d".to_owned())));
        for bad in ["", "a", "=b", "a b=c", "a=", "a=b\nc"] {
            assert!(tag(bad).is_err(), "{bad:?}");
        }
    }
}
