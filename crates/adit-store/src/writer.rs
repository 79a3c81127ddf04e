//! The one writer: concurrent writes share transactions, and nothing is answered before it is on disk.
//!
//! Each write runs in a savepoint, so one that is refused takes nothing of the others with it. While a transaction
//! waits for the disk, the writes of the next one queue up: under load a sync is shared by many, and a lone write
//! waits for nobody.

mod job;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::port::{ChangeNumber, StoreError};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::job::BoxFuture;
use self::job::{Job, Task};
use crate::{
    clock::Clock,
    engine::{Connection, Driver},
    failure::{Cause, Failure, store_error},
    ids::Ids,
    place::Place,
    postgres,
    sql::query,
    sqlite,
    tx::{Tx, counter},
};

/// Writes that wait. When the queue is full, callers wait to enter it.
const QUEUE: usize = 1024;

/// The most writes in one transaction.
const MOST_TOGETHER: usize = 64;

/// How long a transaction takes in further writes.
const LONGEST_OPEN: Duration = Duration::from_millis(2);

/// How often a writer without a connection tries for one while nobody writes.
const RECONNECT_EVERY: Duration = Duration::from_secs(1);

/// The way to the writer. Clones share it.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    stop: CancellationToken,
}

/// What a writer is made of.
pub(crate) struct WriterParts {
    /// The database.
    pub(crate) place: Place,
    /// The connection to it, which nobody else may write beside.
    pub(crate) connection: Connection,
    /// The time of each write.
    pub(crate) clock: Clock,
    /// The ids of new objects.
    pub(crate) ids: Ids,
    /// How many changes are kept for readers that lag.
    pub(crate) changes_kept: u64,
    /// Told the newest change number after each commit.
    pub(crate) newest: watch::Sender<ChangeNumber>,
}

impl Writer {
    /// Starts a writer as a task of `owner`.
    pub(crate) fn start(parts: WriterParts, owner: &mut JoinSet<()>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let WriterParts {
            place,
            connection,
            clock,
            ids,
            changes_kept,
            newest,
        } = parts;
        let writer = Loop {
            place,
            connection: Some(connection),
            clock,
            ids,
            changes_kept,
            newest,
            jobs,
            stop: stop.clone(),
        };
        owner.spawn(writer.run());
        Self { queue, stop }
    }

