//! Subnets.

mod list;

use adit_core::{
    networks::{Family, Name, Network, SubnetKind, check_subnet, next_default},
    port::{Actor, NetworkError, NewSubnet, Subnet, SubnetChange, SubnetSelector},
};
use adit_model::{AccountId, SubnetId};

pub(crate) use self::list::{accounts, default_ranges};
pub(super) use self::list::{find, list, with_id};
use super::{
    Refused, audit,
    columns::{bind_network, network},
    defaults,
    table::SUBNETS,
};
use crate::{
    failure::{Cause, Failure},
    mesh,
    sql::query,
    tx::{Object, Tx},
};

/// Makes a subnet for devices.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: NewSubnet,
    actor: &Actor,
) -> Refused<Subnet> {
    defaults::ensure(tx, account).await?;
    let id = SubnetId::from_uuid(tx.ids.next());
    check_name(tx, account, id, &new.name).await?;
    check_range(tx, account, id, new.network, None).await?;
    if new.is_default {
        check_unused(tx, account).await?;
        displace_default(tx, account, new.network.family(), actor).await?;
    }
    let statement = query(
        "INSERT INTO subnets (account_id, subnet_id, kind, name, comment, is_default, created_at,
             family, first_address, last_address, prefix_length)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(SubnetKind::Warp.as_str())
    .bind(new.name.as_str())
    .bind(new.comment.as_str())
    .bind(new.is_default)
    .bind(tx.now.unix_micros());
    bind_network(statement, new.network)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, id, actor, "subnet.create", None).await
}

/// Changes a live subnet.
pub(super) async fn update(
    tx: &mut Tx<'_>,
    account: AccountId,
    selector: SubnetSelector,
    change: SubnetChange,
    actor: &Actor,
) -> Refused<Subnet> {
    defaults::ensure(tx, account).await?;
    let before = live(tx, account, selector).await?;
    if change == SubnetChange::default() {
        return Ok(before);
    }
    let wanted = change.is_default.filter(|_| before.kind == SubnetKind::Warp);
    let is_default =
        next_default(before.is_default, wanted).map_err(|error| Failure::Refused(error.into()))?;
    let (name, range) = (
        change.name.as_ref().unwrap_or(&before.name),
        change.network.unwrap_or(before.network),
    );
    check_name(tx, account, before.id, name).await?;
    check_range(tx, account, before.id, range, Some(before.network.family())).await?;
    if (is_default && !before.is_default) || (before.is_default && range != before.network) {
        check_unused(tx, account).await?;
    }
    if is_default && !before.is_default {
        displace_default(tx, account, range.family(), actor).await?;
    }
    let statement = query(
        "UPDATE subnets SET name = $3, comment = $4, is_default = $5,
             family = $6, first_address = $7, last_address = $8, prefix_length = $9
         WHERE account_id = $1 AND subnet_id = $2",
    )
    .bind(account.to_string())
    .bind(before.id.uuid())
    .bind(name.as_str())
    .bind(change.comment.as_ref().unwrap_or(&before.comment).as_str())
    .bind(is_default);
    bind_network(statement, range)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, before.id, actor, "subnet.update", Some(&before)).await
}

/// Marks a live subnet for devices deleted.
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: SubnetId,
    actor: &Actor,
) -> Refused<Subnet> {
    let before = live(tx, account, SubnetSelector::Warp(id)).await?;
    if before.is_default {
        return Err(Failure::Refused(NetworkError::DefaultSubnet));
    }
    SUBNETS.delete(tx, account, id.uuid()).await?;
    audit(tx, account, actor, "subnet.delete", Some(&before), None).await?;
    Ok(Subnet {
        deleted_at: Some(tx.now),
        ..before
    })
}

async fn live(tx: &mut Tx<'_>, account: AccountId, selector: SubnetSelector) -> Refused<Subnet> {
    find(tx.connection, account, selector)
        .await?
        .filter(|found| found.deleted_at.is_none())
        .ok_or(Failure::Refused(NetworkError::NoSubnet))
}

/// Refuses to move the ranges of a mesh that has members: their addresses, and the hub's, are from these.
async fn check_unused(tx: &mut Tx<'_>, account: AccountId) -> Refused<()> {
    match mesh::count(tx.connection, account).await? {
        0 => Ok(()),
        members => Err(Failure::Refused(NetworkError::SubnetInUse { members })),
    }
}

/// Takes the default away from whichever of the family has it.
async fn displace_default(tx: &mut Tx<'_>, account: AccountId, family: Family, actor: &Actor) -> Refused<()> {
    let Some(before) = list::default_of(tx.connection, account, family).await? else {
        return Ok(());
    };
    query("UPDATE subnets SET is_default = $3 WHERE account_id = $1 AND subnet_id = $2")
        .bind(account.to_string())
        .bind(before.id.uuid())
        .bind(false)
        .execute(&mut *tx.connection)
        .await?;
    written(tx, account, before.id, actor, "subnet.update", Some(&before)).await?;
    Ok(())
}

/// Refuses a range that may not be a subnet of the account beside its other ones.
async fn check_range(
    tx: &mut Tx<'_>,
    account: AccountId,
    own: SubnetId,
    range: Network,
    family: Option<Family>,
) -> Refused<()> {
    let rows =
        query("SELECT * FROM subnets WHERE account_id = $1 AND subnet_id <> $2 AND deleted_at IS NULL")
            .bind(account.to_string())
            .bind(own.uuid())
            .fetch_all(&mut *tx.connection)
            .await?;
    let others = rows.iter().map(network).collect::<Result<Vec<_>, _>>()?;
    check_subnet(range, family, others).map_err(|error| Failure::Refused(error.into()))
}

/// Refuses a name that another live subnet of the account has.
async fn check_name(tx: &mut Tx<'_>, account: AccountId, own: SubnetId, name: &Name) -> Refused<()> {
    if SUBNETS.is_taken(tx, account, own.uuid(), name.as_str()).await? {
        Err(Failure::Refused(NetworkError::SubnetNameTaken(name.clone())))
    } else {
        Ok(())
    }
}

/// The subnet as it is now, after its audit record.
async fn written(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: SubnetId,
    actor: &Actor,
    action: &'static str,
    before: Option<&Subnet>,
) -> Refused<Subnet> {
    let subnet = list::with_id(tx.connection, account, id)
        .await?
        .ok_or(Cause::BadColumn("subnet_id"))?;
    if subnet.is_default || before.is_some_and(|before| before.is_default) {
        tx.changed(Object::MeshRanges(account)).await?;
    }
    audit(tx, account, actor, action, before, Some(&subnet)).await?;
    Ok(subnet)
}
