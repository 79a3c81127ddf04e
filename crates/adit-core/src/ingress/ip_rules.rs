//! Whom a SOCKS5 client may reach.

use std::net::SocketAddr;

use ipnet::IpNet;

/// Whether a SOCKS5 client may reach some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRule {
    /// The addresses.
    pub prefix: IpNet,
    /// Their ports; empty for all.
    pub ports: Vec<u16>,
    /// The answer.
    pub allow: bool,
}

/// What is wrong with a rule, in words that operators may know from `cloudflared`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IpRuleFault {
    /// It has no prefix.
    #[error("no prefix provided")]
    NoPrefix,
    /// Its prefix is none.
    #[error("unable to parse cidr: {0}")]
    Prefix(String),
    /// One of its ports is none.
    #[error("invalid port {0}, needs to be between 1 and 65535")]
    Port(i64),
}

impl IpRule {
    /// Makes a rule of what a configuration holds.
    ///
    /// # Errors
    /// [`IpRuleFault`]
    pub(super) fn new(prefix: Option<&str>, ports: &[i64], allow: bool) -> Result<Self, IpRuleFault> {
        let prefix = prefix
            .filter(|prefix| !prefix.is_empty())
            .ok_or(IpRuleFault::NoPrefix)?;
        let parsed = prefix
            .parse()
            .map_err(|_| IpRuleFault::Prefix(prefix.to_owned()))?;
        let port = |port: &i64| {
            let valid = u16::try_from(*port).ok().filter(|port| *port > 0);
            valid.ok_or(IpRuleFault::Port(*port))
        };
        Ok(Self {
            prefix: parsed,
            ports: ports.iter().map(port).collect::<Result<_, _>>()?,
            allow,
        })
    }

    fn covers(&self, to: SocketAddr) -> bool {
        self.prefix.contains(&to.ip().to_canonical())
            && (self.ports.is_empty() || self.ports.contains(&to.port()))
    }
}

/// Whether the rules let a client reach an address: the first that covers it decides, and without one it is denied.
#[must_use]
pub fn may_reach(rules: &[IpRule], to: SocketAddr) -> bool {
    rules
        .iter()
        .find(|rule| rule.covers(to))
        .is_some_and(|rule| rule.allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str, ports: &[i64], allow: bool) -> IpRule {
        IpRule::new(Some(prefix), ports, allow).unwrap()
    }

    #[test]
    fn the_first_rule_that_covers_an_address_decides_and_nothing_is_allowed_by_itself() {
        let rules = [
            rule("10.0.0.7/32", &[22], false),
            rule("10.0.0.0/8", &[22, 443], true),
            rule("2001:db8::/32", &[], true),
        ];
        let may = |to: &str| may_reach(&rules, to.parse().unwrap());
        assert!(may("10.0.0.8:22") && may("10.0.0.7:443") && may("[2001:db8::1]:9"));
        assert!(!may("10.0.0.7:22") && !may("10.0.0.8:23") && !may("192.0.2.1:22"));
        assert!(
            may("[::ffff:10.0.0.8]:22"),
            "an address in the other family's form is the same"
        );
        assert!(!may_reach(&[], "127.0.0.1:80".parse().unwrap()));
    }

    #[test]
    fn rules_that_make_no_sense_are_told() {
        let fault = |prefix, ports: &[i64]| IpRule::new(prefix, ports, true).unwrap_err().to_string();
        assert_eq!(fault(None, &[]), "no prefix provided");
        assert_eq!(fault(Some("10.0.0.1"), &[]), "unable to parse cidr: 10.0.0.1");
        let port = "invalid port 70000, needs to be between 1 and 65535";
        assert_eq!(fault(Some("10.0.0.0/8"), &[1, 70000]), port);
    }
}
