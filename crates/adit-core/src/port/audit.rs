//! The audit log: who changed what.

use std::net::IpAddr;

use adit_model::{AccountId, Timestamp};
use async_trait::async_trait;
use serde_json::Value;

use super::{Actor, Page, PageRequest, StoreError};

/// A change that was made. Attempts that were refused are in the server's log, not here.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Its number; a later entry has a higher one.
    pub id: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Whose things were changed; `None` if no account's.
    pub account: Option<AccountId>,
    /// Who made it.
    pub actor: Actor,
    /// What was done, such as `tunnel.create`: the kind of object, and the verb.
    pub action: String,
    /// To what: an id and, where it helps, a name after a blank.
    pub object: String,
    /// What clients saw of the object before.
    pub before: Option<Value>,
    /// What they saw of it after.
    pub after: Option<Value>,
}

/// Something done that is kept nowhere but in the audit log.
#[derive(Debug, Clone)]
pub struct AuditedAct {
    /// Whose things it changed; `None` if no account's.
    pub account: Option<AccountId>,
    /// What was done: the kind of object, and the verb.
    pub action: &'static str,
    /// To what.
    pub object: String,
    /// What clients saw of the object before.
    pub before: Option<Value>,
    /// What they see of it after.
    pub after: Option<Value>,
}

/// Which entries to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Exactly this one.
    pub id: Option<u64>,
    /// Made at this time or later.
    pub since: Option<Timestamp>,
    /// Made at this time or earlier.
    pub before: Option<Timestamp>,
    /// By the user of this address, or in their name.
    pub actor_email: Option<String>,
    /// From this address.
    pub actor_address: Option<IpAddr>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The entries of an account, or those of none, that match.
    async fn audit_log(
        &self,
        account: Option<AccountId>,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError>;

    /// Puts on record what was done elsewhere than in the store.
    async fn audit(&self, act: AuditedAct, actor: &Actor) -> Result<(), StoreError>;
}
