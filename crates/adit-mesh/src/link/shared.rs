//! What the threads of a link share.

use std::{
    collections::HashMap,
    fmt, io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use adit_model::PeerKey;
use parking_lot::{Mutex, RwLock};

use super::{
    LinkConfig, LinkPeerStats, LinkStats, PATIENCE, WAITING,
    drops::{Dropped, Drops},
    routes::Routes,
};
use crate::{
    noise::{Demux, HandshakeLimits, Host, Peer, PeerConfig, Timing},
    tun::Tun,
    udp::{BatchSocket, Endpoint, SendBatch},
    wait::Stop,
};

/// A site whose first handshake is lost, or whose peer starts a moment later, need not wait for 5 s. WireGuard's receivers
/// take many times as many.
const TIMING: Timing = Timing {
    retry: Some(Duration::from_secs(1)),
    rekey: None,
    silence: None,
};

pub(super) struct Shared {
    pub(super) host: Host,
    pub(super) socket: BatchSocket,
    pub(super) tun: Tun,
    pub(super) peers: Vec<Mutex<Peer>>,
    pub(super) by_key: HashMap<PeerKey, usize>,
    pub(super) demux: RwLock<Demux<usize>>,
    pub(super) routes: Routes,
    pub(super) forwarding: AtomicBool,
    pub(super) drops: Drops,
    pub(super) stop: Stop,
}

impl Shared {
    pub(super) fn new(config: LinkConfig) -> io::Result<Self> {
        let host = Host::new(config.key, HandshakeLimits::default(), Instant::now());
        let socket = BatchSocket::bind(config.listen)?;
        if let Some(mark) = config.mark {
            socket.set_mark(mark)?;
        }
        let peers = config.peers.iter().map(|peer| {
            let config = PeerConfig {
                key: peer.key,
                endpoint: peer.endpoint.map(Endpoint::from),
                keep_alive: peer.keep_alive,
                waiting: WAITING,
                mtu: config.mtu,
                timing: TIMING,
            };
            Mutex::new(Peer::new(&host, &config))
        });
        Ok(Self {
            peers: peers.collect(),
            by_key: config
                .peers
                .iter()
                .enumerate()
                .map(|(at, peer)| (peer.key, at))
                .collect(),
            routes: Routes::new(&config.peers),
            demux: RwLock::default(),
            forwarding: AtomicBool::new(config.forwarding),
            drops: Drops::default(),
            stop: Stop::new()?,
            tun: config.tun,
            socket,
            host,
        })
    }

    /// After a call on this peer: what arrives for the handshake that it may have begun is for it.
    pub(super) fn learn(&self, at: usize, peer: &mut Peer) {
        if let Some(index) = peer.take_index() {
            self.demux.write().learn(index, at);
        }
    }

    /// Sends what was collected.
    pub(super) fn flush(&self, out: &mut SendBatch) {
        if out.is_empty() {
            return;
        }
        let flushed = self.socket.flush(out, PATIENCE);
        if flushed.dropped > 0 {
            self.drops.add(Dropped::SocketFull, flushed.dropped);
        }
    }

    /// Puts a peer somewhere and begins a handshake with it.
    pub(super) fn dial(&self, at: usize, endpoint: Endpoint) -> bool {
        let Some(peer) = self.peers.get(at) else {
            return false;
        };
        let mut out = SendBatch::default();
        {
            let mut peer = peer.lock();
            peer.set_endpoint(endpoint);
            peer.connect(&mut out);
            self.learn(at, &mut peer);
        }
        self.flush(&mut out);
        true
    }

    /// Drops what waits for handshakes.
    pub(super) fn forget_waiting(&self) {
        let forgotten = self.peers.iter().map(|peer| peer.lock().forget_waiting()).sum();
        self.drops.add(Dropped::NotForwarding, forgotten);
    }

    pub(super) fn is_forwarding(&self) -> bool {
        self.forwarding.load(Ordering::SeqCst)
    }

    pub(super) fn stats(&self) -> LinkStats {
        let of = |peer: &Mutex<Peer>| {
            let peer = peer.lock();
            LinkPeerStats {
                key: peer.key(),
                endpoint: peer.endpoint(),
                stats: peer.stats(),
            }
        };
        LinkStats {
            peers: self.peers.iter().map(of).collect(),
            dropped: self.drops.all(),
            forwarding: self.is_forwarding(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("tun", &self.tun)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
