//! The threads that carry packets.

use std::{
    net::SocketAddr,
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::mesh::forwarding::MemberIndex;
use bytes::BytesMut;

use super::{
    Dropped, Forwarder, Links,
    scene::{Scene, Slot},
    shared::Shared,
    trouble::Trouble,
};
use crate::{
    carrier::Waited,
    noise::{Incoming, Rejected, Verified},
    onramp::Handed,
    packet,
    udp::{BatchSocket, Endpoint, ReceiveBatch, SendBatch},
    wait::until_readable,
};

/// How many trains of datagrams are taken in at once.
const RECEIVED_AT_ONCE: usize = 32;
/// How many datagrams wait to be sent; then they are sent.
pub(super) const MOST_WAITING: usize = 512;
/// How long a full socket is waited for, before what it does not take is dropped.
pub(super) const PATIENCE: Duration = Duration::from_millis(2);
/// How long a thread waits for something to arrive, when it is not told to stop.
const LONG: Duration = Duration::from_secs(60);

/// Carries what arrives at one socket, until the hub stops.
pub(super) fn run(shared: &Shared, socket: &BatchSocket) {
    let mut received = ReceiveBatch::new(RECEIVED_AT_ONCE);
    let mut worker = Worker {
        shared,
        socket,
        forwarder: Forwarder::default(),
        out: SendBatch::default(),
    };
    loop {
        let [_, is_over] = until_readable([socket.as_fd(), shared.stop.as_fd()], LONG);
        if is_over {
            return;
        }
        match socket.receive(&mut received) {
            Ok(()) => worker.take_all(received.datagrams()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => shared.troubles.note(Trouble::Unread, None),
        }
    }
}

/// Carries what arrives by carriers, until the hub stops.
pub(super) fn run_carried(shared: &Shared, socket: &BatchSocket) {
    let mut came = Waited::default();
    let mut worker = Worker {
        shared,
        socket,
        forwarder: Forwarder::default(),
        out: SendBatch::default(),
    };
    while shared.inbox.wait(&mut came) {
        worker.take_all(came.datagrams());
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    socket: &'a BatchSocket,
    forwarder: Forwarder,
    out: SendBatch,
}

impl Worker<'_> {
    fn take_all<'d>(&mut self, received: impl Iterator<Item = (Endpoint, &'d [u8])>) {
        let scene = self.shared.scene.load();
        let now = Instant::now();
        for (from, datagram) in received {
            if let Err(why) = self.take(&scene, from, datagram, now) {
                self.shared.book.nobody.counts.dropped(why);
                self.shared.trouble(why, from.remote);
            }
            if self.out.len() >= MOST_WAITING {
                self.flush();
            }
        }
        self.flush();
    }

    /// Takes one datagram.
    ///
    /// # Errors
    /// Says why, if nobody in the table sent it. What a member sent and was dropped is counted as the member's.
    fn take(&mut self, scene: &Scene, from: Endpoint, datagram: &[u8], now: Instant) -> Result<(), Dropped> {
        let classified = self.shared.host.classify(from.remote, datagram, now);
        let (key, message, begins) = match classified.map_err(Dropped::Rejected)? {
            Incoming::Initiation { from: key, message } => (key, message, true),
            Incoming::Indexed { index, message } => {
                let key = self.shared.demux.read().find(index);
                (key.ok_or(Dropped::Stranger)?, message, false)
            }
            Incoming::Challenge(challenge) => {
                self.shared.troubles.note(Trouble::Challenged, Some(from.remote));
                self.out.push(from, challenge);
                return Ok(());
            }
        };
        let (member, slot) = scene.find(&key).ok_or(Dropped::Stranger)?;
        let packet = self.open(slot, from, message).map_err(Dropped::Rejected)?;
        // A handshake that has only begun gives nothing to send with yet: a member that changes its key is reached under the
        // former one until the first message under the new one.
        if !begins {
            slot.hear(self.shared.began, now);
        }
        let (Some(packet), Some(station)) = (packet, scene.station(member)) else {
            return Ok(());
        };
        station.counts.received(packet.len());
        let own = scene.table.member(member).map(|member| member.addresses);
        let is_of_site =
            packet::source(&packet).is_some_and(|from| own.is_some_and(|own| own.beside(from) != from));
        let mut links = Sessions {
            shared: self.shared,
            scene,
            out: &mut self.out,
            now,
        };
        let handled = self
            .forwarder
            .handle(&scene.table, member, packet, now, &mut links);
        if is_of_site && handled.is_ok() {
            slot.bring(self.shared.began, now);
        }
        if let Err(why) = handled {
            station.counts.dropped(why);
            self.shared.trouble(why, from.remote);
        }
        Ok(())
    }

    /// Authenticates a message; the packet in it.
    fn open(&mut self, slot: &Slot, from: Endpoint, message: Verified) -> Result<Option<BytesMut>, Rejected> {
        let mut peer = slot.peer.lock();
        let before = peer.endpoint();
        let opened = peer.receive(from, message, &mut self.out);
        if let Some(index) = peer.take_index() {
            self.shared.demux.write().learn(index, slot.key);
        }
        let place = |at: Option<Endpoint>| at.map(|at| (at.remote, at.carrier));
        if place(peer.endpoint()) != place(before) {
            slot.set_moved();
        }
        opened
    }

    fn flush(&mut self) {
        self.shared.flush(self.socket, &mut self.out, PATIENCE);
    }
}

