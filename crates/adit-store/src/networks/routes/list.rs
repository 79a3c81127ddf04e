//! Reading routes: one, part of a list, or the one that an address takes.

use std::net::IpAddr;

use adit_core::{
    networks::Network,
    port::{Page, PageRequest, Route, RouteFilter},
};
use adit_model::{AccountId, RouteId, TunnelId, VirtualNetworkId};

use super::super::{
    columns::{kind_of_tunnel, network, tunnel_kind},
    defaults, filter,
};
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    page,
    row::{id, optional_time, parsed, time},
    sql::{Query, query},
};

fn select() -> Query {
    query(concat!(
        "SELECT o.*, t.name AS tunnel_name, ",
        kind_of_tunnel!(),
        " AS tunnel_kind, v.name AS virtual_network_name
         FROM ip_routes o
         JOIN tunnels t ON t.account_id = o.account_id AND t.tunnel_id = o.tunnel_id
         JOIN virtual_networks v
             ON v.account_id = o.account_id AND v.virtual_network_id = o.virtual_network_id"
    ))
}

fn route(row: &Row) -> Result<Route, Cause> {
    Ok(Route {
        id: id(row, "route_id", RouteId::from_uuid)?,
        network: network(row)?,
        tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
        tunnel_kind: tunnel_kind(row)?,
        tunnel_name: parsed(row, "tunnel_name")?,
        virtual_network: id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?,
        virtual_network_name: parsed(row, "virtual_network_name")?,
        comment: parsed(row, "comment")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
    })
}

/// One route, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    account: AccountId,
    id: RouteId,
) -> Result<Option<Route>, Cause> {
    let row = filter::of_account(select(), account)
        .push(" AND o.route_id = ")
        .push_bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(route).transpose()
}

/// The live route of exactly this network.
pub(super) async fn of_network(
    connection: &mut Connection,
    account: AccountId,
    network: Network,
    virtual_network: VirtualNetworkId,
) -> Result<Option<Route>, Cause> {
    let row = filter::of_account(select(), account)
        .push(" AND o.deleted_at IS NULL AND o.virtual_network_id = ")
        .push_bind(virtual_network.uuid())
        .push(" AND o.family = ")
        .push_bind(network.family().version())
        .push(" AND o.first_address = ")
        .push_bind(Network::sortable(network.first()).as_slice())
        .push(" AND o.last_address = ")
        .push_bind(Network::sortable(network.last()).as_slice())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(route).transpose()
}

/// The live route that an address takes.
pub(crate) async fn route_to(
    connection: &mut Connection,
    account: AccountId,
    address: IpAddr,
    virtual_network: Option<VirtualNetworkId>,
) -> Result<Option<Route>, Cause> {
    let virtual_network = match virtual_network {
        Some(id) => Some(id),
        None => defaults::virtual_network(connection, account).await?,
    };
    let Some(virtual_network) = virtual_network else {
        return Ok(None);
    };
    let query = filter::of_account(select(), account)
        .push(" AND o.deleted_at IS NULL AND o.virtual_network_id = ")
        .push_bind(virtual_network.uuid());
    let row = filter::containing(query, Some(Network::of_address(address)))
        .push(" ORDER BY o.prefix_length DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(route).transpose()
}

fn matching(query: Query, account: AccountId, wanted: &RouteFilter) -> Query {
    let query = filter::of_account(query, account)
        .push_if(" AND o.route_id = ", wanted.id.map(RouteId::uuid))
        .push_if(" AND o.comment = ", wanted.comment.as_deref())
        .push_if(" AND o.tunnel_id = ", wanted.tunnel.map(TunnelId::uuid))
        .push_if(
            " AND o.virtual_network_id = ",
            wanted.virtual_network.map(VirtualNetworkId::uuid),
        );
    let query = filter::deleted(query, wanted.deleted);
    let query = filter::existed(query, wanted.existed_at);
    let query = filter::within(query, wanted.within);
    let query = filter::containing(query, wanted.containing);
    filter::kinds(query, wanted.kinds.as_deref())
}

/// Part of an account's routes, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    wanted: &RouteFilter,
    page: PageRequest,
) -> Result<Page<Route>, Cause> {
    let count = matching(query("SELECT COUNT(*) FROM ip_routes o"), account, wanted);
    let rows = matching(select(), account, wanted).push(" ORDER BY o.created_at DESC, o.route_id");
    page::page(connection, count, rows, page, route).await
}

/// The networks of the live routes in a virtual network, in order.
pub(crate) async fn routed_in(
    connection: &mut Connection,
    account: AccountId,
    virtual_network: VirtualNetworkId,
) -> Result<Vec<Network>, Cause> {
    let rows = query(
        "SELECT family, first_address, prefix_length FROM ip_routes
         WHERE account_id = $1 AND virtual_network_id = $2 AND deleted_at IS NULL
         ORDER BY family, first_address, prefix_length",
    )
    .bind(account.to_string())
    .bind(virtual_network.uuid())
    .fetch_all(connection)
    .await?;
    rows.iter().map(network).collect()
}