    /// Refuses further writes; the task ends once those already queued are written.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Runs `work` in a transaction and returns its result once it is on disk. A caller that stops waiting does not
    /// undo it.
    pub(crate) async fn write<T, R, F>(&self, doing: &'static str, work: F) -> Result<T, R>
    where
        T: Send + 'static,
        R: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<T, Failure<R>>> + Send + 'static,
    {
        let closed = || R::from(store_error(doing, Cause::Closed));
        let (task, answer) = Task::new(doing, work);
        self.queue.send(Box::new(task)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

struct Loop {
    place: Place,
    /// None while the database is away, or another process has it.
    connection: Option<Connection>,
    clock: Clock,
    ids: Ids,
    changes_kept: u64,
    newest: watch::Sender<ChangeNumber>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    stop: CancellationToken,
}

impl Loop {
    async fn run(mut self) {
        while let Some(job) = self.next().await {
            self.share_transaction(job).await;
        }
        let Some(connection) = self.connection else {
            return;
        };
        if let Err(error) = connection.finish().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store's writer did not close cleanly"
            );
        }
    }

    async fn next(&mut self) -> Option<Box<dyn Job>> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.jobs.is_closed() => self.jobs.close(),
                job = self.jobs.recv() => return job,
                // What the lost connection wrote may be news to readers, whether or not anyone writes again.
                () = tokio::time::sleep(RECONNECT_EVERY), if self.connection.is_none() => {
                    drop(self.reconnect().await);
                }
            }
        }
    }

    async fn share_transaction(&mut self, first: Box<dyn Job>) {
        let mut taken = vec![first];
        let outcome = self.bounded(&mut taken).await.map_err(Arc::new);
        match &outcome {
            Ok(newest) => self.publish(*newest),
            Err(error) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    writes = taken.len(),
                    "the store could not commit"
                );
                if self.connection.is_some()
                    && let Err(error) = self.reconnect().await
                {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the store's writer cannot reconnect; it goes on trying"
                    );
                }
            }
        }
        for job in taken {
            job.answer(outcome.as_ref().map(drop));
        }
    }

    fn publish(&self, newest: ChangeNumber) {
        self.newest.send_if_modified(|known| {
            let rises = newest > *known;
            *known = newest.max(*known);
            rises
        });
    }

    /// Takes a fresh connection: nobody knows what an error left of the old one's transaction.
    async fn reconnect(&mut self) -> Result<(), Cause> {
        // Its claim on the database must end before the new one can have it.
        if let Some(old) = self.connection.take() {
            old.abandon().await;
        }
        let mut connection = self.place.connect_writer().await?;
        if !self.place.claim(&mut connection).await? {
            connection.abandon().await;
            return Err(Cause::InUse);
        }
        // A commit that nobody heard the end of may stand. Whoever has the claim knows that the old connection has
        // ended, and with it that commit.
        let newest = counter(&mut connection, "change").await?;
        self.connection = Some(connection);
        self.publish(newest);
        Ok(())
    }

    /// A transaction, within the time that the engine gives it.
    async fn bounded(&mut self, taken: &mut Vec<Box<dyn Job>>) -> Result<ChangeNumber, Cause> {
        let Some(limit) = self.place.longest_write() else {
            return self.transact(taken).await;
        };
        match tokio::time::timeout(limit, self.transact(taken)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
        }
    }

    /// Runs the job in `taken` and what else is queued, moving each there, and commits. An error means that nothing
    /// of it was written, or that nobody knows: the connection broke during the commit.
    async fn transact(&mut self, taken: &mut Vec<Box<dyn Job>>) -> Result<ChangeNumber, Cause> {
        let opened = Instant::now();
        self.begin().await?;
        let connection = self.connection.as_mut().ok_or(Cause::Closed)?;
        let mut newest = *self.newest.borrow();
        while let Some(job) = taken.last_mut() {
            let before = newest;
            query("SAVEPOINT own").execute(connection).await?;
            let tx = Tx {
                connection,
                now: self.clock.now(),
                ids: &self.ids,
                changes_kept: self.changes_kept,
                newest: &mut newest,
            };
            if job.run(tx).await {
                query("RELEASE SAVEPOINT own").execute(connection).await?;
            } else {
                // Some errors, such as a full disk, end the whole transaction. Then there is no savepoint to return
                // to, this fails, and nobody is told that something was written.
                query("ROLLBACK TO SAVEPOINT own").execute(connection).await?;
                query("RELEASE SAVEPOINT own").execute(connection).await?;
                newest = before;
            }
            if taken.len() >= MOST_TOGETHER || opened.elapsed() >= LONGEST_OPEN {
                break;
            }
            match self.jobs.try_recv() {
                Ok(job) => taken.push(job),
                Err(_) => break,
            }
        }
        query("COMMIT").execute(connection).await?;
        Ok(newest)
    }

    /// Opens a transaction. A server may have been away since the last one: nothing is lost yet, so a second try on a
    /// fresh connection is safe.
    async fn begin(&mut self) -> Result<(), Cause> {
        if let Some(connection) = &mut self.connection {
            match (begin(connection).await, connection) {
                (Err(error), Connection::Postgres(_)) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the store's writer lost its connection"
                ),
                (begun, _) => return Ok(begun?),
            }
        }
        self.reconnect().await?;
        let connection = self.connection.as_mut().ok_or(Cause::Closed)?;
        Ok(begin(connection).await?)
    }
}

/// Opens a transaction that no other writer, of whatever process, runs beside.
async fn begin(connection: &mut Connection) -> Result<(), sqlx::Error> {
    match connection.driver() {
        Driver::Sqlite(_) => query(sqlite::BEGIN_WRITE).execute(connection).await.map(drop),
        Driver::Postgres(_) => {
            query(postgres::BEGIN_WRITE).execute(connection).await?;
            query(postgres::TAKE_TURN).fetch_one(connection).await.map(drop)
        }
    }
}

#[cfg(test)]
mod tests;
