//! The hub: takes members' packets in, and forwards them to whom the table says.
//!
//! Every member is a WireGuard peer of the hub and of nobody else. [`Hub`] is the shell: threads of its own, so that a
//! flood of packets starves nobody else, sockets, sessions. [`Forwarder`] decides what becomes of a packet and
//! [`Table`] where it goes.
//!
//! - A thread takes datagrams in, authenticates, forwards and encrypts them, and sends what came of them, before it takes
//!   the next ones in: nothing is queued in between. What arrives meanwhile waits in the socket; what finds no room
//!   there the kernel drops. What does not go out within 2 ms is dropped.
//! - For a member without a session 8 packets wait while a handshake is tried; the newest are dropped beyond, and their
//!   sources told that the member is unreachable.
//! - Whoever is not in the table is dropped before any cryptography but that which tells who it is. How many handshakes
//!   that may cost is limited; under load their senders have to show that they receive at their addresses.
//! - What carriers bring, for members whose UDP is blocked, a thread of its own takes; what is for them it and the others
//!   hand to a [`Board`], which never waits.
//! - What connectors of `cfd_tunnel`s reach is handed over to [`Intake`], which never makes a thread wait; what comes back
//!   ([`Answers`]) is encrypted and sent by a thread of its own.
//! - A packet goes to a member as long as the path to it carries: what the kernel knows of that is looked at when the
//!   member moves and every 10 s. Below 1280 bytes it is the outer datagram that is fragmented.

mod answers;
mod bucket;
mod config;
mod counts;
mod dropped;
mod forwarder;
mod keeper;
pub(crate) mod packet;
pub(crate) mod path;
mod scene;
mod shared;
mod trouble;
mod worker;

use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
    time::Instant,
};

use adit_core::mesh::forwarding::Table;
use adit_model::PeerKey;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

pub use answers::{Answer, Answers};
pub use config::{HubConfig, MTU};
pub use counts::{Counted, Traffic};
pub use dropped::Dropped;
pub use forwarder::{Forwarder, Links};

use self::{counts::Book, path::LEAST_MTU, scene::Scene, shared::Shared, trouble::Troubles};
use crate::{
    carrier::Board,
    noise::{Demux, Host},
    onramp::Intake,
    udp::BatchSocket,
    wait::Stop,
};

