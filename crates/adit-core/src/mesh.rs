//! What the mesh decides: who its members are, what addresses they have, and where their packets go.

pub mod forwarding;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of one member of a mesh. No other member of its account has either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeshAddresses {
    /// From the account's IPv4 range, 100.96.0.0/12 unless it has another.
    pub v4: Ipv4Addr,
    /// From the account's IPv6 range.
    pub v6: Ipv6Addr,
}

impl MeshAddresses {
    /// Both.
    pub fn all(self) -> impl Iterator<Item = IpAddr> {
        [self.v4.into(), self.v6.into()].into_iter()
    }
}
