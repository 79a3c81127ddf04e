//! Accounts.

use adit_core::{
    permission::Reach,
    port::{Account, AccountError, AccountFilter, Accounts, Actor, Page, PageRequest, StoreError},
};
use adit_model::AccountId;
use async_trait::async_trait;
use serde_json::json;

use crate::{
    api_tokens,
    audit_log::Audit,
    bootstrap,
    engine::{Connection, Row},
    failure::{Cause, Failure},
    mesh, networks, page, quick_tunnels,
    reach::{self, Columns},
    read::{change, read},
    row::{column, parsed, time, tunnel_key},
    sql::{Query, query},
    store::Store,
    sweep,
    tx::Tx,
};

type Refused<T> = Result<T, Failure<AccountError>>;

#[async_trait]
impl Accounts for Store {
    async fn find_account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(read!(self, "look up an account", |reader| find(reader, account)))
    }

    async fn list_accounts(
        &self,
        reach: &Reach,
        filter: &AccountFilter,
        page: PageRequest,
    ) -> Result<Page<Account>, StoreError> {
        Ok(read!(self, "list accounts", |reader| list(
            reader, reach, filter, page
        )))
    }

    async fn add_account(&self, name: String, actor: &Actor) -> Result<Account, StoreError> {
        let actor = actor.clone();
        let work = self.writer.write("create an account", move |mut tx| {
            Box::pin(async move {
                let account = Account {
                    id: AccountId::random(),
                    name,
                    created_at: tx.now,
                };
                insert(&mut tx, &account, &actor).await?;
                Ok(account)
            })
        });
        work.await
    }

    async fn rename_account(
        &self,
        account: AccountId,
        name: String,
        actor: &Actor,
    ) -> Result<Account, AccountError> {
        change!(self, "rename an account", actor, |tx, actor| rename(
            tx, account, name, actor
        ))
    }

    async fn remove_account(&self, account: AccountId, actor: &Actor) -> Result<(), AccountError> {
        loop {
            let actor = actor.clone();
            let work = self.writer.write("delete an account", move |mut tx| {
                Box::pin(async move { remove(&mut tx, account, &actor).await })
            });
            if work.await? == Progress::Done {
                return Ok(());
            }
        }
    }
}

fn account(row: &Row) -> Result<Account, Cause> {
    Ok(Account {
        id: parsed(row, "id")?,
        name: column(row, "name")?,
        created_at: time(row, "created_at")?,
    })
}

