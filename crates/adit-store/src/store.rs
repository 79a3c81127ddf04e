//! The store: opening, sweeping and closing it.

use std::sync::Arc;

use adit_core::{
    port::{ChangeNumber, StoreError},
    quick_tunnel::Lifetimes,
};
use adit_model::{BootId, NodeId, Timestamp};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    engine::{Connection, Pool},
    failure::{Cause, store_error},
    ids::Ids,
    node,
    open::{self, OpenError, Opened},
    presence::{PresenceQueue, Reporter, rows},
    quick_tunnels::{self, Expiry},
    seal::{Sealer, StoreKeys},
    sweep::{self, Retention, Swept},
    token_use::TokenUse,
    writer::{Writer, WriterParts},
};

/// How a store behaves. The default is right for a server.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How long things are kept.
    pub retention: Retention,
    /// How many changes are kept for an edge that lags; one that lags further takes a new snapshot. Default 10 000.
    pub changes_kept: u64,
    /// How long quick tunnels wait for a connector.
    pub quick_tunnels: Lifetimes,
    /// The ids of new objects.
    pub ids: Ids,
    /// The time.
    pub clock: Clock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            changes_kept: 10_000,
            quick_tunnels: Lifetimes::default(),
            ids: Ids::default(),
            clock: Clock::default(),
        }
    }
}

/// Adit's durable state. Implements [`Catalog`](adit_core::port::Catalog) for the API and
/// [`Directory`](adit_core::port::Directory) and [`Presence`](adit_core::port::Presence) for the edge.
///
/// What a method acknowledged is on disk. Dropping a store without [`Store::close`] loses at most the news of
/// connections of the last 50 ms, which the next start repairs.
pub struct Store {
    pub(crate) readers: Pool,
    pub(crate) writer: Writer,
    pub(crate) presence: Arc<PresenceQueue>,
    pub(crate) token_use: Arc<TokenUse>,
    pub(crate) newest: watch::Receiver<ChangeNumber>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) clock: Clock,
    reporter: Reporter,
    pub(crate) retention: Retention,
    quick_tunnels: Expiry,
    stop: CancellationToken,
    tasks: Mutex<Tasks>,
}

/// The store's tasks: helpers write, so they end before the writer does.
struct Tasks {
    helpers: JoinSet<()>,
    writer: JoinSet<()>,
}

impl Store {
    /// Opens the store at `address` (`sqlite:<path>`, a path or `postgres://…`), makes it if there is none, and brings
    /// its schema forward. Connections that an earlier run left open are closed. One process at a time may have it
    /// open.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way: a newer schema, another secrets key, or the file itself.
    pub async fn open(address: &str, keys: &StoreKeys, options: StoreOptions) -> Result<Self, OpenError> {
        let opened = open::open(address, keys).await?;
        let place = opened.place.to_string();
        Self::start(opened, options)
            .await
            .map_err(|error| OpenError::Database {
                place,
                cause: error.into(),
            })
    }

    async fn start(opened: Opened, options: StoreOptions) -> Result<Self, StoreError> {
        let Opened {
            place,
            connection,
            readers,
            newest,
            sealer,
        } = opened;
        let StoreOptions {
            retention,
            changes_kept,
            quick_tunnels,
            ids,
            clock,
        } = options;
        let mut tasks = Tasks {
            helpers: JoinSet::new(),
            writer: JoinSet::new(),
        };
        let (publish, newest) = watch::channel(newest);
        let parts = WriterParts {
            place,
            connection,
            clock: clock.clone(),
            ids,
            changes_kept,
            newest: publish,
        };
        let writer = Writer::start(parts, &mut tasks.writer);

        let boot = BootId::random();
        let reporter =
            writer.write::<_, StoreError, _>("take over the connections of an earlier run", move |mut tx| {
                Box::pin(async move {
                    let reporter = Reporter {
                        node: node::identity(&mut tx).await?,
                        boot,
                    };
                    rows::close_earlier_boots(&mut tx, reporter).await?;
                    Ok(reporter)
                })
            });
        let reporter = reporter.await?;

        let quick_tunnels = Expiry {
            lifetimes: quick_tunnels,
            serving_since: clock.now(),
        };
        let stop = CancellationToken::new();
        let presence = PresenceQueue::start(reporter, writer.clone(), stop.clone(), &mut tasks.helpers);
        let token_use = TokenUse::start(writer.clone(), stop.clone(), &mut tasks.helpers);
        tasks.helpers.spawn(sweep::keep_sweeping(
            writer.clone(),
            retention,
            clock.clone(),
            stop.clone(),
        ));
        tasks.helpers.spawn(quick_tunnels::keep_removing(
            readers.clone(),
            writer.clone(),
            quick_tunnels,
            clock.clone(),
            stop.clone(),
        ));
        let tasks = Mutex::new(tasks);
        Ok(Self {
            readers,
            writer,
            presence,
            token_use,
            newest,
            sealer,
            clock,
            reporter,
            retention,
            quick_tunnels,
            stop,
            tasks,
        })
    }

    /// Writes the last news of connections and closes the database. Calls that come later fail; a second call
    /// returns at once.
    pub async fn close(&self) {
        let mut tasks = self.tasks.lock().await;
        self.stop.cancel();
        while tasks.helpers.join_next().await.is_some() {}
        self.readers.close().await;
        self.writer.stop();
        while tasks.writer.join_next().await.is_some() {}
    }

    /// The edge that reports to this store: the same at every start.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.reporter.node
    }

    /// This run of it.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.reporter.boot
    }

    /// Removes what is past its retention at `now`. The store does so by itself every hour.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails; what was removed until then stays removed.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        sweep::run(&self.writer, self.retention, now).await
    }

    /// Removes the quick tunnels that nobody has used for too long at `now`, and gives how many. The store does so
    /// by itself every few seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn sweep_quick_tunnels(&self, now: Timestamp) -> Result<usize, StoreError> {
        quick_tunnels::remove_unused(&self.readers, &self.writer, self.quick_tunnels, now).await
    }

    /// A connection to read with, in a transaction.
    pub(crate) async fn reader(&self, doing: &'static str) -> Result<Connection, StoreError> {
        self.readers.reader().await.map_err(|error| {
            let cause = if self.readers.is_closed() {
                Cause::Closed
            } else {
                Cause::Sql(error)
            };
            store_error(doing, cause)
        })
    }
}
