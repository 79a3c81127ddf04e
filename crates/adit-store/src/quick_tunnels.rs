//! Quick tunnels: an account, a table of host names, and a task that removes what nobody uses.

use std::time::Duration;

use adit_core::{
    port::{
        Actor, CatalogError, ChangeNumber, NewQuickTunnel, NewTunnel, QuickTunnelError, QuickTunnels,
        StoreError,
    },
    quick_tunnel::{Lifetimes, Use},
};
use adit_model::{AccountId, ConfigSource, HostPattern, Timestamp, TunnelId, TunnelKey, TunnelKind};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    bootstrap,
    clock::Clock,
    engine::{Connection, Pool, Row},
    failure::{Cause, Failure, during, store_error},
    meta,
    row::{column, optional_time, time, tunnel_key},
    seal::Sealer,
    sql::query,
    store::Store,
    sweep, tunnels,
    tx::{Object, Tx},
    writer::Writer,
};

/// Where `meta` keeps the account of all quick tunnels.
const ACCOUNT: &str = "quick_tunnel_account";

/// How often the task looks, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

#[async_trait]
impl QuickTunnels for Store {
    async fn create_quick_tunnel(
        &self,
        new: NewQuickTunnel,
        most_live: u64,
        actor: &Actor,
    ) -> Result<(TunnelKey, ChangeNumber), QuickTunnelError> {
        let (sealer, actor) = (self.sealer.clone(), actor.clone());
        let work = self.writer.write("create a quick tunnel", move |mut tx| {
            Box::pin(async move { insert(&mut tx, &sealer, new, most_live, &actor).await })
        });
        work.await
    }
}

async fn insert(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    new: NewQuickTunnel,
    most_live: u64,
    actor: &Actor,
) -> Result<(TunnelKey, ChangeNumber), Failure<QuickTunnelError>> {
    let live: i64 = query("SELECT COUNT(*) FROM quick_tunnels")
        .scalar(&mut *tx.connection)
        .await?;
    if u64::try_from(live).unwrap_or_default() >= most_live {
        return Err(Failure::Refused(QuickTunnelError::TooMany));
    }
    let taken: bool = query(
        "SELECT EXISTS (SELECT 1 FROM quick_tunnels WHERE host = $1)
             OR EXISTS (SELECT 1 FROM dns_records WHERE name = $1)
             OR EXISTS (SELECT 1 FROM load_balancers WHERE name = $1)",
    )
    .bind(new.host.as_str())
    .scalar(&mut *tx.connection)
    .await?;
    if taken {
        return Err(Failure::Refused(QuickTunnelError::HostTaken));
    }

    let account = account(tx).await?;
    let label = new.host.as_str().split('.').next().unwrap_or_default();
    let tunnel = NewTunnel {
        account,
        kind: TunnelKind::CfdTunnel,
        name: format!("qt-{label}")
            .parse()
            .map_err(|_| Cause::BadColumn("name"))?,
        config_source: ConfigSource::Local,
        secret: new.secret,
    };
    let (tunnel, _) = tunnels::insert(tx, sealer, TunnelId::random(), tunnel, actor)
        .await
        .map_err(in_words_of_quick_tunnels)?;
    query("INSERT INTO quick_tunnels (account_id, tunnel_id, host) VALUES ($1, $2, $3)")
        .bind(account.to_string())
        .bind(tunnel.key.tunnel.uuid())
        .bind(new.host.as_str())
        .execute(&mut *tx.connection)
        .await?;
    let change = tx.changed(Object::Host(HostPattern::Exact(new.host))).await?;
    Ok((tunnel.key, change))
}

fn in_words_of_quick_tunnels(failure: Failure<CatalogError>) -> Failure<QuickTunnelError> {
    match failure {
        Failure::Refused(CatalogError::Store(error)) => Failure::Refused(error.into()),
        // Of what the catalog can refuse, only the name of a new tunnel depends on chance.
        Failure::Refused(_) => Failure::Refused(QuickTunnelError::HostTaken),
        Failure::Broken(cause) => Failure::Broken(cause),
    }
}

