//! Replicas that lose their link, and members that go with their account.

use adit_core::port::{Actor, ChangeNumber, Unlinked};
use adit_model::{AccountId, ConnectorId, DeviceId, TunnelKey};

use super::{
    audit, links,
    members::{self, Kind, Member, Replica},
};
use crate::{
    failure::Cause,
    row::{column, id, tunnel_key},
    sql::query,
    tx::{Object, Tx, counter},
};

/// Takes links of a site away.
pub(super) async fn unlink(
    tx: &mut Tx<'_>,
    tunnel: TunnelKey,
    which: Unlinked,
    actor: &Actor,
) -> Result<(Vec<ConnectorId>, ChangeNumber), Cause> {
    let mut gone = links::of_site(tx.connection, tunnel).await?;
    gone.retain(|replica| match which {
        Unlinked::EarlierSecret(only) => {
            replica.earlier_secret && only.is_none_or(|only| only == replica.connector)
        }
        Unlinked::One(connector) => replica.connector == connector,
    });
    remove(tx, gone, actor).await
}

/// Takes all links of a tunnel away.
pub(crate) async fn of_tunnel(tx: &mut Tx<'_>, tunnel: TunnelKey, actor: &Actor) -> Result<(), Cause> {
    let gone = links::of_site(tx.connection, tunnel).await?;
    remove(tx, gone, actor).await.map(drop)
}

async fn remove(
    tx: &mut Tx<'_>,
    gone: Vec<Replica>,
    actor: &Actor,
) -> Result<(Vec<ConnectorId>, ChangeNumber), Cause> {
    if gone.is_empty() {
        return Ok((Vec::new(), counter(tx.connection, "change").await?));
    }
    let mut changed = Vec::new();
    for replica in &gone {
        members::remove(tx, Member::replica(replica.tunnel.account, replica.connector)).await?;
        audit::of_replica(tx, actor, "replica.unlink", Some(replica), None).await?;
        changed.push(Object::Replica(replica.tunnel, replica.connector));
    }
    let change = tx.changed_all(&changed).await?;
    Ok((
        gone.into_iter().map(|replica| replica.connector).collect(),
        change,
    ))
}

/// Everything of the mesh of an account that goes: whoever follows it must forget it. The rows go with the account's.
pub(crate) async fn account_goes(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Cause> {
    let rows = query("SELECT account_id, kind, member_id, tunnel_id FROM mesh_members WHERE account_id = $1")
        .bind(account.to_string())
        .fetch_all(&mut *tx.connection)
        .await?;
    let gone = rows.iter().map(|row| {
        if column::<&str>(row, "kind")? == Kind::Replica.as_str() {
            let connector = id(row, "member_id", ConnectorId::from_uuid)?;
            Ok(Object::Replica(tunnel_key(row)?, connector))
        } else {
            Ok(Object::Device(
                account,
                id(row, "member_id", DeviceId::from_uuid)?,
            ))
        }
    });
    let mut gone = gone.collect::<Result<Vec<_>, Cause>>()?;
    gone.push(Object::MeshRanges(account));
    tx.changed_all(&gone).await?;
    Ok(())
}
