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
//! - A packet goes to a member as long as the path to it carries: what the kernel knows of that is looked at when the
//!   member moves and every 10 s. Below 1280 bytes it is the outer datagram that is fragmented.

mod bucket;
mod config;
mod counts;
mod dropped;
mod forwarder;
mod keeper;
mod packet;
pub(crate) mod path;
mod scene;
mod shared;
mod trouble;
mod worker;

use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use adit_core::mesh::forwarding::Table;
use adit_model::PeerKey;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

pub use config::{HubConfig, MTU};
pub use counts::{Counted, Traffic};
pub use dropped::Dropped;
pub use forwarder::{Forwarder, Links};

use self::{counts::Book, path::LEAST_MTU, scene::Scene, shared::Shared, trouble::Troubles};
use crate::{
    noise::{Demux, Host},
    udp::BatchSocket,
    wait::Stop,
};

/// A running hub. Stops when dropped.
pub struct Hub {
    shared: Arc<Shared>,
    address: SocketAddr,
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
        let shared = Arc::new(Shared {
            host: Host::new(config.key, config.handshakes, began),
            demux: RwLock::new(Demux::default()),
            scene: ArcSwap::from_pointee(Scene::empty()),
            installing: Mutex::new(()),
            book: Book::new(),
            troubles: Troubles::default(),
            began,
            mtu: config.mtu.max(LEAST_MTU),
            stop: Stop::new()?,
        });
        let mut hub = Self {
            shared,
            address,
            threads: Vec::new(),
        };
        for (number, socket) in sockets.drain(..).enumerate() {
            let shared = Arc::clone(&hub.shared);
            hub.thread(format!("mesh-{number}"), move || worker::run(&shared, &socket))?;
        }
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

    /// When a member sent something authentic last, by its key.
    #[must_use]
    pub fn last_heard(&self, key: &PeerKey) -> Option<Instant> {
        let scene = self.shared.scene.load();
        let (_, slot) = scene.find(key)?;
        slot.heard(self.shared.began)
    }

    /// Where a member is, by its key; `None` before it has said anything.
    #[must_use]
    pub fn endpoint(&self, key: &PeerKey) -> Option<SocketAddr> {
        let scene = self.shared.scene.load();
        let (_, slot) = scene.find(key)?;
        let at = slot.peer.lock().endpoint();
        at.map(|at| at.remote)
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
