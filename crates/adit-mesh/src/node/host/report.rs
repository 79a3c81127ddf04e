//! What the node has done to the host, for its user and for a later start.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ChangedSetting, HostOptions, MissedSetting, RoutePlan, Wanted, Way};

/// What the host is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// The device.
    pub interface: String,
    /// The node's own routing table.
    pub table: u32,
    /// The node's own addresses.
    pub addresses: Vec<IpAddr>,
    /// The largest packet that fits into the tunnel, in bytes.
    pub mtu: u32,
    /// The prefixes that lead into the tunnel.
    pub carried: Vec<IpNet>,
    /// What goes by the host's own routes although it lies within one of them.
    pub left_to_host: Vec<IpNet>,
    /// Prefixes that were told and not installed, with the reason.
    pub refused: BTreeMap<IpNet, String>,
    /// Whether the host was to forward.
    pub forwards: bool,
    /// Whether packets from the mesh get the host's own address as their source.
    pub snat: bool,
    /// Kernel settings that the node changed; they stay when it stops.
    pub settings: Vec<ChangedSetting>,
    /// Kernel settings that it could not change.
    pub missed: Vec<MissedSetting>,
    /// What else could not be done.
    pub problems: Vec<String>,
}

impl HostReport {
    pub(super) fn new(options: &HostOptions) -> Self {
        Self {
            interface: options.interface.clone(),
            table: options.table,
            snat: options.snat,
            ..Self::default()
        }
    }

    pub(super) fn problem(&mut self, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        if let Some(cause) = error.source() {
            text.push_str(&format!(": {cause}"));
        }
        tracing::warn!(problem = text, "the host is not as it is to be");
        self.problems.push(text);
    }

    pub(super) fn tell(&mut self, wanted: &Wanted, plan: &RoutePlan) {
        self.addresses = wanted.addresses.all().collect();
        self.mtu = wanted.mtu;
        self.forwards = wanted.forwards;
        self.carried = plan.carried().collect();
        let left = plan.entries.iter().filter(|(_, way)| **way == Way::Host);
        self.left_to_host = left.map(|(net, _)| *net).collect();
        self.refused = plan
            .refused
            .iter()
            .map(|(net, why)| (*net, why.to_string()))
            .collect();
    }

    /// Everything that is not as it should be, a line each.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let missed = self.missed.iter().map(ToString::to_string);
        let refused = self
            .refused
            .iter()
            .map(|(net, why)| format!("no route to {net}: {why}"));
        missed
            .chain(refused)
            .chain(self.problems.iter().cloned())
            .collect()
    }
}

/// What a start must know of the one before it, if that one had no time to tidy up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Its device.
    pub interface: String,
    /// Its routing table.
    pub table: u32,
    /// The prefixes that led into its tunnel.
    pub carried: BTreeSet<IpNet>,
    /// The addresses that it left to the host's own routes.
    pub kept: BTreeSet<IpAddr>,
}

impl HostRecord {
    /// Whether the packets of that address came and went by the mesh.
    pub(super) fn reached_by_mesh(&self, address: IpAddr) -> bool {
        !self.kept.contains(&address) && self.carried.iter().any(|net| net.contains(&address))
    }
}
