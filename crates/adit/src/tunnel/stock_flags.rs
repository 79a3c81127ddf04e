//! The stock client's flags that change nothing here. Scripts, service files and configuration files that set them go on
//! working; their values are read as the stock client reads them, so that a slip is told. docs/connector-flags.md says of
//! each why it changes nothing.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser};

use super::options::go_duration;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Switch,
    Whole,
    Time,
    Text,
}

/// A flag: its name, its alias or nothing, its variable or nothing.
struct Flag(Kind, &'static str, &'static str, &'static str);

use Kind::{Switch, Text, Time, Whole};

const IDLE: &[Flag] = &[
    // There is no self-update.
    Flag(Switch, "no-autoupdate", "", "NO_AUTOUPDATE"),
    Flag(Time, "autoupdate-freq", "", ""),
    Flag(Switch, "is-autoupdated", "", ""),
    // The stock client, too, does nothing with these.
    Flag(Switch, "ui", "", ""),
    Flag(Switch, "use-reconnect-token", "", "TUNNEL_USE_RECONNECT_TOKEN"),
    Flag(Whole, "compression-quality", "", "TUNNEL_COMPRESSION_LEVEL"),
    Flag(Time, "dial-edge-timeout", "", "DIAL_EDGE_TIMEOUT"),
    Flag(Time, "heartbeat-interval", "", ""),
    Flag(Whole, "heartbeat-count", "", ""),
    Flag(Time, "metrics-update-freq", "", "TUNNEL_METRICS_UPDATE_FREQ"),
    Flag(Time, "proxy-connection-timeout", "", ""),
    Flag(Time, "proxy-expect-continue-timeout", "", ""),
    Flag(Text, "proxy-address", "", "TUNNEL_PROXY_ADDRESS"),
    Flag(Whole, "proxy-port", "", "TUNNEL_PROXY_PORT"),
    Flag(Text, "api-key", "", "TUNNEL_API_KEY"),
    Flag(Text, "api-email", "", "TUNNEL_API_EMAIL"),
    Flag(Text, "api-ca-key", "", "TUNNEL_API_CA_KEY"),
    Flag(Switch, "proxy-dns", "", ""),
    Flag(Whole, "proxy-dns-port", "", ""),
    Flag(Text, "proxy-dns-address", "", ""),
    Flag(Text, "proxy-dns-upstream", "", ""),
    Flag(Whole, "proxy-dns-max-upstream-conns", "", ""),
    Flag(Text, "proxy-dns-bootstrap", "", ""),
    Flag(Switch, "ssh-server", "", "TUNNEL_SSH_SERVER"),
    Flag(Text, "local-ssh-port", "", "LOCAL_SSH_PORT"),
    Flag(Time, "ssh-idle-timeout", "", "SSH_IDLE_TIMEOUT"),
    Flag(Time, "ssh-max-timeout", "", "SSH_MAX_TIMEOUT"),
    Flag(Text, "bucket-name", "", ""),
    Flag(Text, "region-name", "", ""),
    Flag(Text, "secret-id", "", ""),
    Flag(Text, "access-key-id", "", ""),
    Flag(Text, "session-token", "", ""),
    Flag(Text, "s3-url-host", "", ""),
    Flag(Text, "host-key-path", "", ""),
    // A trace for the tools of another language.
    Flag(Text, "trace-output", "", "TUNNEL_TRACE_OUTPUT"),
    // Dials go on as long as the process does, and transports tune themselves: docs/connector.md.
    Flag(Whole, "retries", "", "TUNNEL_RETRIES"),
    Flag(Time, "rpc-timeout", "", ""),
    Flag(
        Switch,
        "quic-disable-pmtu-discovery",
        "",
        "TUNNEL_DISABLE_QUIC_PMTU",
    ),
    Flag(
        Whole,
        "quic-connection-level-flow-control-limit",
        "",
        "TUNNEL_QUIC_CONN_LEVEL_FLOW_CONTROL_LIMIT",
    ),
    Flag(
        Whole,
        "quic-stream-level-flow-control-limit",
        "",
        "TUNNEL_QUIC_STREAM_LEVEL_FLOW_CONTROL_LIMIT",
    ),
];

/// The flags are known to the parser; nobody asks what they were set to.
#[derive(Debug, Clone, Default)]
pub(super) struct StockFlags;

impl Flag {
    fn arg(&self) -> Arg {
        let Self(kind, name, alias, variable) = *self;
        // Apart from the ids of the commands' own arguments, such as `id`.
        let mut arg = Arg::new(format!("stock {name}"))
            .long(name)
            .global(true)
            .hide(true);
        if !alias.is_empty() {
            arg = arg.alias(alias);
        }
        if !variable.is_empty() {
            arg = arg.env(variable).hide_env_values(true);
        }
        match kind {
            Switch => arg.action(ArgAction::SetTrue),
            Whole => arg
                .action(ArgAction::Append)
                .allow_negative_numbers(true)
                .value_parser(clap::value_parser!(i64)),
            Time => arg
                .action(ArgAction::Append)
                .value_parser(ValueParser::new(go_duration)),
            Text => arg
                .action(ArgAction::Append)
                .value_parser(ValueParser::os_string()),
        }
    }
}

impl Args for StockFlags {
    fn augment_args(command: Command) -> Command {
        command.args(IDLE.iter().map(Flag::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StockFlags {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}
