//! Remote configurations on their way to the connectors.
//!
//! Which connection is offered which version, and when, is decided by [`adit_core::rollout`]. Here one task follows all
//! tunnels: [`board`] tells it which have changed, [`shelf`] keeps what was read from the store, and [`deliver`] makes one
//! offer over one connection.

mod board;
mod deliver;
mod served;
mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use adit_core::{
    port::{Directory, StoreError},
    rollout::{Offer, Outcome},
};
use adit_model::{ConfigVersion, TunnelKey};
use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tracing::error;

pub(crate) use self::board::Board;
use self::{served::Served, shelf::Shelf};
use crate::{context::Context, tunnels::Tunnels};

/// How long changes wait for company: a large tunnel that reconnects is looked at as a whole.
const GATHER: Duration = Duration::from_millis(10);
/// How many configurations are read at once.
const READS: usize = 16;
/// How long to wait after a configuration could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// What the offers under way may hold together, in KiB.
const ROOM_KIB: usize = 64 * 1024;

/// What a task of the pusher has done.
enum Done {
    Read(TunnelKey, ConfigVersion, Result<Option<String>, StoreError>),
    Delivered(TunnelKey, Offer, Outcome),
}

/// Pushes the configurations of all tunnels.
pub(crate) struct Pusher {
    context: Arc<Context>,
    directory: Arc<dyn Directory>,
    begun: Instant,
    /// Tunnels that have a configuration and somebody to take it.
    tunnels: BTreeMap<TunnelKey, Served>,
    /// When a tunnel's next pause ends.
    wakes: BTreeSet<(Duration, TunnelKey)>,
    shelf: Shelf,
    reads: Arc<Semaphore>,
    room: Arc<Semaphore>,
    running: JoinSet<Done>,
}

impl Pusher {
    pub(crate) fn new(context: Arc<Context>, directory: Arc<dyn Directory>) -> Self {
        Self {
            context,
            directory,
            begun: Instant::now(),
            tunnels: BTreeMap::new(),
            wakes: BTreeSet::new(),
            shelf: Shelf::default(),
            reads: Arc::new(Semaphore::new(READS)),
            room: Arc::new(Semaphore::new(ROOM_KIB)),
            running: JoinSet::new(),
        }
    }

    /// Pushes until it is dropped.
    pub(crate) async fn run(mut self, board: Arc<Board>) {
        loop {
            let wake = self.wakes.first().map(|&(at, _)| self.begun + at);
            tokio::select! {
                () = board.marked() => {
                    sleep(GATHER).await;
                    let tunnels = Arc::clone(&self.context.tunnels);
                    for key in board.take() {
                        self.look(&tunnels, key);
                    }
                }
                Some(done) = self.running.join_next() => self.take(done),
                () = until(wake) => {
                    let now = self.now();
                    while let Some(&(at, key)) = self.wakes.first() && at <= now {
                        self.advance(key);
                    }
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A tunnel's connections or its newest version may have changed.
    fn look(&mut self, tunnels: &Tunnels, key: TunnelKey) {
        let now = self.now();
        let mut served = self.tunnels.remove(&key).unwrap_or_else(|| Served::new(key));
        if let Some(at) = served.wake.take() {
            self.wakes.remove(&(at, key));
        }
        let table = tunnels.load();
        let tunnel = table
            .tunnel(&key)
            .filter(|tunnel| tunnel.wanted_configuration().is_some());
        if let Some(served) = tunnel.and_then(|tunnel| served.with(tunnel, now)) {
            self.tunnels.insert(key, served);
            self.advance(key);
        } else {
            self.shelf.remove(key);
        }
    }

    /// Makes the offers of a tunnel that are due, and notes when to come back.
    fn advance(&mut self, key: TunnelKey) {
        let now = self.now();
        let Some(served) = self.tunnels.get_mut(&key) else {
            return;
        };
        if let Some(at) = served.wake.take() {
            self.wakes.remove(&(at, key));
        }
        while let Some(version) = served.rollout.due(now) {
            let Some(json) = self.shelf.get(key, version) else {
                if served.may_read(now) {
                    served.reading = true;
                    let (directory, reads) = (Arc::clone(&self.directory), Arc::clone(&self.reads));
                    self.running.spawn(read(directory, reads, key, version));
                }
                break;
            };
            let Some((offer, connection)) = served.next_offer(now) else {
                break;
            };
            let (context, room) = (Arc::clone(&self.context), Arc::clone(&self.room));
            self.running.spawn(async move {
                let outcome = deliver::deliver(&context, &room, &connection, version, json).await;
                Done::Delivered(key, offer, outcome)
            });
        }
        served.wake = served.next_wake(now);
        if let Some(at) = served.wake {
            self.wakes.insert((at, key));
        }
    }

    fn take(&mut self, done: Result<Done, JoinError>) {
        let now = self.now();
        match done {
            Ok(Done::Read(key, version, read)) => {
                let Some(served) = self.tunnels.get_mut(&key) else {
                    return;
                };
                served.reading = false;
                match read {
                    Ok(Some(json)) => self.shelf.put(key, version, Bytes::from(json)),
                    // A newer version has taken its place, of which the change is on its way.
                    Ok(None) => served.read_after = now + READ_AGAIN,
                    Err(failure) => {
                        error!(tunnel.id = %key.tunnel, error = %failure, cause = ?failure.cause, "cannot read a configuration to push");
                        served.read_after = now + READ_AGAIN;
                    }
                }
                self.advance(key);
            }
            Ok(Done::Delivered(key, offer, outcome)) => {
                let Some(served) = self.tunnels.get_mut(&key) else {
                    return;
                };
                if let Some(standing) = served.rollout.answered(&offer, outcome, now) {
                    served::report(&self.context, key, &offer, standing);
                }
                self.advance(key);
            }
            Err(broken) => error!(error = %broken, "a push broke"),
        }
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

async fn read(
    directory: Arc<dyn Directory>,
    reads: Arc<Semaphore>,
    key: TunnelKey,
    version: ConfigVersion,
) -> Done {
    // The semaphore is never closed.
    let _turn = reads.acquire().await;
    Done::Read(key, version, directory.remote_configuration(key, version).await)
}
