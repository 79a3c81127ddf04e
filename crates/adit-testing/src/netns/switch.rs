//! Wires between hosts, which can be cut.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use parking_lot::Mutex;

use super::Namespace;

/// A namespace that is nothing but wires: each of its bridges is a network.
#[derive(Debug)]
pub struct Switch {
    namespace: Namespace,
    count: AtomicU32,
    /// By host and its interface.
    ports: Mutex<BTreeMap<(String, String), Port>>,
}

#[derive(Debug, Clone)]
struct Port {
    name: String,
    network: String,
}

impl Switch {
    /// A switch with these networks.
    ///
    /// # Panics
    /// As [`Namespace::new`].
    #[must_use]
    pub fn new(networks: &[&str]) -> Self {
        let namespace = Namespace::new("net");
        for network in networks {
            namespace.ip(&format!("link add {network} type bridge"));
            namespace.ip(&format!("link set {network} up"));
        }
        Self {
            namespace,
            count: AtomicU32::new(0),
            ports: Mutex::default(),
        }
    }

    /// Makes a network's ports carry packets of at most so many bytes.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn set_mtu(&self, network: &str, mtu: u16) {
        for port in self.ports.lock().values().filter(|port| port.network == network) {
            self.namespace.ip(&format!("link set {} mtu {mtu}", port.name));
        }
    }

    /// Connects a host to a network by an interface of its own with these addresses.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn connect(&self, host: &Namespace, interface: &str, network: &str, addresses: &[&str]) {
        let name = format!("port{}", self.count.fetch_add(1, Ordering::Relaxed));
        let here = &self.namespace;
        here.ip(&format!(
            "link add {name} type veth peer name {interface} netns {host}"
        ));
        here.ip(&format!("link set {name} master {network} up"));
        for address in addresses {
            // Nobody else has it: to ask the network first would only take time.
            let known = if address.contains(':') { " nodad" } else { "" };
            host.ip(&format!("addr add {address} dev {interface}{known}"));
        }
        host.ip(&format!("link set {interface} up"));
        let port = Port {
            name,
            network: network.to_owned(),
        };
        self.ports
            .lock()
            .insert((host.to_string(), interface.to_owned()), port);
    }

    /// Takes the cable out: the host sees that it is gone.
    ///
    /// # Panics
    /// When there is no such interface, or `ip` fails.
    pub fn unplug(&self, host: &Namespace, interface: &str) {
        let port = self.port(host, interface);
        self.namespace.ip(&format!("link set {} down", port.name));
    }

    /// Loses every packet of a cable, of which neither end sees anything.
    ///
    /// # Panics
    /// As [`Switch::unplug`].
    pub fn silence(&self, host: &Namespace, interface: &str) {
        let port = self.port(host, interface);
        self.namespace.ip(&format!("link set {} nomaster", port.name));
    }

    /// Puts a cable back that was unplugged or silenced.
    ///
    /// # Panics
    /// As [`Switch::unplug`].
    pub fn plug(&self, host: &Namespace, interface: &str) {
        let Port { name, network } = self.port(host, interface);
        self.namespace.ip(&format!("link set {name} master {network} up"));
    }

    fn port(&self, host: &Namespace, interface: &str) -> Port {
        let key = (host.to_string(), interface.to_owned());
        match self.ports.lock().get(&key) {
            Some(port) => port.clone(),
            None => panic!("{host} has no cable {interface}"),
        }
    }
}