/// The sessions of a scene.
pub(super) struct Sessions<'a> {
    pub(super) shared: &'a Shared,
    pub(super) scene: &'a Scene,
    pub(super) out: &'a mut SendBatch,
    pub(super) now: Instant,
}

impl Sessions<'_> {
    fn slot(&self, member: MemberIndex) -> Option<&Arc<Slot>> {
        self.scene.station(member)?.slot()
    }
}

impl Links for Sessions<'_> {
    fn mtu(&self, member: MemberIndex) -> u16 {
        let station = self.scene.station(member);
        station.map_or(super::path::LEAST_MTU, super::scene::Station::mtu)
    }

    fn is_open(&self, member: MemberIndex) -> bool {
        self.slot(member)
            .is_some_and(|slot| slot.is_live(self.shared.began, self.now))
    }

    fn send(&mut self, to: MemberIndex, packet: BytesMut) -> bool {
        let Some(station) = self.scene.station(to) else {
            return false;
        };
        let Some(slot) = station.slot() else {
            return false;
        };
        let bytes = packet.len();
        let mut peer = slot.peer.lock();
        let is_sent = peer.send(packet, self.out).is_ok();
        if let Some(index) = peer.take_index() {
            self.shared.demux.write().learn(index, slot.key);
        }
        if is_sent {
            station.counts.sent(bytes);
        }
        is_sent
    }

    fn may_tell(&mut self, member: MemberIndex, now: Instant) -> bool {
        self.slot(member).is_some_and(|slot| slot.may_tell(now))
    }

    fn hand_over(&mut self, handed: Handed) -> bool {
        self.shared.intake.get().is_some_and(|intake| intake.take(handed))
    }
}

impl Shared {
    fn trouble(&self, why: Dropped, from: SocketAddr) {
        if let Some(trouble) = Trouble::of(why) {
            self.troubles.note(trouble, Some(from));
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&self, socket: &BatchSocket, out: &mut SendBatch, patience: Duration) {
        if out.is_empty() {
            return;
        }
        let carried = self.board.send(out);
        let dropped = carried + socket.flush(out, patience).dropped;
        if dropped > 0 {
            let dropped = u64::try_from(dropped).unwrap_or(u64::MAX);
            self.troubles.note_many(Trouble::Unsent, None, dropped);
        }
    }
}
