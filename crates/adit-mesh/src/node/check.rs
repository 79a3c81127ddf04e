//! Where packets to an address get stuck: the way is walked hop by hop, and the first hop that fails is named with what
//! mends it.
//!
//! [`walk`] looks and asks; [`Findings::judge`] says what the findings mean.

mod probe;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use adit_wire::mesh::Role;
use ipnet::IpNet;
use serde::Serialize;

use super::{
    host::{Forwarding, HostError, HostReport, Surroundings},
    status::NodeStatus,
};
pub(in crate::node) use probe::echo;
pub use probe::{Echo, Why};

/// How long an echo may take: a router gives up looking for a host in its own network after three seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// A session of WireGuard is renewed every two minutes and dead after three: an older handshake carries nothing.
const STALE_MS: u64 = 180_000;

/// One hop of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Which one: `route`, `node`, `hub`, `forwarding` or `return path`.
    pub hop: &'static str,
    /// Whether packets pass it.
    pub passes: bool,
    /// What was found.
    pub finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Hop {
    fn passes(hop: &'static str, finding: impl Into<String>) -> Self {
        Self {
            hop,
            passes: true,
            finding: finding.into(),
            mend: None,
        }
    }

    fn fails(hop: &'static str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            hop,
            passes: false,
            finding: finding.into(),
            mend: Some(mend.into()),
        }
    }
}

/// What was found on the way to an address.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The address.
    pub to: IpAddr,
    /// What the node tells of itself.
    pub status: NodeStatus,
    /// The interface by which the host sends there now.
    pub by: Option<String>,
    /// Whether the host forwards.
    pub forwarding: Forwarding,
    /// What came of an echo from the node's mesh address.
    pub from_mesh: Option<Echo>,
    /// What came of an echo from the node's address in its own site, if it has one there.
    pub from_site: Option<(IpAddr, Echo)>,
}

/// Walks the way.
///
/// # Errors
/// If the kernel does not answer, or gives this process no socket for echoes: that takes root or `CAP_NET_RAW`.
pub async fn walk(to: IpAddr, status: NodeStatus) -> Result<Findings, CheckError> {
    let surroundings = Surroundings::look().map_err(CheckError::Host)?;
    let by = surroundings.interface_to(to).await.map_err(CheckError::Host)?;
    let own = status.host.iter().flat_map(|host| host.addresses.clone());
    let mesh = own.into_iter().find(|own| own.is_ipv4() == to.is_ipv4());
    let addresses = surroundings.addresses().await.map_err(CheckError::Host)?;
    let site = addresses
        .into_iter()
        .find(|own| own.is_ipv4() == to.is_ipv4() && status.local.iter().any(|net| net.contains(own)));
    // Sent to the device or nowhere: what leaves elsewhere says nothing about the mesh.
    let leads_there = by.is_some() && by.as_ref() == status.host.as_ref().map(|host| &host.interface);
    let from_mesh = match mesh.filter(|_| leads_there) {
        Some(from) => Some(echo(from, to, PATIENCE).await.map_err(CheckError::Probe)?),
        None => None,
    };
    let from_site = match site.filter(|_| leads_there) {
        Some(from) => Some((from, echo(from, to, PATIENCE).await.map_err(CheckError::Probe)?)),
        None => None,
    };
    Ok(Findings {
        to,
        status,
        by,
        forwarding: Forwarding::now(),
        from_mesh,
        from_site,
    })
}

/// Why the way could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The kernel did not answer.
    #[error(transparent)]
    Host(HostError),
    /// No echo could be sent.
    #[error("cannot send an echo request")]
    Probe(#[source] io::Error),
}

impl Findings {
    /// Every hop up to the first that fails.
    #[must_use]
    pub fn judge(&self) -> Vec<Hop> {
        let mut hops = Vec::new();
        for judge in [
            Self::route,
            Self::node,
            Self::hub,
            Self::forwarding,
            Self::return_path,
        ] {
            let hop = judge(self);
            let passes = hop.passes;
            hops.push(hop);
            if !passes {
                break;
            }
        }
        hops
    }

    fn route(&self) -> Hop {
        const HOP: &str = "route";
        let to = self.to;
        let Some(host) = &self.status.host else {
            let mend = "wait for the edge, or see why it does not answer: adit mesh status";
            return Hop::fails(HOP, "the node has no configuration yet, so no routes", mend);
        };
        if let Some(net) = self.status.local.iter().find(|net| net.contains(&to)) {
            let mend = "run `adit mesh check` on a node of another site";
            return Hop::fails(
                HOP,
                format!("{to} is in this node's own site ({net}), not behind the mesh"),
                mend,
            );
        }
        let longest = |nets: &mut dyn Iterator<Item = IpNet>| {
            nets.filter(|net| net.contains(&to)).max_by_key(IpNet::prefix_len)
        };
        if let Some((net, why)) = host.refused.iter().find(|(net, _)| net.contains(&to)) {
            let mend =
                "give the networks different prefixes, or lead there a prefix that this host is not in";
            return Hop::fails(HOP, format!("{net} is routed to the mesh, but {why}"), mend);
        }
        let Some(carried) = longest(&mut host.carried.iter().copied()) else {
            let mend = "route its network to a tunnel: adit tunnel route ip add NETWORK TUNNEL";
            return Hop::fails(HOP, format!("no route of this mesh covers {to}"), mend);
        };
        if let Some(left) = longest(&mut host.left_to_host.iter().copied())
            .filter(|left| left.prefix_len() > carried.prefix_len())
        {
            let mend =
                format!("if it is to go through the mesh, remove the host's own route: ip route show {left}");
            return Hop::fails(
                HOP,
                format!("{left} within {carried} goes by the host's own routes"),
                mend,
            );
        }
        match &self.by {
            Some(by) if *by == host.interface => Hop::passes(HOP, format!("{carried} leads into {by}")),
            other => {
                let by = other.as_deref().unwrap_or("nowhere");
                let mend = format!("look for a rule before the node's own: ip rule show; ip route get {to}");
                Hop::fails(
                    HOP,
                    format!(
                        "{carried} is in table {}, but the host sends to {to} by {by}",
                        host.table
                    ),
                    mend,
                )
            }
        }
    }

