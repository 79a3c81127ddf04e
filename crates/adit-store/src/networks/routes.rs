//! Routes of IP networks.

mod list;

use adit_core::port::{Actor, NetworkError, NewRoute, Route, RouteChange, RouteSelector};
use adit_model::{AccountId, RouteId, TunnelKind, VirtualNetworkId};

pub(crate) use self::list::routed_in;
pub(super) use self::list::{find, list, route_to};
use super::{Refused, audit, check_tunnel, columns::bind_network, defaults, virtual_networks};
use crate::{
    failure::{Cause, Failure},
    sql::query,
    tx::{Object, Tx},
};

/// Makes a route.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: NewRoute,
    actor: &Actor,
) -> Refused<Route> {
    check_tunnel(tx, account, new.tunnel).await?;
    let default = defaults::ensure(tx, account).await?;
    let virtual_network = new.virtual_network.unwrap_or(default);
    virtual_networks::live(tx, account, virtual_network).await?;
    let id = RouteId::from_uuid(tx.ids.next());
    check_free(tx, account, id, new.network, virtual_network).await?;
    let statement = query(
        "INSERT INTO ip_routes (account_id, route_id, virtual_network_id, tunnel_id, comment, created_at,
             family, first_address, last_address, prefix_length)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(virtual_network.uuid())
    .bind(new.tunnel.uuid())
    .bind(new.comment.as_str())
    .bind(tx.now.unix_micros());
    bind_network(statement, new.network)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, id, actor, "route.create", None).await
}

/// Changes a live route.
pub(super) async fn update(
    tx: &mut Tx<'_>,
    account: AccountId,
    selector: RouteSelector,
    change: RouteChange,
    actor: &Actor,
) -> Refused<Route> {
    let before = selected(tx, account, selector).await?;
    if change == RouteChange::default() {
        return Ok(before);
    }
    if let Some(tunnel) = change.tunnel {
        check_tunnel(tx, account, tunnel).await?;
    }
    if let Some(id) = change.virtual_network {
        virtual_networks::live(tx, account, id).await?;
    }
    let (network, virtual_network) = (
        change.network.unwrap_or(before.network),
        change.virtual_network.unwrap_or(before.virtual_network),
    );
    check_free(tx, account, before.id, network, virtual_network).await?;
    let statement = query(
        "UPDATE ip_routes SET virtual_network_id = $3, tunnel_id = $4, comment = $5,
             family = $6, first_address = $7, last_address = $8, prefix_length = $9
         WHERE account_id = $1 AND route_id = $2",
    )
    .bind(account.to_string())
    .bind(before.id.uuid())
    .bind(virtual_network.uuid())
    .bind(change.tunnel.unwrap_or(before.tunnel).uuid())
    .bind(change.comment.as_ref().unwrap_or(&before.comment).as_str());
    bind_network(statement, network)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, before.id, actor, "route.update", Some(&before)).await
}

/// Marks a live route deleted.
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    account: AccountId,
    selector: RouteSelector,
    actor: &Actor,
) -> Refused<Route> {
    let before = selected(tx, account, selector).await?;
    query("UPDATE ip_routes SET deleted_at = $3 WHERE account_id = $1 AND route_id = $2")
        .bind(account.to_string())
        .bind(before.id.uuid())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    tx.changed(Object::Route(account, before.id)).await?;
    audit(tx, account, actor, "route.delete", Some(&before), None).await?;
    Ok(Route {
        deleted_at: Some(tx.now),
        ..before
    })
}

/// The live route that is meant.
async fn selected(tx: &mut Tx<'_>, account: AccountId, selector: RouteSelector) -> Refused<Route> {
    let found = match selector {
        RouteSelector::Id(id) => find(tx.connection, account, id).await?,
        RouteSelector::Network {
            network,
            virtual_network,
            tunnel,
            kind,
        } => {
            let virtual_network = match virtual_network {
                Some(id) => Some(id),
                None => defaults::virtual_network(tx.connection, account).await?,
            };
            let found = match virtual_network {
                Some(id) => list::of_network(tx.connection, account, network, id).await?,
                None => None,
            };
            let is_kind = |of: TunnelKind| kind.is_none_or(|kind| kind == of);
            found.filter(|route| {
                tunnel.is_none_or(|tunnel| tunnel == route.tunnel) && is_kind(route.tunnel_kind)
            })
        }
    };
    found
        .filter(|route| route.deleted_at.is_none())
        .ok_or(Failure::Refused(NetworkError::NoRoute))
}

/// Refuses a network that another live route of the virtual network has.
async fn check_free(
    tx: &mut Tx<'_>,
    account: AccountId,
    own: RouteId,
    network: adit_core::networks::Network,
    virtual_network: VirtualNetworkId,
) -> Refused<()> {
    let found = list::of_network(tx.connection, account, network, virtual_network).await?;
    match found {
        Some(route) if route.id != own => Err(Failure::Refused(NetworkError::NetworkTaken(network))),
        Some(_) | None => Ok(()),
    }
}

/// The route as it is now, after its audit record, and known to edges.
async fn written(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: RouteId,
    actor: &Actor,
    action: &'static str,
    before: Option<&Route>,
) -> Refused<Route> {
    let route = find(tx.connection, account, id)
        .await?
        .ok_or(Cause::BadColumn("route_id"))?;
    tx.changed(Object::Route(account, id)).await?;
    audit(tx, account, actor, action, before, Some(&route)).await?;
    Ok(route)
}
