//! What the mesh decides: who its members are and what addresses they have, where their packets go ([`forwarding`]), and who
//! is let in ([`session`]).

pub mod forwarding;
pub mod session;

mod addresses;
mod ranges;
mod reach;
mod weak_key;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use addresses::{AddressSearch, Next};
pub use ranges::MeshRanges;
pub use reach::without_contained;
pub use weak_key::{WeakKey, check_key};

/// The most replicas that are linked to a site, connected or not.
pub const MOST_REPLICAS: u32 = 64;

/// The most devices of an account.
pub const MOST_DEVICES: u32 = 10_000;

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

    /// The one of the family of `other`.
    #[must_use]
    pub const fn beside(self, other: IpAddr) -> IpAddr {
        match other {
            IpAddr::V4(_) => IpAddr::V4(self.v4),
            IpAddr::V6(_) => IpAddr::V6(self.v6),
        }
    }
}
