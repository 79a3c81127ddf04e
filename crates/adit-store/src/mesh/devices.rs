//! Devices: WireGuard clients that join and leave.

use adit_core::{
    mesh::MOST_DEVICES,
    networks::Name,
    port::{
        Actor, ChangeNumber, DeviceError, DeviceFilter, DeviceReach, MeshDevice, NetworkError, NewDevice,
        Page, PageRequest,
    },
};
use adit_model::{AccountId, DeviceId, VirtualNetworkId};

use super::{
    Refused, addresses, audit,
    members::{self, Kind, Member, check_free, find_device},
};
use crate::{
    engine::Connection,
    failure::{Cause, Failure},
    networks, page,
    row::id,
    sql::{Query, query},
    tx::{Object, Tx, system},
};

type Joined<T> = Refused<T, DeviceError>;

/// Part of an account's devices, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    account: AccountId,
    wanted: &DeviceFilter,
    page: PageRequest,
) -> Result<Page<(DeviceId, MeshDevice)>, Cause> {
    let matching = |query: Query| {
        query
            .push(" AND m.account_id = ")
            .push_bind(account.to_string())
            .push_if(" AND m.name = ", wanted.name.as_deref())
    };
    let count = query("SELECT COUNT(*) FROM mesh_members m WHERE m.kind = ").push_bind(Kind::Device.as_str());
    let rows = matching(members::select(Kind::Device)).push(" ORDER BY m.joined_at DESC, m.member_id");
    page::page(connection, matching(count), rows, page, |row| {
        let (_, id, device) = members::device(row)?;
        Ok((id, device))
    })
    .await
}

/// Lets a device join.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: NewDevice,
    actor: &Actor,
) -> Joined<(DeviceId, MeshDevice, ChangeNumber)> {
    let default = networks::ensure_defaults(tx, account).await?;
    let virtual_network = new.virtual_network.unwrap_or(default);
    check_virtual_network(tx, account, virtual_network).await?;
    check_count(tx, account).await?;
    check_name(tx, account, &new.name).await?;
    check_free::<DeviceError>(tx, new.key).await?;
    let id = DeviceId::from_uuid(tx.ids.next());
    query(
        "INSERT INTO mesh_members (account_id, kind, member_id, peer_key, joined_at, name, virtual_network_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(account.to_string())
    .bind(Kind::Device.as_str())
    .bind(id.uuid())
    .bind(new.key.as_bytes().as_slice())
    .bind(tx.now.unix_micros())
    .bind(new.name.as_str())
    .bind(virtual_network.uuid())
    .execute(&mut *tx.connection)
    .await?;
    let device = MeshDevice {
        name: new.name,
        key: new.key,
        addresses: addresses::give::<DeviceError>(tx, Member::device(account, id)).await?,
        virtual_network,
        created_at: tx.now,
    };
    audit::of_device(tx, account, id, actor, "device.create", [None, Some(&device)]).await?;
    let change = tx.changed(Object::Device(account, id)).await?;
    Ok((id, device, change))
}

/// Takes a device out.
pub(super) async fn revoke(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeviceId,
    actor: &Actor,
) -> Joined<(MeshDevice, ChangeNumber)> {
    let found = find_device(tx.connection, account, id).await?;
    let device = found.ok_or(Failure::Refused(DeviceError::NotFound))?;
    members::remove(tx, Member::device(account, id)).await?;
    audit::of_device(tx, account, id, actor, "device.revoke", [Some(&device), None]).await?;
    let change = tx.changed(Object::Device(account, id)).await?;
    Ok((device, change))
}

/// What a device in a virtual network may reach.
pub(super) async fn reach(
    connection: &mut Connection,
    account: AccountId,
    virtual_network: VirtualNetworkId,
) -> Result<DeviceReach, Cause> {
    Ok(DeviceReach {
        ranges: addresses::ranges(connection, account).await?,
        routed: networks::routed_in(connection, account, virtual_network).await?,
    })
}

/// Puts all devices of a virtual network into another one; how many.
pub(super) async fn move_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: VirtualNetworkId,
    to: VirtualNetworkId,
) -> Result<u64, Cause> {
    let rows = query(
        "UPDATE mesh_members SET virtual_network_id = $3
         WHERE account_id = $1 AND virtual_network_id = $2 RETURNING member_id",
    )
    .bind(account.to_string())
    .bind(from.uuid())
    .bind(to.uuid())
    .fetch_all(&mut *tx.connection)
    .await?;
    let mut changed = Vec::new();
    for row in &rows {
        let id = id(row, "member_id", DeviceId::from_uuid)?;
        if let Some(after) = find_device(tx.connection, account, id).await? {
            let before = MeshDevice {
                virtual_network: from,
                ..after.clone()
            };
            let states = [Some(&before), Some(&after)];
            audit::of_device(tx, account, id, &system(), "device.move", states).await?;
        }
        changed.push(Object::Device(account, id));
    }
    tx.changed_all(&changed).await?;
    Ok(changed.len() as u64)
}

async fn check_virtual_network(tx: &mut Tx<'_>, account: AccountId, id: VirtualNetworkId) -> Joined<()> {
    match networks::live_virtual_network(tx, account, id).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(NetworkError::Store(error))) => Err(Failure::Refused(error.into())),
        Err(Failure::Refused(_)) => Err(Failure::Refused(DeviceError::NoVirtualNetwork)),
        Err(Failure::Broken(cause)) => Err(Failure::Broken(cause)),
    }
}

async fn check_count(tx: &mut Tx<'_>, account: AccountId) -> Joined<()> {
    let joined: i64 = query("SELECT COUNT(*) FROM mesh_members WHERE account_id = $1 AND kind = $2")
        .bind(account.to_string())
        .bind(Kind::Device.as_str())
        .scalar(&mut *tx.connection)
        .await?;
    if joined < i64::from(MOST_DEVICES) {
        Ok(())
    } else {
        Err(Failure::Refused(DeviceError::TooMany(MOST_DEVICES)))
    }
}

async fn check_name(tx: &mut Tx<'_>, account: AccountId, name: &Name) -> Joined<()> {
    let taken: bool = query(
        "SELECT EXISTS (SELECT 1 FROM mesh_members WHERE account_id = $1 AND name = $2 AND kind = 'device')",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .scalar(&mut *tx.connection)
    .await?;
    if taken {
        Err(Failure::Refused(DeviceError::TakenName))
    } else {
        Ok(())
    }
}
