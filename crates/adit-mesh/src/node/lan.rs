//! Whether the site's own network is well, as seen from this replica.
//!
//! [`Health`] decides from what each check says; [`LanWatch`] runs the checks: whether the interface has a carrier, whether
//! a host of the LAN says that it has its address, and probes of the user's choice.

mod health;
mod probe;
mod target;
mod watch;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

pub(super) use health::Health;
pub(super) use watch::LanWatch;

/// What a replica looks at. Without anything it calls its network well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LanOptions {
    /// The interface to the site: its carrier counts, and virtual addresses are told there where their network alone does
    /// not say where.
    pub interface: Option<String>,
    /// Hosts of the LAN that say each second, by ARP or neighbour discovery, that they are there.
    pub targets: Vec<IpAddr>,
    /// Anything else that is to answer each second.
    pub probes: Vec<LanProbe>,
}

/// A probe: `icmp:IP` or `tcp:IP:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LanProbe {
    /// An echo request is answered.
    Icmp(IpAddr),
    /// A connection is taken.
    Tcp(SocketAddr),
}

/// A text that is no probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a probe is icmp:IP or tcp:IP:PORT")]
pub struct NoProbe;

impl FromStr for LanProbe {
    type Err = NoProbe;

    fn from_str(text: &str) -> Result<Self, NoProbe> {
        let (kind, rest) = text.split_once(':').ok_or(NoProbe)?;
        match kind {
            "icmp" => rest.parse().map(Self::Icmp).map_err(|_| NoProbe),
            "tcp" => match rest.parse::<SocketAddr>() {
                Ok(address) if address.port() != 0 => Ok(Self::Tcp(address)),
                Ok(_) | Err(_) => Err(NoProbe),
            },
            _ => Err(NoProbe),
        }
    }
}

impl fmt::Display for LanProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(address) => write!(f, "icmp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// One thing that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Check {
    Carrier(String),
    Target(IpAddr),
    Probe(LanProbe),
}

impl Check {
    /// What is wrong when it fails.
    fn complaint(&self) -> String {
        match self {
            Self::Carrier(interface) => format!("the interface {interface} has no carrier"),
            Self::Target(address) => format!("{address} does not answer on the LAN"),
            Self::Probe(probe) => format!("the probe {probe} fails"),
        }
    }
}

impl LanOptions {
    fn checks(&self) -> impl Iterator<Item = Check> {
        let carrier = self.interface.iter().cloned().map(Check::Carrier);
        let targets = self.targets.iter().copied().map(Check::Target);
        carrier
            .chain(targets)
            .chain(self.probes.iter().copied().map(Check::Probe))
    }
}

#[cfg(test)]
mod tests;
