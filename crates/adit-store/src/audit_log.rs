//! The audit log: who did what, and what it was before and after.

use adit_core::port::{Actor, AuditEntry, AuditFilter, AuditLog, AuditedAct, Page, PageRequest, StoreError};
use adit_model::{AccountId, Timestamp};
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    page,
    read::{change, read},
    row::{column, number, optional_parsed, time},
    sql::{Query, query},
    store::Store,
    tx::Tx,
};

/// An entry of the audit log.
pub(crate) struct Audit<'a> {
    /// Whose things were changed; `None` if no account's.
    pub(crate) account: Option<AccountId>,
    /// Who did it.
    pub(crate) actor: &'a Actor,
    /// What was done, such as `tunnel.create`: the kind of object, and the verb.
    pub(crate) action: &'static str,
    /// To what: an id and, where it helps, a name after a blank.
    pub(crate) object: String,
}

/// An entry with what the object was and became.
pub(crate) struct Change<'a> {
    audit: Audit<'a>,
    before: Option<Value>,
    after: Option<Value>,
}

impl<'a> Audit<'a> {
    /// With what clients saw of the object before, and see now; `None` where there was, or is, none. Never a secret.
    pub(crate) fn with(self, before: Option<Value>, after: Option<Value>) -> Change<'a> {
        Change {
            audit: self,
            before,
            after,
        }
    }
}

impl<'a> From<Audit<'a>> for Change<'a> {
    fn from(audit: Audit<'a>) -> Self {
        audit.with(None, None)
    }
}

impl Tx<'_> {
    /// Writes to the audit log that an account's object was changed.
    pub(crate) async fn audited(
        &mut self,
        account: AccountId,
        actor: &Actor,
        action: &'static str,
        object: String,
    ) -> Result<(), Cause> {
        let account = Some(account);
        let entry = Audit {
            account,
            actor,
            action,
            object,
        };
        self.audit(entry).await
    }

    /// Writes what was done to the audit log, in the transaction that does it.
    pub(crate) async fn audit(&mut self, change: impl Into<Change<'_>>) -> Result<(), Cause> {
        let Change { audit, before, after } = change.into();
        let text = |state: Option<Value>| state.map(|state| state.to_string());
        query(
            "INSERT INTO audit_log
                 (at, account_id, actor, email, address, request_id, action, object, before, after)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.now.unix_micros())
        .bind(audit.account.map(|account| account.to_string()))
        .bind(&audit.actor.name)
        .bind(&audit.actor.email)
        .bind(audit.actor.address.map(|address| address.to_string()))
        .bind(&audit.actor.request_id)
        .bind(audit.action)
        .bind(audit.object)
        .bind(text(before))
        .bind(text(after))
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl AuditLog for Store {
    async fn audit_log(
        &self,
        account: Option<AccountId>,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        Ok(read!(self, "read the audit log", |reader| list(
            reader, account, filter, page
        )))
    }

    async fn audit(&self, act: AuditedAct, actor: &Actor) -> Result<(), StoreError> {
        change!(self, "write the audit log", actor, |tx, actor| act_done(
            tx, act, actor
        ))
    }
}

async fn act_done(tx: &mut Tx<'_>, act: AuditedAct, actor: &Actor) -> Result<(), Failure<StoreError>> {
    let entry = Audit {
        account: act.account,
        actor,
        action: act.action,
        object: act.object,
    };
    Ok(tx.audit(entry.with(act.before, act.after)).await?)
}

fn matching(query: Query, account: Option<AccountId>, filter: &AuditFilter) -> Query {
    let query = query.push(" FROM audit_log l WHERE ");
    let query = match account {
        Some(account) => query.push("l.account_id = ").push_bind(account.to_string()),
        None => query.push("l.account_id IS NULL"),
    };
    query
        .push_if(
            " AND l.id = ",
            filter.id.map(|id| i64::try_from(id).unwrap_or(i64::MAX)),
        )
        .push_if(" AND l.at >= ", filter.since.map(Timestamp::unix_micros))
        .push_if(" AND l.at <= ", filter.before.map(Timestamp::unix_micros))
        .push_if(" AND l.email = ", filter.actor_email.as_deref())
        .push_if(
            " AND l.address = ",
            filter.actor_address.map(|address| address.to_string()),
        )
        .push_if(" AND l.action = ", filter.action.as_deref())
}

async fn list(
    connection: &mut Connection,
    account: Option<AccountId>,
    filter: &AuditFilter,
    page: PageRequest,
) -> Result<Page<AuditEntry>, Cause> {
    let count = matching(query("SELECT COUNT(*)"), account, filter);
    let rows = matching(query("SELECT l.*"), account, filter).push(if filter.oldest_first {
        " ORDER BY l.at, l.id"
    } else {
        " ORDER BY l.at DESC, l.id DESC"
    });
    page::page(connection, count, rows, page, entry).await
}

fn entry(row: &Row) -> Result<AuditEntry, Cause> {
    let state = |name| {
        let text = column::<Option<&str>>(row, name)?;
        let read = |text| serde_json::from_str(text).map_err(|_| Cause::BadColumn(name));
        text.map(read).transpose()
    };
    Ok(AuditEntry {
        id: number(row, "id")?,
        at: time(row, "at")?,
        account: optional_parsed(row, "account_id")?,
        actor: Actor {
            name: column(row, "actor")?,
            email: column(row, "email")?,
            address: optional_parsed(row, "address")?,
            request_id: column(row, "request_id")?,
        },
        action: column(row, "action")?,
        object: column(row, "object")?,
        before: state("before")?,
        after: state("after")?,
    })
}