async fn find(connection: &mut Connection, id: AccountId) -> Result<Option<Account>, Cause> {
    let row = query("SELECT * FROM accounts WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(account).transpose()
}

fn matching(query: Query, seen: &Reach, filter: &AccountFilter) -> Query {
    let columns = Columns {
        account: "a.id",
        zone: None,
    };
    let query = reach::push(query.push(" FROM accounts a WHERE "), seen, columns);
    query.push_if(" AND a.name = ", filter.name.as_deref())
}

async fn list(
    connection: &mut Connection,
    reach: &Reach,
    filter: &AccountFilter,
    page: PageRequest,
) -> Result<Page<Account>, Cause> {
    let count = matching(query("SELECT COUNT(*)"), reach, filter);
    let rows = matching(query("SELECT a.*"), reach, filter).push(if filter.oldest_first {
        " ORDER BY a.created_at, a.id"
    } else {
        " ORDER BY a.created_at DESC, a.id"
    });
    page::page(connection, count, rows, page, account).await
}

/// Makes an account.
pub(crate) async fn insert(tx: &mut Tx<'_>, account: &Account, actor: &Actor) -> Result<(), Cause> {
    query("INSERT INTO accounts (id, name, created_at, modified_at) VALUES ($1, $2, $3, $3)")
        .bind(account.id.to_string())
        .bind(&account.name)
        .bind(account.created_at.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    audit(tx, actor, "account.create", None, Some(account)).await
}

async fn existing(tx: &mut Tx<'_>, id: AccountId) -> Refused<Account> {
    let found = find(tx.connection, id).await?;
    found.ok_or(Failure::Refused(AccountError::NoAccount))
}

async fn rename(tx: &mut Tx<'_>, id: AccountId, name: String, actor: &Actor) -> Refused<Account> {
    let before = existing(tx, id).await?;
    query("UPDATE accounts SET name = $2, modified_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(&name)
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let after = Account {
        name,
        ..before.clone()
    };
    audit(tx, actor, "account.update", Some(&before), Some(&after)).await?;
    Ok(after)
}

/// Whether a write did all there was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Done,
    More,
}

/// Removes an account, or some of what is kept of its deleted tunnels: other writes get their turn in between.
async fn remove(tx: &mut Tx<'_>, id: AccountId, actor: &Actor) -> Refused<Progress> {
    let before = existing(tx, id).await?;
    if bootstrap::first_account(tx.connection).await? == Some(id) {
        return Err(Failure::Refused(AccountError::First));
    }
    const LIVE: &str = "SELECT EXISTS (SELECT 1 FROM tunnels WHERE account_id = $1 AND deleted_at IS NULL)";
    const ZONES: &str = "SELECT EXISTS (SELECT 1 FROM zones WHERE account_id = $1)";
    for (statement, what) in [(LIVE, "live tunnels"), (ZONES, "zones")] {
        let any: bool = query(statement)
            .bind(id.to_string())
            .scalar(&mut *tx.connection)
            .await?;
        if any {
            return Err(Failure::Refused(AccountError::InUse(what)));
        }
    }
    if remove_deleted(tx, id).await? == Progress::More {
        return Ok(Progress::More);
    }
    quick_tunnels::account_goes(tx, id).await?;
    mesh::account_goes(tx, id).await?;
    networks::account_goes(tx, id).await?;
    api_tokens::directory::account_goes(tx, id).await?;
    query("DELETE FROM tunnel_totals WHERE account_id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    query("DELETE FROM accounts WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await
        .map_err(still_in_use)?;
    audit(tx, actor, "account.delete", Some(&before), None).await?;
    Ok(Progress::Done)
}

/// Deleted tunnels of an account that one write removes at most.
const AT_ONCE: i64 = 100;

/// Removes what is kept of deleted tunnels of an account, as much as one write should.
async fn remove_deleted(tx: &mut Tx<'_>, id: AccountId) -> Result<Progress, Cause> {
    let rows = query("SELECT account_id, tunnel_id FROM tunnels WHERE account_id = $1 LIMIT $2")
        .bind(id.to_string())
        .bind(AT_ONCE)
        .fetch_all(&mut *tx.connection)
        .await?;
    let deleted = rows.iter().map(tunnel_key).collect::<Result<Vec<_>, _>>()?;
    let removed = sweep::remove(tx, &deleted).await?;
    // As many as were asked for: there may be more.
    let more = !removed.all || i64::try_from(deleted.len()).is_ok_and(|asked| asked == AT_ONCE);
    Ok(if more { Progress::More } else { Progress::Done })
}

/// Something that does not go with its account, such as a route, still names it.
fn still_in_use(error: sqlx::Error) -> Failure<AccountError> {
    let names_it = error
        .as_database_error()
        .is_some_and(|error| error.is_foreign_key_violation());
    if names_it {
        Failure::Refused(AccountError::InUse("objects of its own"))
    } else {
        error.into()
    }
}

async fn audit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &'static str,
    before: Option<&Account>,
    after: Option<&Account>,
) -> Result<(), Cause> {
    let Some(account) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        // The log of an account that is gone cannot be read.
        account: after.map(|account| account.id),
        actor,
        action,
        object: format!("{} {}", account.id, account.name),
    };
    let state = |account: &Account| json!({"name": account.name});
    tx.audit(entry.with(before.map(state), after.map(state))).await
}