/// A running hub. Stops when dropped.
pub struct Hub {
    shared: Arc<Shared>,
    address: SocketAddr,
    answers: Answers,
    stopping: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Hub {
    /// Opens the sockets and starts the threads. Nobody may send anything before [`Hub::install`].
    ///
    /// # Errors
    /// Those of the system: the port is taken, or there are no threads or file descriptors left.
    pub fn start(config: HubConfig) -> io::Result<Self> {
        let sockets = BatchSocket::bind_group(config.listen, config.threads.max(1))?;
        let mut sockets: Vec<Arc<BatchSocket>> = sockets.into_iter().map(Arc::new).collect();
        let first = sockets
            .first()
            .map(Arc::clone)
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        let address = first.local_addr()?;
        let began = Instant::now();
        let (board, inbox) = Board::new();
        let shared = Arc::new(Shared {
            host: Host::new(config.key, config.handshakes, began),
            demux: RwLock::new(Demux::default()),
            scene: ArcSwap::from_pointee(Scene::empty()),
            installing: Mutex::new(()),
            board,
            inbox,
            intake: OnceLock::new(),
            book: Book::new(),
            troubles: Troubles::default(),
            began,
            mtu: config.mtu.max(LEAST_MTU),
            stop: Stop::new()?,
        });
        let (answers, answered) = Answers::channel();
        let mut hub = Self {
            shared,
            address,
            answers,
            stopping: CancellationToken::new(),
            threads: Vec::new(),
        };
        for (number, socket) in sockets.drain(..).enumerate() {
            let shared = Arc::clone(&hub.shared);
            hub.thread(format!("mesh-{number}"), move || worker::run(&shared, &socket))?;
        }
        let (shared, socket) = (Arc::clone(&hub.shared), Arc::clone(&first));
        hub.thread("mesh-carried".to_owned(), move || {
            worker::run_carried(&shared, &socket);
        })?;
        let (shared, socket) = (Arc::clone(&hub.shared), Arc::clone(&first));
        let (answered, stopping) = (Mutex::new(answered), hub.stopping.clone());
        hub.thread("mesh-answers".to_owned(), move || {
            answers::run(&shared, &socket, &mut answered.lock(), &stopping);
        })?;
        let shared = Arc::clone(&hub.shared);
        hub.thread("mesh-time".to_owned(), move || keeper::run(&shared, &first))?;
        Ok(hub)
    }

    /// A thread that begins anew should it ever panic: one bad packet must not end everyone's.
    fn thread(&mut self, name: String, body: impl Fn() + Send + 'static) -> io::Result<()> {
        let body = move || {
            while catch_unwind(AssertUnwindSafe(&body)).is_err() {
                tracing::error!("mesh: a thread of the hub has panicked, and begins anew");
            }
        };
        let thread = thread::Builder::new().name(name).spawn(body)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it is known by.
    #[must_use]
    pub fn public_key(&self) -> PeerKey {
        self.shared.host.public()
    }

    /// From now on this table says who may send what. Members that are in it and were before keep their sessions; all
    /// others' end. Packets in the hands of a thread at that moment, one batch, go by the former table.
    pub fn install(&self, table: Arc<Table>) {
        let _alone = self.shared.installing.lock();
        let shared = &self.shared;
        let next = shared
            .scene
            .load()
            .after(Arc::clone(&table), &shared.host, &shared.book, shared.mtu);
        shared.scene.store(Arc::new(next));
        shared.demux.write().retain(|key| table.member_of(&key).is_some());
        let counted: std::collections::BTreeSet<Counted> =
            table.members().iter().map(|member| member.who.into()).collect();
        shared.book.retain(|one| counted.contains(&one));
    }

    /// Takes packets back into the mesh.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// From now on packets that connectors carry on are handed over to this. Only the first call counts.
    pub fn hand_over_to(&self, intake: Intake) {
        let _ = self.shared.intake.set(intake);
    }

    /// When a member sent something authentic last, by its key.
    #[must_use]
    pub fn last_heard(&self, key: &PeerKey) -> Option<Instant> {
        let scene = self.shared.scene.load();
        let (_, slot) = scene.find(key)?;
        slot.heard(self.shared.began)
    }

    /// The next packet of its site that this member brings is its first; see [`Hub::brought`].
    pub fn begin(&self, key: &PeerKey) {
        if let Some((_, slot)) = self.shared.scene.load().find(key) {
            slot.begin();
        }
    }

    /// When a member brought packets of its site, other ones than from its own addresses, that were forwarded.
    #[must_use]
    pub fn brought(&self, key: &PeerKey) -> Brought {
        let scene = self.shared.scene.load();
        let found = scene.find(key);
        found.map_or_else(Brought::default, |(_, slot)| slot.brought(self.shared.began))
    }

    /// Where a member is, by its key; `None` before it has said anything.
    #[must_use]
    pub fn endpoint(&self, key: &PeerKey) -> Option<SocketAddr> {
        let scene = self.shared.scene.load();
        let (_, slot) = scene.find(key)?;
        let at = slot.peer.lock().endpoint();
        at.map(|at| at.remote)
    }

    /// Whether a member comes by a carrier, by its key.
    #[must_use]
    pub fn is_carried(&self, key: &PeerKey) -> bool {
        let scene = self.shared.scene.load();
        let at = scene.find(key).and_then(|(_, slot)| slot.peer.lock().endpoint());
        at.is_some_and(|at| at.carrier.is_some())
    }

    /// Where carriers bring their datagrams and take the hub's. Whoever opens a line lets whoever is at its other end
    /// reach the hub, as anyone may by UDP.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.shared.board)
    }

    /// What was counted for everyone in the table.
    #[must_use]
    pub fn counters(&self) -> Vec<(Counted, Traffic)> {
        self.shared.book.read()
    }

    /// What was dropped because nobody in the table had sent it.
    #[must_use]
    pub fn strangers(&self) -> Traffic {
        self.shared.book.strangers()
    }

    /// Stops the threads and waits for their ends, each of which is a batch of packets away.
    pub fn shut_down(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.stop.tell();
        self.shared.board.stop();
        self.stopping.cancel();
        for thread in self.threads.drain(..) {
            // Its panics were told already.
            let _ = thread.join();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.end();
    }
}

/// When a member brought packets of its site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brought {
    /// The first one since [`Hub::begin`].
    pub first: Option<Instant>,
    /// The newest.
    pub last: Option<Instant>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
