//! Columns that tables of private networks share.

use adit_core::networks::{Family, Network};
use adit_model::TunnelKind;

use crate::{
    engine::Row,
    failure::Cause,
    row::{column, number, parsed},
    sql::Query,
};

/// The columns `family`, `first_address` and `prefix_length`.
pub(super) fn network(row: &Row) -> Result<Network, Cause> {
    let family = Family::of_version(number(row, "family")?).ok_or(Cause::BadColumn("family"))?;
    let first: &[u8] = column(row, "first_address")?;
    let first = first.try_into().map_err(|_| Cause::BadColumn("first_address"))?;
    Network::from_sortable(family, first, number(row, "prefix_length")?)
        .ok_or(Cause::BadColumn("prefix_length"))
}

/// Gives four parameters: family, first and last address, length of the prefix.
pub(super) fn bind_network(query: Query, network: Network) -> Query {
    query
        .bind(network.family().version())
        .bind(Network::sortable(network.first()).as_slice())
        .bind(Network::sortable(network.last()).as_slice())
        .bind(network.length())
}

/// What the tunnel `t` carries.
macro_rules! kind_of_tunnel {
    () => {
        "t.kind"
    };
}

pub(super) use kind_of_tunnel;

/// The column `tunnel_kind`.
pub(super) fn tunnel_kind(row: &Row) -> Result<TunnelKind, Cause> {
    parsed(row, "tunnel_kind")
}
