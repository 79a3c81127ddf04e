//! The device and what carries its packets.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use adit_model::PeerKey;
use tokio::{net::lookup_host, time::timeout};

use super::{
    error::NodeError,
    host::HostOptions,
    identity::KeptKey,
    status::HubStatus,
    ways::{Places, WayKeeper},
};
use crate::{
    carrier::client::CarrierClient,
    hub::path,
    link::{Gate, Link, LinkConfig, LinkPeer},
    noise::PrivateKey,
    tun::Tun,
    way::{Timing, Way},
};

/// How long the look-up of an edge's name may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// How a tunnel finds its way to the hub.
pub(super) struct WayOptions {
    /// Where the hub may be; at least one place takes datagrams.
    pub(super) places: Places,
    /// Opens carriers.
    pub(super) client: Arc<CarrierClient>,
    pub(super) timing: Timing,
}

/// A device with a link to the hub behind it. Dropping it removes the device.
pub(super) struct Tunnel {
    link: Link,
    hub: PeerKey,
    ways: WayKeeper,
}

impl Tunnel {
    /// Makes the device, which is down and has no address, and dials the hub. Packets pass while the gate lets them. Must be
    /// called inside a tokio runtime.
    pub(super) fn open(
        options: &HostOptions,
        key: &KeptKey,
        hub: PeerKey,
        ways: WayOptions,
        mtu: u16,
        gate: Arc<Gate>,
    ) -> Result<Self, NodeError> {
        let first = ways
            .places
            .udp
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
            gate,
        })
        .map_err(NodeError::Link)?;
        let WayOptions {
            places,
            client,
            timing,
        } = ways;
        let ways = WayKeeper::start(link.ways(), client, timing, places);
        Ok(Self { link, hub, ways })
    }

    /// Whether it leads to that hub.
    pub(super) fn leads_to(&self, hub: PeerKey) -> bool {
        self.hub == hub
    }

    /// The node has this key from now on, which the hub knows.
    pub(super) fn set_key(&self, key: &KeptKey) {
        self.link.set_key(PrivateKey::from_bytes(*key.expose()));
    }

    /// The hub may be at these places from now on.
    pub(super) fn set_places(&self, places: Places) {
        self.ways.set_places(places);
    }

    /// Begins a handshake: a hub that was restarted knows none of its sessions, and nothing else would tell the node so.
    pub(super) fn dial_again(&self) {
        self.link.ways().shake_hands();
    }

    /// How long a packet may be on the way to the hub, as far as this host knows.
    pub(super) fn path_mtu(&self) -> Option<u16> {
        let now = self.ways.now();
        match now.way {
            Way::Udp => {
                let hub = self.status()?.endpoint;
                path::mtu_to(hub).map(|path| path::inner_mtu(hub, path))
            }
            // What does not fit goes over the carrier's stream, slower.
            Way::Quic => now.mtu,
            Way::Tls => None,
        }
    }

    /// How it fares.
    pub(super) fn status(&self) -> Option<HubStatus> {
        let stats = self.link.stats();
        let peer = stats.peers.first()?;
        let endpoint = peer.endpoint.map(|endpoint| endpoint.remote);
        let way = self.ways.now().way;
        Some(HubStatus {
            key: self.hub.to_string(),
            endpoint: endpoint.or_else(|| self.ways.first_place())?,
            way,
            degraded: way.is_degraded(),
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
