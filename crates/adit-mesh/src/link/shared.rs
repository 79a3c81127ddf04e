//! What the threads of a link share.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use adit_model::PeerKey;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::{
    LinkConfig, LinkPeerStats, LinkStats, PATIENCE, WAITING,
    drops::{Dropped, Drops},
    gate::Gate,
    routes::Routes,
};
use crate::{
    carrier::{Board, Inbox},
    noise::{Demux, HandshakeLimits, Host, Peer, PeerConfig, PrivateKey, Timing},
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
    /// This node's end; another one when its key changes.
    pub(super) host: ArcSwap<Host>,
    pub(super) socket: BatchSocket,
    pub(super) board: Arc<Board>,
    pub(super) inbox: Inbox,
    pub(super) tun: Tun,
    pub(super) peers: Vec<Mutex<Peer>>,
    /// How they are treated, in the same order.
    configs: Vec<PeerConfig>,
    pub(super) by_key: HashMap<PeerKey, usize>,
    pub(super) demux: RwLock<Demux<usize>>,
    pub(super) routes: Routes,
    pub(super) gate: Arc<Gate>,
    /// Whether the gate was open when it was looked at last.
    was_open: AtomicBool,
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
        let configs = config.peers.iter().map(|peer| PeerConfig {
            key: peer.key,
            endpoint: peer.endpoint.map(Endpoint::from),
            keep_alive: peer.keep_alive,
            waiting: WAITING,
            mtu: config.mtu,
            timing: TIMING,
        });
        let configs: Vec<PeerConfig> = configs.collect();
        let peers = configs.iter().map(|config| {
            let mut peer = Peer::new(&host, config);
            peer.lead();
            Mutex::new(peer)
        });
        let (board, inbox) = Board::new();
        Ok(Self {
            peers: peers.collect(),
            configs,
            by_key: config
                .peers
                .iter()
                .enumerate()
                .map(|(at, peer)| (peer.key, at))
                .collect(),
            routes: Routes::new(&config.peers),
            demux: RwLock::default(),
            was_open: AtomicBool::new(config.gate.is_open()),
            gate: config.gate,
            drops: Drops::default(),
            stop: Stop::new()?,
            tun: config.tun,
            board,
            inbox,
            socket,
            host: ArcSwap::from_pointee(host),
        })
    }

    /// After a call on this peer: what arrives for the handshake that it may have begun is for it.
    pub(super) fn learn(&self, at: usize, peer: &mut Peer) {
        if let Some(index) = peer.take_index() {
            self.demux.write().learn(index, at);
        }
    }

    /// Sends what was collected while the gate was open, for as long as it is: it is looked at before each 64 datagrams, in
    /// case the process was stopped in between.
    pub(super) fn flush_open(&self, out: &mut SendBatch) {
        if self.gate.is_open() {
            self.send(out, || self.gate.is_open());
        } else {
            self.drops.add(Dropped::NotForwarding, out.len());
            out.clear();
        }
    }

    /// Sends what was collected.
    pub(super) fn flush(&self, out: &mut SendBatch) {
        self.send(out, || true);
    }

    fn send(&self, out: &mut SendBatch, may: impl Fn() -> bool) {
        if out.is_empty() {
            return;
        }
        let carried = self.board.send(out);
        let flushed = self.socket.flush_while(out, PATIENCE, may);
        for (why, count) in [
            (Dropped::CarrierFull, carried),
            (Dropped::SocketFull, flushed.dropped),
            (Dropped::NotForwarding, flushed.forbidden),
        ] {
            if count > 0 {
                self.drops.add(why, count);
            }
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

    /// Goes over to another key of this node, if it is another one: a handshake with each peer begins, and packets go on
    /// under the former key until it is done.
    pub(super) fn set_key(&self, key: PrivateKey) {
        let before = self.host.load();
        if key.public() == before.public() {
            return;
        }
        let host = Arc::new(before.with_key(key, Instant::now()));
        self.host.store(Arc::clone(&host));
        let mut out = SendBatch::default();
        for (at, (peer, config)) in self.peers.iter().zip(&self.configs).enumerate() {
            let mut peer = peer.lock();
            peer.renew(&host, config, &mut out);
            self.learn(at, &mut peer);
        }
        self.flush(&mut out);
    }

    /// Drops what waits for handshakes.
    fn forget_waiting(&self) {
        let forgotten = self.peers.iter().map(|peer| peer.lock().forget_waiting()).sum();
        self.drops.add(Dropped::NotForwarding, forgotten);
    }

    /// Whether packets of the site pass. Where that has ended since the last look, what waited for a handshake is
    /// forgotten. To be called without a peer in hand.
    pub(super) fn is_open(&self) -> bool {
        let is_open = self.gate.is_open();
        if self.was_open.swap(is_open, Ordering::SeqCst) && !is_open {
            self.forget_waiting();
        }
        is_open
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
            forwarding: self.gate.is_open(),
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
