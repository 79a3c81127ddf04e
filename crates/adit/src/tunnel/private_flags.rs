//! The flags of `tunnel run` about private networks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use adit_connector::ConnectorConfig;
use adit_core::warp_routing::WarpRouting;
use clap::Args;

use super::config_file::ConfigFile;
use crate::failure::Failure;

/// As many resolvers as the stock client takes.
const MAX_RESOLVERS: usize = 10;

/// How private networks are reached; each may stand before or after `run`.
#[derive(Debug, Clone, Args)]
pub(super) struct PrivateFlags {
    /// Flows into private networks at once, TCP and UDP together, whatever the edge says; 0 is no limit
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        env = "TUNNEL_MAX_ACTIVE_FLOWS",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    max_active_flows: Option<String>,
    /// From where IPv4 echo requests (ping) are sent
    #[arg(
        long,
        global = true,
        value_name = "IP",
        env = "TUNNEL_ICMPV4_SRC",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    icmpv4_src: Option<String>,
    /// From where IPv6 echo requests are sent
    #[arg(
        long,
        global = true,
        value_name = "IP",
        env = "TUNNEL_ICMPV6_SRC",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    icmpv6_src: Option<String>,
    /// Resolvers for private host names instead of the system's; repeatable, or a comma-separated list, at most 10
    #[arg(
        long,
        global = true,
        value_name = "IP:PORT",
        env = "TUNNEL_DNS_RESOLVER_ADDRS",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Connector"
    )]
    dns_resolver_addrs: Vec<String>,
    /// A feature to announce to the edge: support_datagram_v3_2 chooses the third version of datagrams; repeatable
    #[arg(
        long,
        short = 'F',
        global = true,
        hide = true,
        value_name = "NAME",
        value_delimiter = ','
    )]
    features: Vec<String>,
}

impl PrivateFlags {
    /// Writes what they and the configuration file say into a connector's configuration.
    ///
    /// # Errors
    /// If a value makes no sense, or the file cannot be read.
    pub(super) fn apply(&self, config: &mut ConnectorConfig, file: Option<&PathBuf>) -> Result<(), Failure> {
        if let Some(path) = ConfigFile::path(file) {
            config.private.routing = routing(&ConfigFile::read_at(path)?)?;
        }
        let resolvers = self.dns_resolver_addrs.iter().filter(|text| !text.is_empty());
        let resolvers: Result<Vec<SocketAddr>, _> = resolvers
            .map(|text| parsed("--dns-resolver-addrs", "IP:PORT", text))
            .collect();
        config.private.dns_resolvers = resolvers?;
        if config.private.dns_resolvers.len() > MAX_RESOLVERS {
            let text = format!("--dns-resolver-addrs takes {MAX_RESOLVERS} addresses at most");
            return Err(Failure::usage(text));
        }
        let flows = said(self.max_active_flows.as_ref());
        config.private.max_active_flows = flows
            .map(|text| parsed("--max-active-flows", "a number", text))
            .transpose()?;
        let source = said(self.icmpv4_src.as_ref());
        let source = source.map(|text| parsed::<Ipv4Addr>("--icmpv4-src", "an IPv4 address", text));
        config.private.icmpv4_source = source.transpose()?;
        let source = said(self.icmpv6_src.as_ref());
        config.private.icmpv6_source = source.map(ipv6).transpose()?;
        config.features.clone_from(&self.features);
        Ok(())
    }
}

/// What a configuration file says of private networks.
///
/// # Errors
/// If it makes no sense.
pub(super) fn routing(file: &ConfigFile) -> Result<WarpRouting, Failure> {
    WarpRouting::from_json(&file.json).map_err(|error| {
        let path = file.path.display();
        Failure::failed(anyhow::Error::new(error).context(format!("warp-routing of {path} cannot be used")))
    })
}

/// A flag that has a value.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// An address, which may name its interface: that is for the system to find by the address.
fn ipv6(text: &str) -> Result<Ipv6Addr, Failure> {
    let address = text.split('%').next().unwrap_or(text);
    match parsed::<IpAddr>("--icmpv6-src", "an IPv6 address", address)? {
        IpAddr::V6(address) => Ok(address),
        IpAddr::V4(_) => Err(refused("--icmpv6-src", "an IPv6 address", text)),
    }
}

fn parsed<T: FromStr>(flag: &str, what: &str, text: &str) -> Result<T, Failure> {
    text.trim().parse().map_err(|_| refused(flag, what, text))
}

fn refused(flag: &str, what: &str, text: &str) -> Failure {
    Failure::usage(format!("{flag} takes {what}, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use adit_core::ingress::Ingress;
    use adit_net::tls::TrustAnchors;
    use adit_wire::TunnelToken;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: PrivateFlags,
    }

    fn applied(words: &[&str]) -> Result<ConnectorConfig, Failure> {
        let line = Line::parse_from(["run"].iter().chain(words));
        let token = TunnelToken {
            tunnel: adit_model::TunnelKey {
                account: adit_model::AccountId::random(),
                tunnel: adit_model::TunnelId::random(),
            },
            secret: adit_model::TunnelSecret::new(vec![7; 32]).unwrap(),
        };
        let mut config =
            ConnectorConfig::new(token, Vec::new(), TrustAnchors::System, Ingress::unconfigured());
        let nowhere = PathBuf::from("/dev/null");
        line.flags.apply(&mut config, Some(&nowhere))?;
        Ok(config)
    }

    #[test]
    fn what_is_said_is_what_the_connector_is_told() {
        let config = applied(&[
            "--max-active-flows=12",
            "--icmpv4-src=10.0.0.1",
            "--icmpv6-src=fe80::1%eth0",
            "--dns-resolver-addrs=10.0.0.2:53,[fd00::2]:53",
            "-F",
            "support_datagram_v3_2",
        ])
        .unwrap();
        assert_eq!(config.private.max_active_flows, Some(12));
        assert_eq!(config.private.icmpv4_source, Some("10.0.0.1".parse().unwrap()));
        assert_eq!(config.private.icmpv6_source, Some("fe80::1".parse().unwrap()));
        let resolvers = ["10.0.0.2:53", "[fd00::2]:53"].map(|text| text.parse().unwrap());
        assert_eq!(config.private.dns_resolvers, resolvers);
        assert_eq!(config.features, ["support_datagram_v3_2"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let many = format!("--dns-resolver-addrs={}", ["10.0.0.1:53"; 11].join(","));
        for bad in [
            "--max-active-flows=many",
            "--icmpv4-src=::1",
            "--icmpv6-src=10.0.0.1",
            "--dns-resolver-addrs=resolver:53",
            "--dns-resolver-addrs=10.0.0.1",
            &many,
        ] {
            assert!(applied(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_variable_says_nothing() {
        let config = applied(&["--max-active-flows=", "--icmpv4-src=", "--dns-resolver-addrs="]).unwrap();
        assert_eq!(config.private.max_active_flows, None);
        assert!(config.private.dns_resolvers.is_empty());
    }
}
