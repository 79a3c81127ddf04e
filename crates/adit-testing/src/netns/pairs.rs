//! Two sites with two replicas each, and an edge between them:
//!
//! ```text
//! host_a — LAN A 10.10.0.0/24 — a1, a2 (virtual .1) —\     WAN      /— b1, b2 (virtual .1) — LAN B 10.20.0.0/24 — host_b
//!               fd00:10:10::/64                      198.18.0.0/24                     fd00:10:20::/64
//!                                                         edge
//! ```
//!
//! A LAN's hosts know only their own network, and that everything else is behind the virtual address `.1`. Whose that is
//! decides the mesh; nobody has it at first.

use std::sync::Arc;

use super::{Namespace, Switch};

/// One of the two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// With the networks 10.10.0.0/24 and fd00:10:10::/64.
    A,
    /// With the networks 10.20.0.0/24 and fd00:10:20::/64.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    const fn number(self) -> u8 {
        match self {
            Self::A => 10,
            Self::B => 20,
        }
    }

    const fn lan(self) -> &'static str {
        match self {
            Self::A => "lan-a",
            Self::B => "lan-b",
        }
    }

    /// The IPv4 address in its LAN that ends so.
    #[must_use]
    pub fn v4(self, last: u8) -> String {
        format!("10.{}.0.{last}", self.number())
    }

    /// The IPv6 address in its LAN that ends so.
    #[must_use]
    pub fn v6(self, last: u8) -> String {
        format!("fd00:10:{}::{last}", self.number())
    }

    /// Its networks.
    #[must_use]
    pub fn networks(self) -> [String; 2] {
        [
            format!("10.{}.0.0/24", self.number()),
            format!("fd00:10:{}::/64", self.number()),
        ]
    }
}

/// The last part of a host's address, in IPv4 and IPv6 alike.
pub const HOST: u8 = 10;
/// The last part of the virtual addresses.
pub const VIRTUAL: u8 = 1;

/// The namespaces. Dropping them removes everything.
#[derive(Debug)]
pub struct Pairs {
    /// A host of each site, `.10`.
    pub hosts: [Namespace; 2],
    /// The sites' replicas, `.11` and `.12` in their LANs; 198.18.0.11 to 14 outside.
    pub replicas: [[Namespace; 2]; 2],
    /// Where the edge is to run, 198.18.0.1.
    pub edge: Arc<Namespace>,
    switch: Switch,
}

impl Pairs {
    /// Builds them.
    ///
    /// # Panics
    /// When there can be no namespaces: see [`super::absent`].
    #[must_use]
    pub fn build() -> Self {
        let switch = Switch::new(&["wan", "lan-a", "lan-b"]);
        let pairs = Self {
            hosts: ["host-a", "host-b"].map(Namespace::new),
            replicas: [["a1", "a2"], ["b1", "b2"]].map(|names| names.map(Namespace::new)),
            edge: Arc::new(Namespace::new("edge")),
            switch,
        };
        pairs
            .switch
            .connect(&pairs.edge, "wan", "wan", &["198.18.0.1/24"]);
        let mut outside = 11..;
        for side in Side::BOTH {
            for (last, replica) in (11..).zip(pairs.replicas(side)) {
                pairs.join_lan(replica, side, last);
                let address = format!("198.18.0.{}/24", outside.next().unwrap_or_default());
                pairs.switch.connect(replica, "wan", "wan", &[&address]);
            }
            let host = pairs.host(side);
            pairs.join_lan(host, side, HOST);
            host.ip(&format!("route add default via {}", side.v4(VIRTUAL)));
            host.ip(&format!("-6 route add default via {}", side.v6(VIRTUAL)));
        }
        pairs
    }

    /// A site's host.
    #[must_use]
    pub const fn host(&self, side: Side) -> &Namespace {
        let [a, b] = &self.hosts;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    /// A site's replicas.
    #[must_use]
    pub const fn replicas(&self, side: Side) -> &[Namespace; 2] {
        let [a, b] = &self.replicas;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    /// One more host of a site's LAN, by its interface `lan`, with the addresses that end so.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn join_lan(&self, host: &Namespace, side: Side, last: u8) {
        let (v4, v6) = (format!("{}/24", side.v4(last)), format!("{}/64", side.v6(last)));
        self.switch.connect(host, "lan", side.lan(), &[&v4, &v6]);
    }

    /// The cables.
    #[must_use]
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }
}
