//! What is counted of flows.

use metrics::{counter, describe_counter, describe_gauge};

/// Why a packet that was handed over went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    /// No TCP, UDP or ICMP, or cut short, or its checksum is wrong.
    Malformed,
    /// A part of a packet.
    Fragment,
    /// Another protocol, an IPv6 extension, or ICMP that is no echo request.
    Protocol,
    /// A TCP segment of no flow.
    Stray,
    /// There are as many flows as there may be.
    Limit,
    /// Too many wait for their flows.
    SlowFlow,
    /// More than connectors carry in one datagram.
    TooBig,
    /// The flow's connector did not take it.
    Unsent,
}

impl Lost {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Fragment => "fragment",
            Self::Protocol => "protocol",
            Self::Stray => "stray",
            Self::Limit => "limit",
            Self::SlowFlow => "slow_flow",
            Self::TooBig => "too_big",
            Self::Unsent => "unsent",
        }
    }

    pub(super) fn count(self) {
        counter!("adit_mesh_proxied_dropped_total", "reason" => self.as_str()).increment(1);
    }
}

/// Says what is counted.
pub(super) fn describe() {
    describe_counter!(
        "adit_mesh_proxied_dropped_total",
        "Packets of the mesh to networks behind connectors that were dropped, by why."
    );
    describe_counter!(
        "adit_mesh_answers_dropped_total",
        "Packets from networks behind connectors that had nobody to go to, or no room."
    );
    describe_counter!(
        "adit_mesh_proxied_flows_total",
        "Flows from the mesh to networks behind connectors that ended, by protocol and by how."
    );
    describe_counter!(
        "adit_mesh_proxied_sent_bytes_total",
        "Bytes of those flows from the mesh."
    );
    describe_counter!(
        "adit_mesh_proxied_received_bytes_total",
        "Bytes of those flows into the mesh."
    );
    describe_gauge!(
        "adit_mesh_proxied_flows",
        "Flows from the mesh to networks behind connectors."
    );
}
