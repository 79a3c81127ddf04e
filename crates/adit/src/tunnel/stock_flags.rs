//! The stock client's other flags: those that change nothing here, and those of parts that are not built yet.
//!
//! Scripts and service files that set the former go on working. The latter are refused, because to ignore them would
//! run something else than was asked for.

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches,
    builder::{BoolishValueParser, ValueParser},
    parser::ValueSource,
};

use crate::failure::Failure;

/// A flag: its name, its alias or nothing, its variable or nothing.
struct Flag(&'static str, &'static str, &'static str);

/// Switches that change nothing: there is no self-update, no precheck and no management service here.
const IDLE_SWITCHES: &[Flag] = &[
    Flag("no-autoupdate", "", "NO_AUTOUPDATE"),
    Flag("is-autoupdated", "", ""),
    Flag("no-prechecks", "", "TUNNEL_NO_PRECHECKS"),
    Flag("management-diagnostics", "", "TUNNEL_MANAGEMENT_DIAGNOSTICS"),
    Flag("quic-disable-pmtu-discovery", "", "TUNNEL_DISABLE_QUIC_PMTU"),
    Flag("use-reconnect-token", "", "TUNNEL_USE_RECONNECT_TOKEN"),
    Flag("ui", "", ""),
];

/// Values that change nothing: of such a part, or tuning for a transport that tunes itself.
const IDLE_VALUES: &[Flag] = &[
    Flag("autoupdate-freq", "", ""),
    Flag("retries", "", "TUNNEL_RETRIES"),
    Flag("management-hostname", "", "TUNNEL_MANAGEMENT_HOSTNAME"),
    Flag("service-op-ip", "", "TUNNEL_SERVICE_OP_IP"),
    Flag(
        "transport-loglevel",
        "proto-loglevel",
        "TUNNEL_TRANSPORT_LOGLEVEL",
    ),
    Flag("trace-output", "", "TUNNEL_TRACE_OUTPUT"),
    Flag("edge-ip-version", "", "TUNNEL_EDGE_IP_VERSION"),
    Flag("metrics-update-freq", "", "TUNNEL_METRICS_UPDATE_FREQ"),
    Flag("compression-quality", "", "TUNNEL_COMPRESSION_LEVEL"),
    Flag("rpc-timeout", "", ""),
    Flag("write-stream-timeout", "", "TUNNEL_STREAM_WRITE_TIMEOUT"),
    Flag("max-edge-addr-retries", "", ""),
    Flag(
        "quic-connection-level-flow-control-limit",
        "",
        "TUNNEL_QUIC_CONN_LEVEL_FLOW_CONTROL_LIMIT",
    ),
    Flag(
        "quic-stream-level-flow-control-limit",
        "",
        "TUNNEL_QUIC_STREAM_LEVEL_FLOW_CONTROL_LIMIT",
    ),
    Flag("dial-edge-timeout", "", ""),
    Flag("heartbeat-interval", "", ""),
    Flag("heartbeat-count", "", ""),
    Flag("proxy-connection-timeout", "", ""),
    Flag("proxy-expect-continue-timeout", "", ""),
    Flag("features", "", ""),
    Flag("icmpv4-src", "", "TUNNEL_ICMPV4_SRC"),
    Flag("icmpv6-src", "", "TUNNEL_ICMPV6_SRC"),
    Flag("max-active-flows", "", "TUNNEL_MAX_ACTIVE_FLOWS"),
    Flag("dns-resolver-addrs", "", "TUNNEL_DNS_RESOLVER_ADDRS"),
];

const LATER_SWITCHES: &[Flag] = &[
    Flag("post-quantum", "pq", "TUNNEL_POST_QUANTUM"),
    Flag("socks5", "", "TUNNEL_SOCKS"),
    Flag("no-chunked-encoding", "", "TUNNEL_NO_CHUNKED_ENCODING"),
    Flag("http2-origin", "", "TUNNEL_ORIGIN_ENABLE_HTTP2"),
    Flag("bastion", "", "TUNNEL_BASTION"),
];

const LATER_VALUES: &[Flag] = &[
    Flag("logfile", "", "TUNNEL_LOGFILE"),
    Flag("log-directory", "", "TUNNEL_LOGDIRECTORY"),
    Flag("region", "", "TUNNEL_REGION"),
    Flag("hostname", "", "TUNNEL_HOSTNAME"),
    Flag("lb-pool", "", "TUNNEL_LB_POOL"),
    Flag("quick-service", "", ""),
    Flag("proxy-address", "", "TUNNEL_PROXY_ADDRESS"),
    Flag("proxy-port", "", "TUNNEL_PROXY_PORT"),
];

/// What was given of these flags.
#[derive(Debug, Clone, Default)]
pub(super) struct StockFlags {
    later: Vec<String>,
}

impl StockFlags {
    /// # Errors
    /// If a flag or variable of a part was set that this version does not have.
    pub(super) fn refuse_what_is_not_built(&self) -> Result<(), Failure> {
        match self.later.first() {
            Some(name) => Err(Failure::not_in_this_version(name)),
            None => Ok(()),
        }
    }
}

impl Flag {
    /// Apart from the ids of the commands' own arguments, such as `hostname`.
    fn id(&self) -> String {
        format!("stock {}", self.0)
    }

    fn arg(&self) -> Arg {
        let Self(name, alias, variable) = *self;
        let mut arg = Arg::new(self.id()).long(name).global(true).hide(true);
        if !alias.is_empty() {
            arg = arg.alias(alias);
        }
        if !variable.is_empty() {
            arg = arg.env(variable).hide_env_values(true);
        }
        arg
    }

    fn switch(&self) -> Arg {
        self.arg()
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(BoolishValueParser::new())
    }

    fn value(&self) -> Arg {
        self.arg()
            .action(ArgAction::Append)
            .value_parser(ValueParser::os_string())
    }

    /// How it was given: as a flag or by its variable; `None` if it was not.
    fn given(&self, matches: &ArgMatches, wanted: impl Fn(&ArgMatches) -> bool) -> Option<String> {
        let source = matches.value_source(&self.id())?;
        let name = if source == ValueSource::CommandLine {
            format!("--{}", self.0)
        } else if source == ValueSource::EnvVariable {
            self.2.to_owned()
        } else {
            return None;
        };
        wanted(matches).then_some(name)
    }
}

impl Args for StockFlags {
    fn augment_args(command: Command) -> Command {
        let switches = IDLE_SWITCHES.iter().chain(LATER_SWITCHES).map(Flag::switch);
        let values = IDLE_VALUES.iter().chain(LATER_VALUES).map(|flag| match flag.0 {
            "features" => flag.value().short('F'),
            _ => flag.value(),
        });
        command.args(switches.chain(values))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StockFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let switches = LATER_SWITCHES.iter().filter_map(|flag| {
            flag.given(matches, |matches| {
                matches.get_one::<bool>(&flag.id()).is_some_and(|on| *on)
            })
        });
        let values = LATER_VALUES.iter().filter_map(|flag| {
            let is_set = |value: &std::ffi::OsString| !value.is_empty();
            flag.given(matches, |matches| matches.get_one(&flag.id()).is_some_and(is_set))
        });
        Ok(Self {
            later: switches.chain(values).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
