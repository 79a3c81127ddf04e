//! The device and what carries its packets.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use adit_model::PeerKey;
use adit_wire::mesh::{HubAddress, Role};
use tokio::{net::lookup_host, time::timeout};

use super::{error::NodeError, host::HostOptions, identity::KeptKey, status::HubStatus};
use crate::{
    hub::path,
    link::{Link, LinkConfig, LinkPeer},
    noise::PrivateKey,
    tun::Tun,
};

/// How long the look-up of the hub's name may take.
const LOOK_UP: Duration = Duration::from_secs(5);
/// After how long without a handshake another address of the hub is tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// A session of WireGuard is dead after three minutes.
const DEAD: Duration = Duration::from_secs(180);

/// A device with a link to the hub behind it. Dropping it removes the device.
pub(super) struct Tunnel {
    link: Link,
    hub: PeerKey,
    /// Where the hub may be, best first.
    places: Vec<SocketAddr>,
    at: usize,
    dialled: Instant,
}

impl Tunnel {
    /// Makes the device, which is down and has no address, and dials the hub. Nothing passes yet.
    pub(super) fn open(
        options: &HostOptions,
        key: &KeptKey,
        hub: PeerKey,
        places: Vec<SocketAddr>,
        mtu: u16,
    ) -> Result<Self, NodeError> {
        let first = places
            .first()
            .copied()
            .ok_or_else(|| NodeError::Link(no_address()))?;
        let name = &options.interface;
        let tun = Tun::create(name, 1).map_err(|cause| NodeError::Device {
            name: name.clone(),
            cause,
        })?;
        let link = Link::start(LinkConfig {
            tun,
            key: PrivateKey::from_bytes(*key.expose()),
            listen: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            mark: Some(options.mark),
            mtu,
            peers: vec![LinkPeer::hub(hub, first)],
            forwarding: false,
        })
        .map_err(NodeError::Link)?;
        Ok(Self {
            link,
            hub,
            places,
            at: 0,
            dialled: Instant::now(),
        })
    }

    /// Whether it leads to that hub.
    pub(super) fn leads_to(&self, hub: PeerKey) -> bool {
        self.hub == hub
    }

    /// The hub may be at these places from now on.
    pub(super) fn set_places(&mut self, places: Vec<SocketAddr>) {
        if places.is_empty() || places == self.places {
            return;
        }
        let present = self.places.get(self.at).copied();
        self.at = places
            .iter()
            .position(|place| Some(*place) == present)
            .unwrap_or_else(|| {
                if let Some(first) = places.first() {
                    self.link.set_hub(*first);
                }
                self.dialled = Instant::now();
                0
            });
        self.places = places;
    }

    /// Only the active replica of a site carries its traffic.
    pub(super) fn set_role(&self, role: Role) {
        self.link.set_forwarding(role == Role::Active);
    }

    /// Tries another place if the hub is silent at the present one. To be called now and then.
    pub(super) fn look_further(&mut self) {
        let silent = self.handshake_age().is_none_or(|age| age > DEAD);
        if silent && self.places.len() > 1 && self.dialled.elapsed() > PATIENCE {
            self.at = (self.at + 1) % self.places.len();
            self.dialled = Instant::now();
            if let Some(place) = self.places.get(self.at) {
                tracing::info!(hub = %place, "the hub is silent; trying another of its addresses");
                self.link.set_hub(*place);
            }
        }
    }

    /// How long a packet may be on the way to the hub, as far as this host knows.
    pub(super) fn path_mtu(&self) -> Option<u16> {
        let hub = self.status()?.endpoint;
        path::mtu_to(hub).map(|path| path::inner_mtu(hub, path))
    }

    fn handshake_age(&self) -> Option<Duration> {
        self.link.stats().peers.first()?.stats.session_age
    }

    /// How it fares.
    pub(super) fn status(&self) -> Option<HubStatus> {
        let stats = self.link.stats();
        let peer = stats.peers.first()?;
        let endpoint = peer.endpoint.map(|endpoint| endpoint.remote);
        Some(HubStatus {
            key: self.hub.to_string(),
            endpoint: endpoint.or_else(|| self.places.get(self.at).copied())?,
            handshake_age_ms: peer
                .stats
                .session_age
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            received_bytes: peer.stats.received_bytes,
            sent_bytes: peer.stats.sent_bytes,
        })
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::AddrNotAvailable, "the hub has no address")
}

/// Where the hub may be, best first: as it says, or where the edge is.
pub(super) async fn places(hub: &HubAddress, edge: Option<SocketAddr>) -> Vec<SocketAddr> {
    let mut places = Vec::new();
    for endpoint in &hub.endpoints {
        let found = timeout(LOOK_UP, lookup_host((endpoint.host(), endpoint.port()))).await;
        match found {
            Ok(Ok(found)) => places.extend(found),
            Ok(Err(_)) | Err(_) => tracing::warn!(hub = %endpoint, "cannot find the hub's address"),
        }
    }
    if hub.endpoints.is_empty() {
        places.extend(edge.map(|edge| SocketAddr::new(edge.ip(), hub.port)));
    }
    places
}

/// The addresses of the edges, as far as they can be found now.
pub(super) async fn addresses(edges: &[String]) -> BTreeSet<IpAddr> {
    let mut all = BTreeSet::new();
    for edge in edges {
        if let Ok(Ok(found)) = timeout(LOOK_UP, lookup_host(edge)).await {
            all.extend(found.map(|address| address.ip().to_canonical()));
        }
    }
    all
}
