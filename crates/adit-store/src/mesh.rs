//! Meshes: who joined them, with which key, and which address is whose.

mod addresses;
mod audit;
mod devices;
pub(crate) mod directory;
mod links;
mod members;
mod port;
mod unlink;

use adit_core::{
    mesh::WeakKey,
    port::{DeviceError, LinkError},
};
use adit_model::{AccountId, TunnelKey, VirtualNetworkId};

pub(crate) use self::{addresses::sweep, unlink::account_goes, unlink::of_tunnel as unlink_tunnel};
use crate::{engine::Connection, failure::Cause, failure::Failure, sql::query, tx::Tx};

/// Why a member did not join, whatever it is.
trait Refusal: From<WeakKey> {
    /// Another member has its key.
    const TAKEN_KEY: Self;
    /// No address is left.
    const NO_ADDRESS: Self;
}

impl Refusal for LinkError {
    const TAKEN_KEY: Self = Self::TakenKey;
    const NO_ADDRESS: Self = Self::NoAddress;
}

impl Refusal for DeviceError {
    const TAKEN_KEY: Self = Self::TakenKey;
    const NO_ADDRESS: Self = Self::NoAddress;
}

/// What a change of a mesh comes to.
type Refused<T, E> = Result<T, Failure<E>>;

/// How many members an account has: its ranges stay while there are any.
pub(crate) async fn count(connection: &mut Connection, account: AccountId) -> Result<u64, Cause> {
    let count = query("SELECT COUNT(*) FROM mesh_members WHERE account_id = $1").bind(account.to_string());
    crate::page::counted(connection, count).await
}

/// The tunnel has another secret from now on: its replicas proved that they have an earlier one.
pub(crate) async fn secret_changed(tx: &mut Tx<'_>, key: TunnelKey) -> Result<(), Cause> {
    query("UPDATE mesh_members SET earlier_secret = $3 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(true)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// Puts the devices of one virtual network into another one; how many.
pub(crate) async fn move_devices(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: VirtualNetworkId,
    to: VirtualNetworkId,
) -> Result<u64, Cause> {
    devices::move_all(tx, account, from, to).await
}
