//! When API tokens were last used: gathered without waiting, written now and then.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use adit_core::port::{ApiToken, StoreError};
use adit_model::{ApiTokenId, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{failure::Cause, sql::query, tx::Tx, writer::Writer};

/// How exact the time of the last use is.
const EXACTNESS: Duration = Duration::from_secs(60);

/// How long uses wait for company.
const GATHER: Duration = Duration::from_secs(1);

/// The most tokens that wait to be written. Uses of more are not written down.
const MOST: usize = 1024;

/// Takes uses at any time and writes them soon.
#[derive(Default)]
pub(crate) struct TokenUse {
    used: Mutex<BTreeSet<ApiTokenId>>,
    arrived: Notify,
}

impl TokenUse {
    /// Starts the task that writes, which belongs to `owner` and ends, everything written, when `stop` is cancelled.
    pub(crate) fn start(writer: Writer, stop: CancellationToken, owner: &mut JoinSet<()>) -> Arc<Self> {
        let queue = Arc::<Self>::default();
        owner.spawn(queue.clone().run(writer, stop));
        queue
    }

    /// Takes a use at `now`, unless one was written within the last minute.
    pub(crate) fn note(&self, token: &ApiToken, now: Timestamp) {
        if token.last_used_at.is_some_and(|last| is_recent(last, now)) {
            return;
        }
        let mut used = self.used.lock();
        if used.len() < MOST && used.insert(token.id) {
            self.arrived.notify_one();
        }
    }

    async fn run(self: Arc<Self>, writer: Writer, stop: CancellationToken) {
        loop {
            let ends = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                () = self.arrived.notified() => tokio::time::timeout(GATHER, stop.cancelled()).await.is_ok(),
            };
            let used = std::mem::take(&mut *self.used.lock());
            if !used.is_empty()
                && let Err(error) = write(&writer, used).await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the last uses of API tokens are not written down"
                );
            }
            if ends {
                return;
            }
        }
    }
}

fn is_recent(last: Timestamp, now: Timestamp) -> bool {
    let since = now.unix_micros().saturating_sub(last.unix_micros());
    since < i64::try_from(EXACTNESS.as_micros()).unwrap_or(i64::MAX)
}

async fn write(writer: &Writer, used: BTreeSet<ApiTokenId>) -> Result<(), StoreError> {
    let work = writer.write("note the use of API tokens", move |mut tx| {
        Box::pin(async move { Ok(update(&mut tx, &used).await?) })
    });
    work.await
}

async fn update(tx: &mut Tx<'_>, used: &BTreeSet<ApiTokenId>) -> Result<(), Cause> {
    for token in used {
        query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1")
            .bind(token.to_string())
            .bind(tx.now.unix_micros())
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(())
}