/// The account of all quick tunnels, made with the first one.
async fn account(tx: &mut Tx<'_>) -> Result<AccountId, Cause> {
    if let Some(kept) = meta::get_parsed(tx.connection, ACCOUNT).await? {
        return Ok(kept);
    }
    let account = AccountId::random();
    bootstrap::ensure_account(tx, account, "Quick tunnels").await?;
    meta::put(tx.connection, ACCOUNT, account.to_string()).await?;
    Ok(account)
}

/// When quick tunnels go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry {
    pub(crate) lifetimes: Lifetimes,
    /// When this store was opened; before it, no connector could come.
    pub(crate) serving_since: Timestamp,
}

/// An account is about to go. If it is that of quick tunnels, the next one makes another.
pub(crate) async fn account_goes(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Cause> {
    if meta::get_parsed(tx.connection, ACCOUNT).await? == Some(account) {
        meta::forget(tx.connection, ACCOUNT).await?;
    }
    Ok(())
}

/// Those that are to go.
async fn due(connection: &mut Connection, expiry: Expiry, now: Timestamp) -> Result<Vec<TunnelKey>, Cause> {
    let rows = query(
        "SELECT t.account_id, t.tunnel_id, t.created_at, t.deleted_at, t.ever_connected, t.inactive_since
         FROM quick_tunnels q JOIN tunnels t ON t.account_id = q.account_id AND t.tunnel_id = q.tunnel_id",
    )
    .fetch_all(connection)
    .await?;
    let mut due = Vec::new();
    for row in &rows {
        // One that an operator has deleted gives its name back at once.
        let deleted = optional_time(row, "deleted_at")?.is_some();
        if deleted || expiry.lifetimes.are_over(used(row)?, expiry.serving_since, now) {
            due.push(tunnel_key(row)?);
        }
    }
    Ok(due)
}

fn used(row: &Row) -> Result<Use, Cause> {
    Ok(match optional_time(row, "inactive_since")? {
        None => Use::Now,
        Some(ended_at) if column(row, "ever_connected")? => Use::Until(ended_at),
        Some(_) => Use::Never {
            made_at: time(row, "created_at")?,
        },
    })
}

/// Removes what nobody uses, for good: a stranger's tunnel is nothing that anyone would want back. Gives how many.
pub(crate) async fn remove_unused(
    readers: &Pool,
    writer: &Writer,
    expiry: Expiry,
    now: Timestamp,
) -> Result<usize, StoreError> {
    const DOING: &str = "remove quick tunnels that nobody uses";
    let mut reader = readers
        .reader()
        .await
        .map_err(|error| store_error(DOING, Cause::Sql(error)))?;
    let any = due(&mut reader, expiry, now).await.map_err(during(DOING))?;
    reader
        .finish()
        .await
        .map_err(|error| store_error(DOING, Cause::Sql(error)))?;
    let (mut count, mut all) = (0, any.is_empty());
    while !all {
        let work = writer.write::<_, StoreError, _>(DOING, move |mut tx| {
            Box::pin(async move {
                // Asked again: a connector may have come since.
                let due = due(tx.connection, expiry, now).await?;
                Ok(sweep::remove(&mut tx, &due).await?)
            })
        });
        let removed = work.await?;
        count += removed.tunnels;
        all = removed.all;
    }
    Ok(count)
}

/// Removes what nobody uses, again and again until told to stop.
pub(crate) async fn keep_removing(
    readers: Pool,
    writer: Writer,
    expiry: Expiry,
    clock: Clock,
    stop: CancellationToken,
) {
    let shortest = expiry.lifetimes.unused.min(expiry.lifetimes.idle);
    let every = (shortest / 8).clamp(Duration::from_millis(50), SWEEP_EVERY);
    while stop
        .run_until_cancelled(tokio::time::sleep(every))
        .await
        .is_some()
    {
        let now = clock.now();
        let removed = stop.run_until_cancelled(remove_unused(&readers, &writer, expiry, now));
        match removed.await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(count)) => tracing::info!(count, "removed quick tunnels that nobody uses"),
            Some(Err(error)) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "quick tunnels could not be removed"
            ),
        }
    }
}