    fn node(&self) -> Hop {
        const HOP: &str = "node";
        let session = &self.status.session;
        if !session.connected {
            let problem = session.problem.as_deref().unwrap_or("no answer yet");
            let mend = format!(
                "check that {} is reachable by TCP from here",
                session.edges.join(", ")
            );
            return Hop::fails(HOP, format!("no control connection to the edge: {problem}"), mend);
        }
        if self.status.role == Some(Role::Passive) {
            let mend = "run it on the active replica, or stop that one and this one takes over";
            return Hop::fails(
                HOP,
                "this replica is passive: another one carries the site's traffic",
                mend,
            );
        }
        Hop::passes(HOP, "connected to the edge and active")
    }

    fn hub(&self) -> Hop {
        const HOP: &str = "hub";
        let Some(hub) = &self.status.hub else {
            return Hop::fails(HOP, "the node does not know the hub yet", "adit mesh status");
        };
        let open = |endpoint: SocketAddr| {
            format!(
                "let UDP to {endpoint} through, both ways; if that is not the hub's address, set mesh.advertise at the server"
            )
        };
        match hub.handshake_age_ms {
            None => Hop::fails(
                HOP,
                format!("no handshake with {} yet", hub.endpoint),
                open(hub.endpoint),
            ),
            Some(age) if age > STALE_MS => {
                let finding = format!(
                    "the last handshake with {} was {} s ago",
                    hub.endpoint,
                    age / 1000
                );
                Hop::fails(HOP, finding, open(hub.endpoint))
            }
            Some(age) => match self.from_mesh {
                Some(Echo::Unreachable { from, why }) if self.is_hub(from) => {
                    Hop::fails(HOP, format!("the hub answers: {why}"), why.mend(self.to))
                }
                _ => Hop::passes(
                    HOP,
                    format!("handshake with {} {} s ago", hub.endpoint, age / 1000),
                ),
            },
        }
    }

    /// Whether an address is the hub's own: the first of a range that the node's own addresses are of.
    fn is_hub(&self, address: IpAddr) -> bool {
        let host = self.status.host.iter();
        let own = |net: &IpNet, host: &HostReport| host.addresses.iter().any(|own| net.contains(own));
        host.flat_map(|host| host.carried.iter().filter(move |net| own(net, host)))
            .any(|net| match net {
                IpNet::V4(net) => net.hosts().next().map(IpAddr::from) == Some(address),
                // Here the network's own address counts as one of a host.
                IpNet::V6(net) => net.hosts().nth(1).map(IpAddr::from) == Some(address),
            })
    }

    fn forwarding(&self) -> Hop {
        const HOP: &str = "forwarding";
        if self.status.local.is_empty() {
            return Hop::passes(HOP, "not needed: no network of this site is routed");
        }
        let (forwards, setting) = match self.to {
            IpAddr::V4(_) => (self.forwarding.v4, "net.ipv4.ip_forward"),
            IpAddr::V6(_) => (self.forwarding.v6, "net.ipv6.conf.all.forwarding"),
        };
        match forwards {
            Some(true) => Hop::passes(HOP, "this host forwards"),
            Some(false) | None => Hop::fails(
                HOP,
                "this host does not forward packets",
                format!("sysctl -w {setting}=1"),
            ),
        }
    }

    fn return_path(&self) -> Hop {
        const HOP: &str = "return path";
        let to = self.to;
        let answered = |echo: &Echo| matches!(echo, Echo::Answered { .. });
        match (&self.from_mesh, &self.from_site) {
            (Some(Echo::Answered { after }), Some((from, echo))) if !answered(echo) => {
                let mend = format!(
                    "at the site of {to}: route the network of {from} to its node, as its other remote networks"
                );
                let took = after.as_millis();
                Hop::fails(
                    HOP,
                    format!("{to} answers the node itself ({took} ms), but not {from}"),
                    mend,
                )
            }
            (Some(Echo::Answered { after }), _) => {
                Hop::passes(HOP, format!("{to} answered after {} ms", after.as_millis()))
            }
            (Some(_), Some((from, Echo::Answered { .. }))) => {
                let mend = format!(
                    "at the site of {to}: route the mesh's range, 100.96.0.0/12, to its node, or run that node with --snat"
                );
                Hop::fails(
                    HOP,
                    format!("{to} answers {from}, but not the node's mesh address"),
                    mend,
                )
            }
            (Some(Echo::Unreachable { from, .. }), _) => {
                let mend =
                    format!("start {to}, or see at {from}, a router of that site, why it does not reach it");
                Hop::fails(
                    HOP,
                    format!("{from} answers that it cannot deliver to {to}"),
                    mend,
                )
            }
            _ => {
                let mend = format!(
                    "run `adit mesh check` at that site's node; if it passes, that site's router has no route back (or use --snat there), or {to} does not answer pings"
                );
                Hop::fails(
                    HOP,
                    format!("{to} did not answer within {} s", PATIENCE.as_secs()),
                    mend,
                )
            }
        }
    }
}
