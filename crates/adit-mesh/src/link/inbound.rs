//! From the peers to the TUN device, and the timers.

use std::{io, os::fd::AsFd, time::Instant};

use adit_model::PeerKey;
use bytes::BytesMut;
use parking_lot::MutexGuard;

use super::{
    drops::{Dropped, Report},
    shared::Shared,
};
use crate::{
    carrier::Waited,
    noise::{Incoming, Peer, TICK, Verified},
    packet::{self, Coalescer},
    udp::{Endpoint, ReceiveBatch, SendBatch},
    wait,
};

/// How many messages of the socket one read takes; each may be a train of 64 datagrams.
const MESSAGES: usize = 8;

pub(super) fn run(shared: &Shared) {
    let mut batch = ReceiveBatch::new(MESSAGES);
    let mut inbound = Inbound {
        shared,
        out: SendBatch::default(),
        packets: Coalescer::new(shared.tun.joins_udp()),
    };
    let mut report = Report::new(Instant::now());
    let mut next_tick = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next_tick {
            inbound.tick(now);
            report.tick(now, &shared.drops);
            next_tick = now + TICK;
        }
        let patience = next_tick.saturating_duration_since(now);
        let [is_stopped, is_readable] =
            wait::until_readable([shared.stop.as_fd(), shared.socket.as_fd()], patience);
        if is_stopped {
            return;
        }
        if is_readable {
            match shared.socket.receive(&mut batch) {
                Ok(()) => inbound.take(batch.datagrams()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => tracing::debug!(%error, "cannot receive from the mesh"),
            }
        }
    }
}

/// Takes what carriers bring, until the link stops.
pub(super) fn run_carried(shared: &Shared) {
    let mut came = Waited::default();
    let mut inbound = Inbound {
        shared,
        out: SendBatch::default(),
        packets: Coalescer::new(shared.tun.joins_udp()),
    };
    while shared.inbox.wait(&mut came) {
        inbound.take(came.datagrams());
    }
}

struct Inbound<'a> {
    shared: &'a Shared,
    out: SendBatch,
    packets: Coalescer,
}

/// The peer of the last datagram, which most likely is that of the next one.
type Held<'a> = Option<(usize, MutexGuard<'a, Peer>)>;

impl<'a> Inbound<'a> {
    fn take<'d>(&mut self, datagrams: impl Iterator<Item = (Endpoint, &'d [u8])>) {
        let now = Instant::now();
        let is_open = self.shared.is_open();
        let mut held: Held<'a> = None;
        for (from, datagram) in datagrams {
            match self.open(from, datagram, now, &mut held) {
                Ok(Some(packet)) if is_open || self.shared.gate.is_own(packet::destination(&packet)) => {
                    self.packets.push(packet);
                }
                Ok(Some(_)) => self.shared.drops.add(Dropped::NotForwarding, 1),
                Ok(None) => {}
                Err(dropped) => self.shared.drops.add(dropped, 1),
            }
        }
        drop(held);
        if is_open {
            self.shared.flush_open(&mut self.out);
        } else {
            self.shared.flush(&mut self.out);
        }
        self.write();
    }

    /// The packet in a datagram, if one of our peers sent it and may.
    fn open(
        &mut self,
        from: Endpoint,
        datagram: &[u8],
        now: Instant,
        held: &mut Held<'a>,
    ) -> Result<Option<BytesMut>, Dropped> {
        let (at, message) = match self.shared.host.load().classify(from.remote, datagram, now)? {
            Incoming::Challenge(challenge) => {
                self.out.push(from, challenge);
                return Ok(None);
            }
            Incoming::Initiation { from, message } => (self.of_key(from), message),
            Incoming::Indexed { index, message } => (self.shared.demux.read().find(index), message),
        };
        let at = at.ok_or(Dropped::UnknownSession)?;
        let Some(packet) = self.receive(at, from, message, held)? else {
            return Ok(None);
        };
        let source = packet::source(&packet).and_then(|source| self.shared.routes.find(source));
        if source != Some(at) {
            return Err(Dropped::ForeignSource);
        }
        Ok(Some(packet))
    }

    fn of_key(&self, key: PeerKey) -> Option<usize> {
        self.shared.by_key.get(&key).copied()
    }

    fn receive(
        &mut self,
        at: usize,
        from: Endpoint,
        message: Verified,
        held: &mut Held<'a>,
    ) -> Result<Option<BytesMut>, Dropped> {
        if held.as_ref().is_none_or(|(held, _)| *held != at) {
            // Never two at once.
            *held = None;
            let peer = self.shared.peers.get(at).ok_or(Dropped::UnknownSession)?;
            *held = Some((at, peer.lock()));
        }
        let Some((_, peer)) = held else {
            return Ok(None);
        };
        let packet = peer.receive(from, message, &mut self.out);
        self.shared.learn(at, peer);
        Ok(packet?)
    }

    /// Hands what was collected to the kernel.
    fn write(&mut self) {
        let shared = self.shared;
        self.packets.drain(|header, slices, count| {
            let queues = shared.tun.queues();
            let place = slices.first().map_or(0, |first| flow_of(first)) % queues.len().max(1);
            let written = queues.get(place).map(|queue| queue.write(header, slices));
            if !matches!(written, Some(Ok(()))) {
                shared.drops.add(Dropped::DeviceRefused, count);
            }
        });
    }

    fn tick(&mut self, now: Instant) {
        // What waits for a handshake must not outlast the lease.
        self.shared.is_open();
        let host = self.shared.host.load();
        host.tick(now);
        for (at, peer) in self.shared.peers.iter().enumerate() {
            let mut peer = peer.lock();
            peer.tick(&mut self.out);
            self.shared.learn(at, &mut peer);
        }
        self.shared.demux.write().sweep(&host);
        self.shared.flush(&mut self.out);
    }
}

/// A number that all packets between two addresses have: the kernel answers a flow on the queue that it was written to.
fn flow_of(packet: &[u8]) -> usize {
    let addresses = if packet.first().is_some_and(|first| first >> 4 == 6) {
        8..40
    } else {
        12..20
    };
    let bytes = packet.get(addresses).unwrap_or_default();
    bytes
        .iter()
        .fold(0, |sum, byte| (sum * 31 + usize::from(*byte)) & 0xff_ffff)
}
