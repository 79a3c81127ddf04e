//! The virtual DNS service: an address under which edges reach the resolver of the connector's machine.
//! Source: cloudflare/cloudflared: ingress/origins/dns.go.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::seq::IndexedRandom;

use crate::discovery;

/// Where edges find it, over TCP and UDP.
pub(super) const ADDRESS: SocketAddr = SocketAddr::V6(SocketAddrV6::new(
    Ipv6Addr::new(0x2606, 0x4700, 0x0cf1, 0x2000, 0, 0, 0, 1),
    53,
    0,
    0,
));
/// How long what the system says of its resolvers is believed. Laptops change theirs with the network.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// Where the questions go.
pub(super) enum VirtualDns {
    /// To one of these, at random.
    Named(Vec<SocketAddr>),
    /// To the system's first resolver, as it was a moment ago.
    System(Mutex<Option<(Instant, SocketAddr)>>),
}

impl VirtualDns {
    pub(super) fn new(named: &[SocketAddr]) -> Self {
        match named {
            [] => Self::System(Mutex::default()),
            named => Self::Named(named.to_vec()),
        }
    }

    /// The resolver that the next question goes to.
    pub(super) fn resolver(&self) -> SocketAddr {
        match self {
            Self::Named(named) => named.choose(&mut rand::rng()).copied().unwrap_or(ADDRESS),
            Self::System(known) => {
                let mut known = known.lock();
                match *known {
                    Some((at, resolver)) if at.elapsed() < BELIEVED_FOR => resolver,
                    _ => {
                        let resolver = discovery::system_resolver();
                        *known = Some((Instant::now(), resolver));
                        resolver
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_at_the_vendors_address() {
        assert_eq!(ADDRESS.to_string(), "[2606:4700:cf1:2000::1]:53");
    }

    #[test]
    fn each_resolver_that_is_named_is_asked_sooner_or_later() {
        let named: Vec<SocketAddr> = ["10.0.0.1:53", "10.0.0.2:5353", "[fd00::1]:53"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let dns = VirtualDns::new(&named);
        let asked: std::collections::BTreeSet<_> = (0..200).map(|_| dns.resolver()).collect();
        assert_eq!(asked, named.into_iter().collect());
    }

    #[test]
    fn without_a_name_the_systems_is_asked() {
        let dns = VirtualDns::new(&[]);
        assert_eq!(dns.resolver().port(), 53);
        assert_ne!(dns.resolver(), ADDRESS);
    }
}
