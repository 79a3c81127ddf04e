//! One other end of the mesh.

use std::{collections::VecDeque, time::Duration};

use adit_model::PeerKey;
use bytes::BytesMut;

use super::{
    Engine, Host, Opened, Rejected, Timing, Tunnel, Verified, echo::Echo, former::Former,
    message::sender_index,
};
use crate::{
    packet,
    udp::{Endpoint, SendBatch},
};

/// Who a peer is and how it is treated.
#[derive(Debug, Clone, Copy)]
pub struct PeerConfig {
    /// What it is known by.
    pub key: PeerKey,
    /// Where it is, if it is known before it has said anything.
    pub endpoint: Option<Endpoint>,
    /// How often something is sent at least, in whole seconds, so that NAT keeps the way open. Such a peer is also
    /// dialled for ever: it never counts as lost.
    pub keep_alive: Option<u16>,
    /// How many packets wait for a handshake; the newest is dropped beyond. 0: none waits.
    pub waiting: usize,
    /// How long a packet may be, in bytes: padding stays below it.
    pub mtu: u16,
    /// Timers that differ from the standard.
    pub timing: Timing,
}

/// What went to and came from a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeerStats {
    /// Packets that were encrypted for it.
    pub sent_packets: u64,
    /// Their bytes, without WireGuard's.
    pub sent_bytes: u64,
    /// Authentic packets of it.
    pub received_packets: u64,
    /// Their bytes, without WireGuard's.
    pub received_bytes: u64,
    /// Packets for it that were dropped, since there was no session or no address.
    pub unsent: u64,
    /// What arrived in its name and was dropped.
    pub rejected: u64,
    /// How old the keys in use are; `None` without a session.
    pub session_age: Option<Duration>,
    /// Authentic messages of any kind that came.
    pub heard: u64,
    /// Those that answer what was sent by UDP: the way is open in both directions.
    pub answers_by_udp: u64,
    /// Those that answer what was sent by carriers.
    pub answers_by_carrier: u64,
}

/// Why a packet for a peer went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// Nobody knows where the peer is.
    #[error("the peer's address is not known")]
    NoEndpoint,
    /// There is no session, and no packet waits (any more) for one.
    #[error("there is no session with the peer")]
    NoSession,
}

/// One peer: its sessions, where it is, what waits for it.
pub struct Peer<E = Tunnel> {
    key: PeerKey,
    engine: E,
    /// While our own key changes.
    former: Option<Former<E>>,
    endpoint: Option<Endpoint>,
    dials_for_ever: bool,
    /// Whether this side says which way is taken, see [`Peer::lead`].
    leads: bool,
    asked: u64,
    waiting: VecDeque<BytesMut>,
    waiting_limit: usize,
    mtu: usize,
    new_index: Option<u32>,
    stats: PeerStats,
}

impl Peer {
    /// A peer of `host`.
    #[must_use]
    pub fn new(host: &Host, config: &PeerConfig) -> Self {
        let engine = Tunnel::new(host, config.key, config.keep_alive, config.timing);
        Self::with_engine(engine, config)
    }

    /// Goes over to `host`, our own end with another key, and begins a handshake under it. Until that is done packets go
    /// on under the key of before; what the peer sent under it is taken for some seconds more.
    pub fn renew(&mut self, host: &Host, config: &PeerConfig, out: &mut SendBatch) {
        let engine = Tunnel::new(host, config.key, config.keep_alive, config.timing);
        self.replace_engine(engine, out);
    }
}

impl<E: Engine> Peer<E> {
    /// A peer whose sessions another engine keeps.
    pub fn with_engine(engine: E, config: &PeerConfig) -> Self {
        Self {
            key: config.key,
            engine,
            former: None,
            endpoint: config.endpoint,
            dials_for_ever: config.keep_alive.is_some(),
            leads: false,
            asked: 0,
            waiting: VecDeque::new(),
            waiting_limit: config.waiting,
            mtu: config.mtu.into(),
            new_index: None,
            stats: PeerStats::default(),
        }
    }

    fn replace_engine(&mut self, engine: E, out: &mut SendBatch) {
        let before = std::mem::replace(&mut self.engine, engine);
        // A key that was left before it had a session has nothing to carry on.
        if before.session_age().is_some() || self.former.is_none() {
            self.former = Some(Former::new(before));
        }
        self.connect(out);
    }

