//! The flags of `tunnel` that say how edges are dialled. Names, variables and defaults are the stock client's.

use std::time::Duration;

use adit_connector::{ConnectorConfig, DEFAULT_EDGE_RETRIES, IpVersion, Prechecks, Protocol, ProtocolChoice};
use adit_net::{proxy::OutboundProxy, tls::KeyExchange};
use clap::Args;

use super::options::go_duration;
use crate::failure::Failure;

/// How edges are dialled; each flag may stand before or after the sub-command.
#[derive(Debug, Clone, Args)]
pub(super) struct EdgeFlags {
    /// auto (QUIC, and HTTP/2 where it does not come through), quic or http2
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
    /// Addresses of edges to use: auto, 4 or 6
    #[arg(
        long,
        global = true,
        value_name = "VERSION",
        env = "TUNNEL_EDGE_IP_VERSION",
        hide_env_values = true,
        default_value = "auto",
        help_heading = "Connector"
    )]
    edge_ip_version: String,
    /// Whose edges to look for where none is named (us, fed)
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TUNNEL_REGION",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    pub(super) region: Option<String>,
    /// A proxy that leads to the edges: http://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ before the host if it
    /// wants them
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TUNNEL_EDGE_PROXY",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    edge_proxy: Option<String>,
    /// Do not look at the start whether the edges can be reached
    #[arg(
        long,
        global = true,
        env = "TUNNEL_NO_PRECHECKS",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    no_prechecks: bool,
    /// QUIC dials that may stay unanswered before the connector falls back to HTTP/2
    #[arg(long, global = true, hide = true, value_name = "COUNT", default_value_t = DEFAULT_EDGE_RETRIES)]
    max_edge_addr_retries: u32,
    /// A write to a QUIC stream of the edge or to a private TCP service that takes longer fails; 0 is no limit
    #[arg(long, global = true, hide = true, value_name = "TIME", env = "TUNNEL_STREAM_WRITE_TIMEOUT",
        hide_env_values = true, default_value = "0s", value_parser = go_duration)]
    write_stream_timeout: Duration,
    /// Offer edges X25519MLKEM768 and no other key exchange
    #[arg(
        long,
        alias = "pq",
        global = true,
        env = "TUNNEL_POST_QUANTUM",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    post_quantum: bool,
}

impl EdgeFlags {
    /// Whether one transport was asked for.
    pub(super) fn protocol_was_said(&self) -> bool {
        !matches!(self.protocol.as_str(), "" | "auto")
    }

    /// Writes what they say into a connector's configuration.
    ///
    /// # Errors
    /// Wrong usage: a word that none of the flags takes.
    pub(super) fn apply(&self, config: &mut ConnectorConfig) -> Result<(), Failure> {
        config.protocol = match self.protocol.as_str() {
            "" | "auto" => ProtocolChoice::Auto,
            "quic" => ProtocolChoice::Only(Protocol::Quic),
            "http2" | "h2mux" => ProtocolChoice::Only(Protocol::Http2),
            other => {
                return Err(Failure::misuse(format!("{other:?} is no transport protocol"))
                    .hint("--protocol auto, quic or http2"));
            }
        };
        config.ip_version = match self.edge_ip_version.as_str() {
            "" | "auto" => IpVersion::Auto,
            "4" => IpVersion::V4,
            "6" => IpVersion::V6,
            other => {
                return Err(Failure::misuse(format!("{other:?} is no version of IP"))
                    .hint("--edge-ip-version auto, 4 or 6"));
            }
        };
        config.proxy = match self.edge_proxy.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Some(url.parse::<OutboundProxy>().map_err(Failure::usage)?),
            None => None,
        };
        config.prechecks = (!self.no_prechecks).then(Prechecks::default);
        config.max_edge_retries = self.max_edge_addr_retries;
        config.write_limit = Some(self.write_stream_timeout).filter(|limit| !limit.is_zero());
        if self.post_quantum {
            config.key_exchange = KeyExchange::PostQuantumOnly;
        }
        Ok(())
    }
}
