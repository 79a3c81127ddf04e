//! Which way datagrams to the hub take: UDP to one of its addresses, or a carrier.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
};

use super::shared::Shared;
use crate::{
    carrier::Line,
    noise::Peer,
    udp::{Endpoint, SendBatch},
};

/// Says which way datagrams to the first peer of a link take, and sees which ways it is heard by. Does not keep the link
/// alive: without one, nothing happens.
#[derive(Debug, Clone)]
pub struct LinkWays(Weak<Shared>);

/// What was seen of the first peer so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Where it is now.
    pub endpoint: Option<Endpoint>,
    /// Authentic messages that came by any way.
    pub heard: u64,
    /// Answers that came by UDP.
    pub answers_by_udp: u64,
    /// Answers that came by carriers.
    pub answers_by_carrier: u64,
}

impl LinkWays {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// Sends by UDP to this address from now on, and begins a handshake there.
    pub fn dial(&self, address: SocketAddr) {
        self.with_peer(|peer, out| {
            peer.set_endpoint(address.into());
            peer.connect(out);
        });
    }

    /// Begins a handshake by UDP with whoever is at this address. If it is answered, that is the way from then on.
    pub fn probe(&self, address: SocketAddr) {
        self.with_peer(|peer, out| peer.probe(address.into(), out));
    }

    /// Begins a handshake by the way in use.
    pub fn shake_hands(&self) {
        self.with_peer(Peer::connect);
    }

    /// Sends by this carrier from now on, and asks for a sign of life by it.
    pub fn take(&self, carrier: Endpoint) {
        self.with_peer(|peer, out| {
            peer.set_endpoint(carrier);
            peer.ask(out);
        });
    }

    /// Asks for a sign of life by the way in use.
    pub fn ask(&self) {
        self.with_peer(Peer::ask);
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let Some(shared) = self.0.upgrade() else {
            return Seen::default();
        };
        let Some(peer) = shared.peers.first().map(|peer| peer.lock()) else {
            return Seen::default();
        };
        let stats = peer.stats();
        Seen {
            endpoint: peer.endpoint(),
            heard: stats.heard,
            answers_by_udp: stats.answers_by_udp,
            answers_by_carrier: stats.answers_by_carrier,
        }
    }

    /// A place for a carrier whose far end is there; `None` if there is no link any more.
    #[must_use]
    pub fn line(&self, remote: SocketAddr) -> Option<Line> {
        self.0.upgrade()?.board.open(remote)
    }

    fn with_peer(&self, act: impl FnOnce(&mut Peer, &mut SendBatch)) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        let mut out = SendBatch::default();
        if let Some(peer) = shared.peers.first() {
            let mut peer = peer.lock();
            act(&mut peer, &mut out);
            shared.learn(0, &mut peer);
        }
        shared.flush(&mut out);
    }
}
