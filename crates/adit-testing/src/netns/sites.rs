//! Two sites, a provider's network between them, an edge and a device in it:
//!
//! ```text
//! host_a — LAN A 10.10.0.0/24 — node_a —\      WAN       /— node_b — LAN B 10.20.0.0/24 — host_b
//!               fd00:10:10::/64          198.18.0.0/24              fd00:10:20::/64
//!                                       edge      device
//! ```
//!
//! A LAN's hosts know only their own network and that the other site and the mesh's range are behind their node. Nothing
//! leads from one site to the other but what a test sets up.

use super::{Namespace, Switch};

/// The namespaces. Dropping them removes everything.
#[derive(Debug)]
pub struct Sites {
    /// A host of site A, 10.10.0.10.
    pub host_a: Namespace,
    /// Site A's node, 10.10.0.1 inside, 198.18.0.11 outside.
    pub node_a: Namespace,
    /// Site B's node, 10.20.0.1 inside, 198.18.0.12 outside.
    pub node_b: Namespace,
    /// A host of site B, 10.20.0.10.
    pub host_b: Namespace,
    /// Where the edge is to run, 198.18.0.1.
    pub edge: Namespace,
    /// Somewhere on the provider's network, 198.18.0.21.
    pub device: Namespace,
    switch: Switch,
}

impl Sites {
    /// Builds them.
    ///
    /// # Panics
    /// When there can be no namespaces: see [`super::absent`].
    #[must_use]
    pub fn build() -> Self {
        let switch = Switch::new(&["wan", "lan-a", "lan-b"]);
        let [host_a, node_a, node_b, host_b, edge, device] =
            ["host-a", "node-a", "node-b", "host-b", "edge", "device"].map(Namespace::new);
        for (namespace, last) in [(&edge, 1), (&node_a, 11), (&node_b, 12), (&device, 21)] {
            switch.connect(namespace, "wan", "wan", &[&format!("198.18.0.{last}/24")]);
        }
        for (node, host, lan, here, there) in [
            (&node_a, &host_a, "lan-a", 10, 20),
            (&node_b, &host_b, "lan-b", 20, 10),
        ] {
            let addresses = |last: u8, last6: &str| {
                [
                    format!("10.{here}.0.{last}/24"),
                    format!("fd00:10:{here}::{last6}/64"),
                ]
            };
            let connect = |namespace: &Namespace, addresses: [String; 2]| {
                switch.connect(namespace, "lan", lan, &[&addresses[0], &addresses[1]]);
            };
            connect(node, addresses(1, "1"));
            connect(host, addresses(10, "10"));
            host.ip(&format!("route add 10.{there}.0.0/24 via 10.{here}.0.1"));
            host.ip(&format!("route add 100.96.0.0/12 via 10.{here}.0.1"));
            host.ip(&format!("-6 route add default via fd00:10:{here}::1"));
        }
        Self {
            host_a,
            node_a,
            node_b,
            host_b,
            edge,
            device,
            switch,
        }
    }

    /// Makes the provider's network carry packets of at most so many bytes.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn narrow_wan(&self, mtu: u16) {
        for namespace in [&self.edge, &self.node_a, &self.node_b, &self.device] {
            namespace.ip(&format!("link set wan mtu {mtu}"));
        }
        self.switch.set_mtu("wan", mtu);
    }
}
