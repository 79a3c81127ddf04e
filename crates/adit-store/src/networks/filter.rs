//! Conditions that lists share. The table that is listed is `o`.

use adit_core::networks::Network;
use adit_model::{AccountId, Timestamp, TunnelKind};

use super::columns::kind_of_tunnel;
use crate::sql::{Query, Value, existed_at};

/// Of that account.
pub(super) fn of_account(query: Query, account: AccountId) -> Query {
    query
        .push(" WHERE o.account_id = ")
        .push_bind(account.to_string())
}

/// Only deleted, only live, or both.
pub(super) fn deleted(query: Query, wanted: Option<bool>) -> Query {
    match wanted {
        Some(true) => query.push(" AND o.deleted_at IS NOT NULL"),
        Some(false) => query.push(" AND o.deleted_at IS NULL"),
        None => query,
    }
}

/// Made at or before that time, not deleted before it.
pub(super) fn existed(query: Query, at: Option<Timestamp>) -> Query {
    existed_at(query, ["o.created_at", "o.deleted_at"], at)
}

/// Goes on with `text`, which ends before a list, and the list. An empty one holds nothing.
pub(super) fn one_of<V: Into<Value>>(
    query: Query,
    text: &'static str,
    values: impl IntoIterator<Item = V>,
) -> Query {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return query.push(" AND 1 = 0");
    }
    query.push(text).push(" ").push_list(values)
}

/// Leads to a tunnel of one of these kinds.
pub(super) fn kinds(query: Query, kinds: Option<&[TunnelKind]>) -> Query {
    let Some(kinds) = kinds else { return query };
    let text = concat!(
        " AND EXISTS (SELECT 1 FROM tunnels t WHERE t.account_id = o.account_id AND t.tunnel_id = o.tunnel_id",
        " AND ",
        kind_of_tunnel!(),
        " IN"
    );
    match kinds {
        [] => query.push(" AND 1 = 0"),
        kinds => one_of(query, text, kinds.iter().map(|kind| kind.as_str())).push(")"),
    }
}

/// Part of that network, or the same.
pub(super) fn within(query: Query, network: Option<Network>) -> Query {
    let Some(network) = network else { return query };
    query
        .push(" AND o.family = ")
        .push_bind(network.family().version())
        .push(" AND o.first_address >= ")
        .push_bind(Network::sortable(network.first()).as_slice())
        .push(" AND o.first_address <= ")
        .push_bind(Network::sortable(network.last()).as_slice())
        .push(" AND o.last_address <= ")
        .push_bind(Network::sortable(network.last()).as_slice())
}

/// Has that network as a part, or is the same. Looked up by the few addresses at which such a network can start.
pub(super) fn containing(query: Query, network: Option<Network>) -> Query {
    let Some(network) = network else { return query };
    let starts = network.starts_of_containing();
    let query = query
        .push(" AND o.family = ")
        .push_bind(network.family().version());
    let starts = starts.into_iter().map(|start| Network::sortable(start).to_vec());
    one_of(query, " AND o.first_address IN", starts)
        .push(" AND o.last_address >= ")
        .push_bind(Network::sortable(network.last()).as_slice())
}