    /// What the peer is known by.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.key
    }

    /// Where it is: where it was put, or where its last authentic message came from.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.endpoint
    }

    /// The peer is there now. The session stays.
    pub fn set_endpoint(&mut self, endpoint: Endpoint) {
        self.endpoint = Some(endpoint);
    }

    /// From now on this side says whether UDP or a carrier is taken ([`Peer::set_endpoint`]); without this, the peer does, by
    /// using it. One thing else leads from a carrier to UDP: that a handshake of this side is answered there
    /// ([`Peer::probe`]). What comes late by a way that was left then changes nothing.
    pub fn lead(&mut self) {
        self.leads = true;
    }

    /// The index of a handshake that the last call began or went on with, for [`Demux::learn`](super::Demux::learn).
    /// Each call on a peer makes at most one.
    pub fn take_index(&mut self) -> Option<u32> {
        self.new_index.take()
    }

    /// What has passed so far.
    #[must_use]
    pub fn stats(&self) -> PeerStats {
        PeerStats {
            session_age: self.session_age(),
            ..self.stats
        }
    }

    /// Whether there are keys to send with.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.session_age().is_some()
    }

    fn session_age(&self) -> Option<Duration> {
        let former = self.former.as_ref();
        let former = former.and_then(|former| former.engine.session_age());
        self.engine.session_age().or(former)
    }

    /// Encrypts with the keys that there are.
    fn seal(&mut self, packet: BytesMut) -> Result<BytesMut, BytesMut> {
        match (self.engine.seal(packet), &mut self.former) {
            (Err(packet), Some(former)) => former.engine.seal(packet),
            (sealed, _) => sealed,
        }
    }

    /// Encrypts a packet. Without a session it waits, if it may, and a handshake begins.
    ///
    /// # Errors
    /// Says why the packet was dropped.
    pub fn send(&mut self, mut packet: BytesMut, out: &mut SendBatch) -> Result<(), Unsent> {
        let Some(to) = self.endpoint else {
            self.stats.unsent += 1;
            return Err(Unsent::NoEndpoint);
        };
        let length = packet.len();
        // What the length tells about the content is told in steps of 16 bytes.
        packet.resize(length.next_multiple_of(16).min(self.mtu.max(length)), 0);
        match self.seal(packet) {
            Ok(datagram) => {
                self.stats.sent_packets += 1;
                self.stats.sent_bytes += length as u64;
                out.push(to, datagram);
                Ok(())
            }
            Err(mut packet) => {
                packet.truncate(length);
                self.initiate(out, false);
                if self.waiting.len() < self.waiting_limit {
                    self.waiting.push_back(packet);
                    return Ok(());
                }
                self.stats.unsent += 1;
                Err(Unsent::NoSession)
            }
        }
    }

    /// Takes in what arrived for this peer. Answers, and what waited for a session, go to `out`; the packet that it
    /// carried is returned, without padding. Only an authentic message moves the peer to where it came `from`.
    ///
    /// # Errors
    /// Says why it was dropped.
    pub fn receive(
        &mut self,
        from: Endpoint,
        message: Verified,
        out: &mut SendBatch,
    ) -> Result<Option<BytesMut>, Rejected> {
        let engine = match &mut self.former {
            Some(former) if former.takes(&message) => &mut former.engine,
            _ => &mut self.engine,
        };
        let opened = engine.open(message).inspect_err(|_| self.stats.rejected += 1)?;
        if self.goes_with(from, &opened) {
            self.endpoint = Some(from);
        }
        if !matches!(opened, Opened::Cookie) {
            self.stats.heard += 1;
        }
        if matches!(opened, Opened::Established(_)) {
            self.note_answer(from);
        }
        match opened {
            Opened::Packet(mut packet) => {
                let Some(length) = packet::length(&packet) else {
                    return self.echo(from, &packet, out).map(|()| None);
                };
                packet.truncate(length);
                self.stats.received_packets += 1;
                self.stats.received_bytes += length as u64;
                // A session that the peer began is proven by its first message.
                self.send_waiting(out);
                Ok(Some(packet))
            }
            Opened::KeepAlive => {
                self.send_waiting(out);
                Ok(None)
            }
            Opened::Respond(datagram) => {
                self.note_index(sender_index(&datagram));
                out.push(from, datagram);
                Ok(None)
            }
            Opened::Established(datagram) => {
                out.push(from, datagram);
                self.send_waiting(out);
                Ok(None)
            }
            Opened::Cookie => Ok(None),
        }
    }

    /// Whether a message from there moves the peer.
    fn goes_with(&self, from: Endpoint, message: &Opened) -> bool {
        let is_same_way = self.endpoint.is_none_or(|at| at.carrier == from.carrier);
        match message {
            Opened::Cookie => false,
            _ if is_same_way => true,
            // Whoever began it may only want to know whether the way is open; it says so by using it.
            Opened::Respond(_) => false,
            Opened::Established(_) => !self.leads || from.carrier.is_none(),
            Opened::Packet(_) | Opened::KeepAlive => !self.leads,
        }
    }

    /// Answers a question, takes an answer.
    fn echo(&mut self, from: Endpoint, bytes: &[u8], out: &mut SendBatch) -> Result<(), Rejected> {
        match Echo::decode(bytes) {
            Some(Echo::Ask(number)) => {
                if let Ok(datagram) = self.seal(Echo::Answer(number).encode()) {
                    out.push(from, datagram);
                }
                self.send_waiting(out);
                Ok(())
            }
            Some(Echo::Answer(_)) => {
                self.note_answer(from);
                Ok(())
            }
            None => {
                self.stats.rejected += 1;
                Err(Rejected::NotIp)
            }
        }
    }

    fn note_answer(&mut self, from: Endpoint) {
        match from.carrier {
            None => self.stats.answers_by_udp += 1,
            Some(_) => self.stats.answers_by_carrier += 1,
        }
    }

    /// Asks the peer for a sign of life: an authentic message follows, if it is reached and knows how to answer. Without
    /// a session a handshake begins instead.
    pub fn ask(&mut self, out: &mut SendBatch) {
        let Some(to) = self.endpoint else {
            return;
        };
        self.asked += 1;
        match self.seal(Echo::Ask(self.asked).encode()) {
            Ok(datagram) => out.push(to, datagram),
            Err(_) => self.initiate(out, false),
        }
    }

    /// Begins a handshake by another way than the one in use, which stays in use until the answer comes that way.
    pub fn probe(&mut self, to: Endpoint, out: &mut SendBatch) {
        if let Some(datagram) = self.engine.initiate(true) {
            self.note_index(sender_index(&datagram));
            out.push(to, datagram);
        }
    }

    /// Drops what waits for a handshake; how much that was.
    pub fn forget_waiting(&mut self) -> usize {
        let count = self.waiting.len();
        self.waiting.clear();
        self.stats.unsent += count as u64;
        count
    }

    /// Begins a handshake now, also if one is in progress.
    pub fn connect(&mut self, out: &mut SendBatch) {
        self.initiate(out, true);
    }

    /// Time has passed: sends what WireGuard's timers ask for. See [`TICK`](super::TICK).
    pub fn tick(&mut self, out: &mut SendBatch) {
        let is_replaced = self.engine.session_age().is_some();
        self.former.take_if(|former| !former.tick(is_replaced));
        match self.engine.tick() {
            Ok(Some(datagram)) => self.push(datagram, out),
            Ok(None) => {}
            Err(_) => {
                self.forget_waiting();
                if self.dials_for_ever {
                    self.initiate(out, false);
                }
            }
        }
    }

    fn initiate(&mut self, out: &mut SendBatch, again: bool) {
        if self.endpoint.is_some()
            && let Some(datagram) = self.engine.initiate(again)
        {
            self.push(datagram, out);
        }
    }

    fn note_index(&mut self, index: Option<u32>) {
        if let (Some(index), Some(former)) = (index, &mut self.former) {
            former.leave(index);
        }
        self.new_index = index.or(self.new_index);
    }

    fn push(&mut self, datagram: BytesMut, out: &mut SendBatch) {
        if let Some(to) = self.endpoint {
            self.note_index(sender_index(&datagram));
            out.push(to, datagram);
        }
    }

    fn send_waiting(&mut self, out: &mut SendBatch) {
        if self.waiting.is_empty() || !self.has_session() {
            return;
        }
        for packet in std::mem::take(&mut self.waiting) {
            // Without the session that was just made they are counted as unsent.
            let _ = self.send(packet, out);
        }
    }
}
