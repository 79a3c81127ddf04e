//! What those who hold the mesh follow of it.

use adit_core::port::MeshChange;
use adit_model::{AccountId, ConnectorId, DeviceId, TunnelKey};

use super::{
    addresses,
    members::{self, Kind, Member},
};
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    networks,
    sql::Query,
};

/// Makes something of a row.
type Read = fn(&Row) -> Result<MeshChange, Cause>;

/// Every account's ranges and every member. What cannot be read is logged and left out.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<MeshChange>, Cause> {
    let mut all = Vec::new();
    for account in networks::accounts_with_subnets(connection).await? {
        all.push(ranges(connection, account).await?);
    }
    let readers: [(Kind, Read); 2] = [(Kind::Replica, read_replica), (Kind::Device, read_device)];
    for (kind, read) in readers {
        members::select(kind)
            .for_each(&mut *connection, |row| all.extend(readable(&row, read)))
            .await?;
    }
    Ok(all)
}

/// Where an account's members have their addresses from, as it is now.
pub(crate) async fn ranges(connection: &mut Connection, account: AccountId) -> Result<MeshChange, Cause> {
    Ok(MeshChange::Ranges(
        account,
        addresses::ranges(connection, account).await?,
    ))
}

/// A replica, as it is now.
pub(crate) async fn replica(
    connection: &mut Connection,
    tunnel: TunnelKey,
    connector: ConnectorId,
) -> Result<MeshChange, Cause> {
    let one = Member::replica(tunnel.account, connector).only(members::select(Kind::Replica));
    let of_tunnel = one.push(" AND m.tunnel_id = ").push_bind(tunnel.tunnel.uuid());
    let found = found(connection, of_tunnel, read_replica).await?;
    Ok(found.unwrap_or(MeshChange::Replica(tunnel, connector, None)))
}

/// A device, as it is now.
pub(crate) async fn device(
    connection: &mut Connection,
    account: AccountId,
    id: DeviceId,
) -> Result<MeshChange, Cause> {
    let one = Member::device(account, id).only(members::select(Kind::Device));
    let found = found(connection, one, read_device).await?;
    Ok(found.unwrap_or(MeshChange::Device(account, id, None)))
}

async fn found(connection: &mut Connection, one: Query, read: Read) -> Result<Option<MeshChange>, Cause> {
    let row = one.fetch_optional(connection).await?;
    Ok(row.and_then(|row| readable(&row, read)))
}

fn readable(row: &Row, read: Read) -> Option<MeshChange> {
    read(row)
        .inspect_err(|error| tracing::error!(%error, "a member of a mesh is unreadable and left out"))
        .ok()
}

fn read_replica(row: &Row) -> Result<MeshChange, Cause> {
    let replica = members::replica(row)?;
    Ok(MeshChange::Replica(
        replica.tunnel,
        replica.connector,
        Some(replica.link),
    ))
}

fn read_device(row: &Row) -> Result<MeshChange, Cause> {
    let (account, id, device) = members::device(row)?;
    Ok(MeshChange::Device(account, id, Some(device)))
}
