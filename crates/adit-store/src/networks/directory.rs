//! What edges keep of private networks.

use adit_core::port::{NamedNetwork, PrivateChange, PrivateHostname, PrivateRoute};
use adit_model::{AccountId, HostnameRouteId, RouteId, TunnelId, VirtualNetworkId};
use uuid::Uuid;

use super::columns::network;
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    row::{column, id, parsed},
    sql::{Query, query},
};

const ROUTES: &str =
    "SELECT account_id, route_id, virtual_network_id, tunnel_id, family, first_address, prefix_length
    FROM ip_routes WHERE deleted_at IS NULL";
const HOSTNAMES: &str = "SELECT account_id, hostname_route_id, hostname, tunnel_id
    FROM hostname_routes WHERE deleted_at IS NULL";
const VIRTUAL_NETWORKS: &str = "SELECT account_id, virtual_network_id, name, is_default
    FROM virtual_networks WHERE deleted_at IS NULL";

/// Makes something of a row.
type Read = fn(&Row) -> Result<PrivateChange, Cause>;

/// Every live route and virtual network. One that cannot be read is logged and left out.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<PrivateChange>, Cause> {
    let mut all = Vec::new();
    let readers: [(&str, Read); 3] = [
        (VIRTUAL_NETWORKS, read_virtual_network),
        (ROUTES, read_route),
        (HOSTNAMES, read_hostname),
    ];
    for (text, read) in readers {
        query(text)
            .for_each(&mut *connection, |row| all.extend(readable(&row, read)))
            .await?;
    }
    Ok(all)
}

/// A route of an IP network, as it is now.
pub(crate) async fn route(
    connection: &mut Connection,
    account: AccountId,
    id: RouteId,
) -> Result<PrivateChange, Cause> {
    let found = one(
        connection,
        query(ROUTES).push(" AND account_id = "),
        account,
        " AND route_id = ",
        id.uuid(),
    );
    let found = found.await?.and_then(|row| readable(&row, read_route));
    Ok(found.unwrap_or(PrivateChange::Route(account, id, None)))
}

/// A route of a host name, as it is now.
pub(crate) async fn hostname(
    connection: &mut Connection,
    account: AccountId,
    id: HostnameRouteId,
) -> Result<PrivateChange, Cause> {
    let query = query(HOSTNAMES).push(" AND account_id = ");
    let found = one(connection, query, account, " AND hostname_route_id = ", id.uuid()).await?;
    let found = found.and_then(|row| readable(&row, read_hostname));
    Ok(found.unwrap_or(PrivateChange::Hostname(account, id, None)))
}

/// A virtual network, as it is now.
pub(crate) async fn virtual_network(
    connection: &mut Connection,
    account: AccountId,
    id: VirtualNetworkId,
) -> Result<PrivateChange, Cause> {
    let query = query(VIRTUAL_NETWORKS).push(" AND account_id = ");
    let found = one(
        connection,
        query,
        account,
        " AND virtual_network_id = ",
        id.uuid(),
    )
    .await?;
    let found = found.and_then(|row| readable(&row, read_virtual_network));
    Ok(found.unwrap_or(PrivateChange::VirtualNetwork(account, id, None)))
}

async fn one(
    connection: &mut Connection,
    query: Query,
    account: AccountId,
    and_id: &'static str,
    id: Uuid,
) -> Result<Option<Row>, Cause> {
    let query = query.push_bind(account.to_string()).push(and_id).push_bind(id);
    Ok(query.fetch_optional(connection).await?)
}

fn readable(row: &Row, read: Read) -> Option<PrivateChange> {
    read(row)
        .inspect_err(
            |error| tracing::error!(%error, "a part of a private network is unreadable and left out"),
        )
        .ok()
}

fn read_route(row: &Row) -> Result<PrivateChange, Cause> {
    let route = PrivateRoute {
        network: network(row)?,
        virtual_network: id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?,
        tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
    };
    let id = id(row, "route_id", RouteId::from_uuid)?;
    Ok(PrivateChange::Route(parsed(row, "account_id")?, id, Some(route)))
}

fn read_hostname(row: &Row) -> Result<PrivateChange, Cause> {
    let route = PrivateHostname {
        pattern: parsed(row, "hostname")?,
        tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
    };
    let id = id(row, "hostname_route_id", HostnameRouteId::from_uuid)?;
    Ok(PrivateChange::Hostname(
        parsed(row, "account_id")?,
        id,
        Some(route),
    ))
}

fn read_virtual_network(row: &Row) -> Result<PrivateChange, Cause> {
    let named = NamedNetwork {
        name: parsed(row, "name")?,
        is_default: column(row, "is_default")?,
    };
    let id = id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?;
    Ok(PrivateChange::VirtualNetwork(
        parsed(row, "account_id")?,
        id,
        Some(named),
    ))
}
