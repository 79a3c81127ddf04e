//! Routes of private host names.

use adit_core::port::{
    Actor, HostnameRoute, HostnameRouteChange, HostnameRouteFilter, NetworkError, NewHostnameRoute, Page,
    PageRequest,
};
use adit_model::{AccountId, HostPattern, HostnameRouteId, TunnelId};

use super::{
    Refused, audit, check_tunnel,
    columns::{kind_of_tunnel, tunnel_kind},
    filter,
    table::HOSTNAME_ROUTES,
};
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    page,
    row::{id, optional_time, parsed, time},
    sql::{Query, query, text_match::like},
    tx::{Object, Tx},
};

fn select() -> Query {
    query(concat!(
        "SELECT o.*, t.name AS tunnel_name, ",
        kind_of_tunnel!(),
        " AS tunnel_kind FROM hostname_routes o
         JOIN tunnels t ON t.account_id = o.account_id AND t.tunnel_id = o.tunnel_id"
    ))
}

fn hostname_route(row: &Row) -> Result<HostnameRoute, Cause> {
    Ok(HostnameRoute {
        id: id(row, "hostname_route_id", HostnameRouteId::from_uuid)?,
        hostname: parsed(row, "hostname")?,
        tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
        tunnel_kind: tunnel_kind(row)?,
        tunnel_name: parsed(row, "tunnel_name")?,
        comment: parsed(row, "comment")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
    })
}

/// One of them, deleted or not.
pub(super) async fn find(
    connection: &mut Connection,
    account: AccountId,
    id: HostnameRouteId,
) -> Result<Option<HostnameRoute>, Cause> {
    let row = filter::of_account(select(), account)
        .push(" AND o.hostname_route_id = ")
        .push_bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(hostname_route).transpose()
}

fn matching(query: Query, account: AccountId, wanted: &HostnameRouteFilter) -> Query {
    let query = filter::of_account(query, account)
        .push_if(
            " AND o.hostname_route_id = ",
            wanted.id.map(HostnameRouteId::uuid),
        )
        .push_if(" AND o.tunnel_id = ", wanted.tunnel.map(TunnelId::uuid))
        .push_if(" AND o.comment = ", wanted.comment.as_deref());
    let query = match &wanted.hostname {
        // Names are kept in lower case, and a part of one may be written in any.
        Some(part) => like(query.push(" AND o.hostname"), ["%", &part.to_lowercase(), "%"]),
        None => query,
    };
    let query = filter::deleted(query, wanted.deleted);
    filter::existed(query, wanted.existed_at)
}

/// Part of an account's routes of host names, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    account: AccountId,
    wanted: &HostnameRouteFilter,
    page: PageRequest,
) -> Result<Page<HostnameRoute>, Cause> {
    let count = matching(query("SELECT COUNT(*) FROM hostname_routes o"), account, wanted);
    let rows = matching(select(), account, wanted).push(" ORDER BY o.created_at DESC, o.hostname_route_id");
    page::page(connection, count, rows, page, hostname_route).await
}

/// Makes a route of a host name.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: NewHostnameRoute,
    actor: &Actor,
) -> Refused<HostnameRoute> {
    check_tunnel(tx, account, new.tunnel).await?;
    let id = HostnameRouteId::from_uuid(tx.ids.next());
    check_free(tx, account, id, &new.hostname).await?;
    query(
        "INSERT INTO hostname_routes (account_id, hostname_route_id, hostname, tunnel_id, comment, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(new.hostname.to_string())
    .bind(new.tunnel.uuid())
    .bind(new.comment.as_str())
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    written(tx, account, id, actor, "hostname_route.create", None).await
}

/// Changes a live one.
pub(super) async fn update(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: HostnameRouteId,
    change: HostnameRouteChange,
    actor: &Actor,
) -> Refused<HostnameRoute> {
    let before = live(tx, account, id).await?;
    if change == HostnameRouteChange::default() {
        return Ok(before);
    }
    if let Some(tunnel) = change.tunnel {
        check_tunnel(tx, account, tunnel).await?;
    }
    let hostname = change.hostname.as_ref().unwrap_or(&before.hostname);
    check_free(tx, account, id, hostname).await?;
    query(
        "UPDATE hostname_routes SET hostname = $3, tunnel_id = $4, comment = $5
         WHERE account_id = $1 AND hostname_route_id = $2",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(hostname.to_string())
    .bind(change.tunnel.unwrap_or(before.tunnel).uuid())
    .bind(change.comment.as_ref().unwrap_or(&before.comment).as_str())
    .execute(&mut *tx.connection)
    .await?;
    written(tx, account, id, actor, "hostname_route.update", Some(&before)).await
}

/// Marks a live one deleted.
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: HostnameRouteId,
    actor: &Actor,
) -> Refused<HostnameRoute> {
    let before = live(tx, account, id).await?;
    HOSTNAME_ROUTES.delete(tx, account, id.uuid()).await?;
    tx.changed(Object::HostnameRoute(account, id)).await?;
    audit(tx, account, actor, "hostname_route.delete", Some(&before), None).await?;
    Ok(HostnameRoute {
        deleted_at: Some(tx.now),
        ..before
    })
}

async fn live(tx: &mut Tx<'_>, account: AccountId, id: HostnameRouteId) -> Refused<HostnameRoute> {
    find(tx.connection, account, id)
        .await?
        .filter(|found| found.deleted_at.is_none())
        .ok_or(Failure::Refused(NetworkError::NoHostnameRoute))
}

/// Refuses a host name that another live route of the account has.
async fn check_free(
    tx: &mut Tx<'_>,
    account: AccountId,
    own: HostnameRouteId,
    hostname: &HostPattern,
) -> Refused<()> {
    if HOSTNAME_ROUTES
        .is_taken(tx, account, own.uuid(), &hostname.to_string())
        .await?
    {
        Err(Failure::Refused(NetworkError::HostnameTaken(hostname.clone())))
    } else {
        Ok(())
    }
}

/// The route as it is now, after its audit record, and known to edges.
async fn written(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: HostnameRouteId,
    actor: &Actor,
    action: &'static str,
    before: Option<&HostnameRoute>,
) -> Refused<HostnameRoute> {
    let route = find(tx.connection, account, id)
        .await?
        .ok_or(Cause::BadColumn("hostname_route_id"))?;
    tx.changed(Object::HostnameRoute(account, id)).await?;
    audit(tx, account, actor, action, before, Some(&route)).await?;
    Ok(route)
}
