//! Virtual networks.

use adit_core::{
    networks::{MOST_VIRTUAL_NETWORKS, Name, next_default},
    port::{
        Actor, NetworkError, NewVirtualNetwork, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter,
    },
};
use adit_model::{AccountId, RouteId, VirtualNetworkId};
use serde_json::json;

use super::{Refused, audit, audit_all, defaults, filter, table::VIRTUAL_NETWORKS};
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    mesh,
    row::{column, id, optional_time, parsed, time},
    sql::query,
    tx::{Object, Tx},
};

fn virtual_network(row: &Row) -> Result<VirtualNetwork, Cause> {
    Ok(VirtualNetwork {
        id: id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?,
        name: parsed(row, "name")?,
        comment: parsed(row, "comment")?,
        is_default: column(row, "is_default")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
    })
}

/// One virtual network, deleted or not.
pub(super) async fn find(
    connection: &mut Connection,
    account: AccountId,
    id: VirtualNetworkId,
) -> Result<Option<VirtualNetwork>, Cause> {
    let row = query("SELECT * FROM virtual_networks WHERE account_id = $1 AND virtual_network_id = $2")
        .bind(account.to_string())
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(virtual_network).transpose()
}

/// The account's virtual networks, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    account: AccountId,
    wanted: &VirtualNetworkFilter,
) -> Result<Vec<VirtualNetwork>, Cause> {
    let query = filter::of_account(query("SELECT o.* FROM virtual_networks o"), account)
        .push_if(
            " AND o.virtual_network_id = ",
            wanted.id.map(VirtualNetworkId::uuid),
        )
        .push_if(" AND o.name = ", wanted.name.as_deref())
        .push_if(" AND o.is_default = ", wanted.is_default);
    let rows = filter::deleted(query, wanted.deleted)
        .push(" ORDER BY o.created_at DESC, o.virtual_network_id")
        .fetch_all(connection)
        .await?;
    rows.iter().map(virtual_network).collect()
}

/// The live virtual network with this id.
pub(crate) async fn live(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: VirtualNetworkId,
) -> Refused<VirtualNetwork> {
    find(tx.connection, account, id)
        .await?
        .filter(|found| found.deleted_at.is_none())
        .ok_or(Failure::Refused(NetworkError::NoVirtualNetwork))
}

