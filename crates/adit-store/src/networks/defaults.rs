//! What an account starts with: its default virtual network and its initial subnets.

use adit_core::networks::{
    DEFAULT_VIRTUAL_NETWORK, DEFAULT_VIRTUAL_NETWORK_COMMENT, InitialSubnet, initial_subnets,
};
use adit_model::{AccountId, SubnetId, VirtualNetworkId};

use super::{audit, columns::bind_network, subnets, virtual_networks};
use crate::{
    engine::Connection,
    failure::Cause,
    sql::query,
    tx::{Object, Tx, system},
};

/// The account's default virtual network, if it was made.
pub(super) async fn virtual_network(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Option<VirtualNetworkId>, Cause> {
    let id = query(
        "SELECT virtual_network_id FROM virtual_networks
         WHERE account_id = $1 AND is_default AND deleted_at IS NULL",
    )
    .bind(account.to_string())
    .optional_scalar(connection)
    .await?;
    Ok(id.map(VirtualNetworkId::from_uuid))
}

/// Makes what an account starts with, unless it has it. Returns its default virtual network.
pub(crate) async fn ensure(tx: &mut Tx<'_>, account: AccountId) -> Result<VirtualNetworkId, Cause> {
    if let Some(id) = virtual_network(tx.connection, account).await? {
        return Ok(id);
    }
    let id = insert_virtual_network(tx, account).await?;
    for subnet in initial_subnets(account) {
        insert_subnet(tx, account, subnet).await?;
    }
    tx.changed(Object::MeshRanges(account)).await?;
    Ok(id)
}

/// A moment before the change that needed them: in lists, newest first, they come after what it made.
fn just_before(tx: &Tx<'_>) -> i64 {
    tx.now.unix_micros().saturating_sub(1)
}

async fn insert_virtual_network(tx: &mut Tx<'_>, account: AccountId) -> Result<VirtualNetworkId, Cause> {
    let id = VirtualNetworkId::random();
    query(
        "INSERT INTO virtual_networks (account_id, virtual_network_id, name, comment, is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(DEFAULT_VIRTUAL_NETWORK)
    .bind(DEFAULT_VIRTUAL_NETWORK_COMMENT)
    .bind(true)
    .bind(just_before(tx))
    .execute(&mut *tx.connection)
    .await?;
    tx.changed(Object::VirtualNetwork(account, id)).await?;
    let made = virtual_networks::find(tx.connection, account, id).await?;
    audit(
        tx,
        account,
        &system(),
        "virtual_network.create",
        None,
        made.as_ref(),
    )
    .await?;
    Ok(id)
}

async fn insert_subnet(tx: &mut Tx<'_>, account: AccountId, subnet: InitialSubnet) -> Result<(), Cause> {
    let id = SubnetId::random();
    let statement = query(
        "INSERT INTO subnets (account_id, subnet_id, kind, name, comment, is_default, created_at,
             family, first_address, last_address, prefix_length)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(account.to_string())
    .bind(id.uuid())
    .bind(subnet.kind.as_str())
    .bind(subnet.name)
    .bind("")
    .bind(subnet.is_default)
    .bind(just_before(tx));
    bind_network(statement, subnet.network)
        .execute(&mut *tx.connection)
        .await?;
    let made = subnets::with_id(tx.connection, account, id).await?;
    audit(tx, account, &system(), "subnet.create", None, made.as_ref()).await
}
