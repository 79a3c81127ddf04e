//! The data path of a node: packets between the TUN device of this host and the peers that it knows, which is the hub,
//! or another node.
//!
//! ```text
//! TUN queue ──► split ──► encrypt ──► UDP trains      one thread for each queue
//! TUN queue ◄── join  ◄── decrypt ◄── UDP trains      one thread, which also runs the timers
//! ```
//!
//! A flow stays on one queue, so on one thread, so in order. Every queue has a bound, and what comes beyond is dropped:
//!
//! | Queue | Bound | Dropped |
//! |---|---|---|
//! | towards the TUN device's readers | its `txqueuelen`, 500 super-packets unless changed | the newest, by the kernel |
//! | packets that wait for a handshake | [`WAITING`] a peer | the newest |
//! | UDP, sending | the socket's buffer; a thread waits up to [`PATIENCE`] for room | what it still holds |
//! | by a carrier, both ways | as [`carrier`](crate::carrier) says | as said there |
//! | UDP, receiving | the socket's buffer | the newest, by the kernel |
//! | in a thread's hands | one read of the socket, or about [`BATCH`] datagrams | nothing |
//!
//! While the [`Gate`] is shut packets of the site are dropped in both directions; the node's own ones, handshakes and
//! keep-alives go on, so that opening it takes effect with the next packet.

mod drops;
mod gate;
mod inbound;
mod outbound;
mod routes;
mod shared;
#[cfg(test)]
mod tests;
mod ways;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use adit_model::PeerKey;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use drops::Dropped;
pub use gate::Gate;
use shared::Shared;
pub use ways::{LinkWays, Seen};

use crate::{
    noise::{PeerStats, PrivateKey},
    tun::Tun,
    udp::Endpoint,
};

/// How many packets wait for a handshake with one peer.
pub const WAITING: usize = 128;
/// How long a thread waits for room in the UDP socket.
pub const PATIENCE: Duration = Duration::from_millis(20);
/// How many datagrams a thread collects before it sends them.
pub const BATCH: usize = 128;

/// What a link is made of.
#[derive(Debug)]
pub struct LinkConfig {
    /// Where packets of this host come from and go to.
    pub tun: Tun,
    /// The key of this node.
    pub key: PrivateKey,
    /// Where UDP is bound. A port of 0 takes a free one; `[::]` takes both families.
    pub listen: SocketAddr,
    /// The mark of outgoing datagrams, by which routing rules keep them out of the tunnel.
    pub mark: Option<u32>,
    /// How long a packet may be, in bytes: the MTU of the TUN device.
    pub mtu: u16,
    /// Whom it talks to.
    pub peers: Vec<LinkPeer>,
    /// What lets packets of the site pass. A thread looks before each batch; what it has in hand, at most 64 datagrams towards
    /// the hub and one read of the socket towards the site, still passes. What waits for a handshake does not.
    pub gate: Arc<Gate>,
}

/// One peer of a link.
#[derive(Debug, Clone)]
pub struct LinkPeer {
    /// What it is known by.
    pub key: PeerKey,
    /// Where it is; `None` waits until it says something.
    pub endpoint: Option<SocketAddr>,
    /// What is behind it: packets for these go to it, and only packets from these are taken from it. The longest
    /// prefix wins, then the earlier peer.
    pub prefixes: Vec<IpNet>,
    /// How often something is sent to it at least, in whole seconds. With it the peer is dialled at once and for ever.
    pub keep_alive: Option<u16>,
}

impl LinkPeer {
    /// The hub: everything is behind it.
    #[must_use]
    pub fn hub(key: PeerKey, endpoint: SocketAddr) -> Self {
        let prefixes = vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        Self {
            key,
            endpoint: Some(endpoint),
            prefixes,
            keep_alive: Some(25),
        }
    }
}

/// What passed through a link so far.
#[derive(Debug, Clone)]
pub struct LinkStats {
    /// Its peers, in the order of the configuration.
    pub peers: Vec<LinkPeerStats>,
    /// What was dropped, and why: every kind that there is.
    pub dropped: Vec<(Dropped, u64)>,
    /// Whether packets pass.
    pub forwarding: bool,
}

/// What passed between a link and one peer.
#[derive(Debug, Clone, Copy)]
pub struct LinkPeerStats {
    /// What the peer is known by.
    pub key: PeerKey,
    /// Where it is.
    pub endpoint: Option<Endpoint>,
    /// What passed.
    pub stats: PeerStats,
}

/// A running data path. Dropping it stops its threads and closes the device.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Link {
    /// Starts the threads and dials the peers that have an endpoint and a keep-alive.
    ///
    /// # Errors
    /// If the socket or a thread cannot be made.
    pub fn start(config: LinkConfig) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(config)?);
        let mut link = Self {
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        for queue in 0..shared.tun.queues().len() {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("mesh-out-{queue}"));
            link.threads
                .push(thread.spawn(move || outbound::run(&shared, queue))?);
        }
        let thread = thread::Builder::new().name("mesh-in".to_owned());
        link.threads.push({
            let shared = Arc::clone(&shared);
            thread.spawn(move || inbound::run(&shared))?
        });
        let thread = thread::Builder::new().name("mesh-carried".to_owned());
        link.threads
            .push(thread.spawn(move || inbound::run_carried(&shared))?);
        Ok(link)
    }

    /// Where UDP is bound.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.shared.socket.local_addr()
    }

    /// The first peer, which is the hub, is there now; a handshake with it begins at once. Useful also where it has not
    /// moved and only its sessions are lost.
    pub fn set_hub(&self, endpoint: SocketAddr) {
        self.shared.dial(0, endpoint.into());
    }

    /// This node has another key from now on, which its peers know by now. A handshake with each begins at once; packets go
    /// on under the former key until it is done.
    pub fn set_key(&self, key: PrivateKey) {
        self.shared.set_key(key);
    }

    /// A peer is there now, as [`Link::set_hub`]; `false` if there is no such peer.
    pub fn set_endpoint(&self, key: PeerKey, endpoint: SocketAddr) -> bool {
        let peer = self.shared.by_key.get(&key);
        peer.is_some_and(|peer| self.shared.dial(*peer, endpoint.into()))
    }

    /// Which way datagrams to the first peer, which is the hub, take.
    #[must_use]
    pub fn ways(&self) -> LinkWays {
        LinkWays::new(&self.shared)
    }

    /// What passed so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        self.shared.stats()
    }

    /// The name of the TUN device.
    #[must_use]
    pub fn device(&self) -> &str {
        self.shared.tun.name()
    }

    /// Stops the threads, then closes the device and the socket. Waits for both, some milliseconds.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop.tell();
        self.shared.board.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the mesh link panicked");
            }
        }
    }
}