/// Makes a virtual network.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: NewVirtualNetwork,
    actor: &Actor,
) -> Refused<VirtualNetwork> {
    defaults::ensure(tx, account).await?;
    check_count(tx, account).await?;
    let id = VirtualNetworkId::from_uuid(tx.ids.next());
    check_name(tx, account, id, &new.name).await?;
    if new.is_default {
        displace_default(tx, account, actor).await?;
    }
    query(
        "INSERT INTO virtual_networks (account_id, virtual_network_id, name, comment, is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(new.name.as_str())
    .bind(new.comment.as_str())
    .bind(new.is_default)
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    written(tx, account, id, actor, "virtual_network.create", None).await
}

/// Changes a live virtual network.
pub(super) async fn update(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: VirtualNetworkId,
    change: VirtualNetworkChange,
    actor: &Actor,
) -> Refused<VirtualNetwork> {
    let before = live(tx, account, id).await?;
    if change == VirtualNetworkChange::default() {
        return Ok(before);
    }
    let is_default =
        next_default(before.is_default, change.is_default).map_err(|error| Failure::Refused(error.into()))?;
    let name = change.name.as_ref().unwrap_or(&before.name);
    check_name(tx, account, id, name).await?;
    if is_default && !before.is_default {
        displace_default(tx, account, actor).await?;
    }
    query(
        "UPDATE virtual_networks SET name = $3, comment = $4, is_default = $5
         WHERE account_id = $1 AND virtual_network_id = $2",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(name.as_str())
    .bind(change.comment.as_ref().unwrap_or(&before.comment).as_str())
    .bind(is_default)
    .execute(&mut *tx.connection)
    .await?;
    written(tx, account, id, actor, "virtual_network.update", Some(&before)).await
}

/// Marks a live virtual network deleted; with `force` its live routes, too, and its devices go to the default one.
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: VirtualNetworkId,
    force: bool,
    actor: &Actor,
) -> Refused<VirtualNetwork> {
    let before = live(tx, account, id).await?;
    if before.is_default {
        return Err(Failure::Refused(NetworkError::DefaultVirtualNetwork));
    }
    let gone = delete_routes(tx, account, id).await?;
    let routes = gone.len() as u64;
    if routes > 0 {
        if !force {
            // The savepoint that this write runs in takes the routes back.
            return Err(Failure::Refused(NetworkError::VirtualNetworkInUse { routes }));
        }
        let object = format!("{routes} in virtual network {id}");
        let before = json!({"virtual_network_id": id, "routes": routes});
        audit_all(tx, account, actor, "route.delete_all", object, before).await?;
    }
    let default = defaults::ensure(tx, account).await?;
    let devices = mesh::move_devices(tx, account, id, default).await?;
    if devices > 0 && !force {
        return Err(Failure::Refused(NetworkError::VirtualNetworkHasDevices {
            devices,
        }));
    }
    VIRTUAL_NETWORKS.delete(tx, account, id.uuid()).await?;
    tx.changed_all(&gone).await?;
    tx.changed(Object::VirtualNetwork(account, id)).await?;
    audit(tx, account, actor, "virtual_network.delete", Some(&before), None).await?;
    Ok(VirtualNetwork {
        deleted_at: Some(tx.now),
        ..before
    })
}

/// Marks all live routes in a virtual network deleted, and tells which.
async fn delete_routes(
    tx: &mut Tx<'_>,
    account: AccountId,
    network: VirtualNetworkId,
) -> Result<Vec<Object>, Cause> {
    let rows = query(
        "UPDATE ip_routes SET deleted_at = $3
         WHERE account_id = $1 AND virtual_network_id = $2 AND deleted_at IS NULL RETURNING route_id",
    )
    .bind(account.to_string())
    .bind(network.uuid())
    .bind(tx.now.unix_micros())
    .fetch_all(&mut *tx.connection)
    .await?;
    let gone = |row| Ok(Object::Route(account, id(row, "route_id", RouteId::from_uuid)?));
    rows.iter().map(gone).collect()
}

/// Refuses one more than an account may have.
async fn check_count(tx: &mut Tx<'_>, account: AccountId) -> Refused<()> {
    let live: i64 =
        query("SELECT COUNT(*) FROM virtual_networks WHERE account_id = $1 AND deleted_at IS NULL")
            .bind(account.to_string())
            .scalar(&mut *tx.connection)
            .await?;
    if live < i64::from(MOST_VIRTUAL_NETWORKS) {
        Ok(())
    } else {
        Err(Failure::Refused(NetworkError::TooManyVirtualNetworks))
    }
}

/// Takes the default away from whichever has it.
async fn displace_default(tx: &mut Tx<'_>, account: AccountId, actor: &Actor) -> Refused<()> {
    let Some(id) = defaults::virtual_network(tx.connection, account).await? else {
        return Ok(());
    };
    let before = live(tx, account, id).await?;
    query("UPDATE virtual_networks SET is_default = $3 WHERE account_id = $1 AND virtual_network_id = $2")
        .bind(account.to_string())
        .bind(id.uuid())
        .bind(false)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, id, actor, "virtual_network.update", Some(&before)).await?;
    Ok(())
}

/// Refuses a name that another live virtual network of the account has.
async fn check_name(tx: &mut Tx<'_>, account: AccountId, own: VirtualNetworkId, name: &Name) -> Refused<()> {
    if VIRTUAL_NETWORKS
        .is_taken(tx, account, own.uuid(), name.as_str())
        .await?
    {
        Err(Failure::Refused(NetworkError::VirtualNetworkNameTaken(
            name.clone(),
        )))
    } else {
        Ok(())
    }
}

/// The virtual network as it is now, after its audit record, and known to edges.
async fn written(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: VirtualNetworkId,
    actor: &Actor,
    action: &'static str,
    before: Option<&VirtualNetwork>,
) -> Refused<VirtualNetwork> {
    let found = find(tx.connection, account, id)
        .await?
        .ok_or(Cause::BadColumn("virtual_network_id"))?;
    tx.changed(Object::VirtualNetwork(account, id)).await?;
    audit(tx, account, actor, action, before, Some(&found)).await?;
    Ok(found)
}
