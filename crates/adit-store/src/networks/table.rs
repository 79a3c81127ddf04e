//! What the tables of private networks have in common: their rows belong to an account, and are kept for a while after
//! they were deleted.

use adit_model::AccountId;
use uuid::Uuid;

use crate::{failure::Cause, sql::query, tx::Tx};

/// A table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    name: &'static str,
    /// Its column of ids.
    id: &'static str,
    /// Its column of what a live row of an account does not share with another.
    unique: &'static str,
}

pub(super) const HOSTNAME_ROUTES: Table = Table {
    name: "hostname_routes",
    id: "hostname_route_id",
    unique: "hostname",
};

pub(super) const SUBNETS: Table = Table {
    name: "subnets",
    id: "subnet_id",
    unique: "name",
};

pub(super) const VIRTUAL_NETWORKS: Table = Table {
    name: "virtual_networks",
    id: "virtual_network_id",
    unique: "name",
};

impl Table {
    /// Whether a live row of the account other than `own` has this.
    pub(super) async fn is_taken(
        self,
        tx: &mut Tx<'_>,
        account: AccountId,
        own: Uuid,
        wanted: &str,
    ) -> Result<bool, Cause> {
        let taken = query("SELECT EXISTS (SELECT 1 FROM ")
            .push(self.name)
            .push(" WHERE account_id = ")
            .push_bind(account.to_string())
            .push(" AND ")
            .push(self.unique)
            .push(" = ")
            .push_bind(wanted)
            .push(" AND ")
            .push(self.id)
            .push(" <> ")
            .push_bind(own)
            .push(" AND deleted_at IS NULL)")
            .scalar(&mut *tx.connection)
            .await?;
        Ok(taken)
    }

    /// Marks a row deleted.
    pub(super) async fn delete(self, tx: &mut Tx<'_>, account: AccountId, id: Uuid) -> Result<(), Cause> {
        query("UPDATE ")
            .push(self.name)
            .push(" SET deleted_at = ")
            .push_bind(tx.now.unix_micros())
            .push(" WHERE account_id = ")
            .push_bind(account.to_string())
            .push(" AND ")
            .push(self.id)
            .push(" = ")
            .push_bind(id)
            .execute(&mut *tx.connection)
            .await?;
        Ok(())
    }
}
