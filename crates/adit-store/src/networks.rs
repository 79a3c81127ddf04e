//! Private networks: routes, virtual networks, private host names, subnets and settings.

mod audit;
mod columns;
mod defaults;
pub(crate) mod directory;
mod filter;
mod hostname_routes;
mod of_tunnel;
mod port;
mod routes;
mod settings;
mod subnets;
mod sweep;
mod table;
mod virtual_networks;

pub(crate) use self::{
    defaults::ensure as ensure_defaults,
    of_tunnel::delete_of_tunnel,
    routes::routed_in,
    subnets::{accounts as accounts_with_subnets, default_ranges as default_subnets},
    sweep::sweep,
    virtual_networks::live as live_virtual_network,
};

use adit_core::port::NetworkError;
use adit_model::{AccountId, TunnelId, VirtualNetworkId};

use self::audit::{audit, audit_all};
use crate::{
    failure::{Cause, Failure},
    row::id,
    sql::query,
    tx::{Object, Tx},
};

/// What a change of private networks comes to.
type Refused<T> = Result<T, Failure<NetworkError>>;

/// Refuses a tunnel that is not there, or deleted.
async fn check_tunnel(tx: &mut Tx<'_>, account: AccountId, tunnel: TunnelId) -> Refused<()> {
    let exists: bool = query(
        "SELECT EXISTS (SELECT 1 FROM tunnels WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL)",
    )
    .bind(account.to_string())
    .bind(tunnel.uuid())
    .scalar(&mut *tx.connection)
    .await?;
    if exists {
        Ok(())
    } else {
        Err(Failure::Refused(NetworkError::NoTunnel))
    }
}

/// The virtual networks of an account that goes: edges must forget them.
pub(crate) async fn account_goes(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Cause> {
    let rows =
        query("SELECT virtual_network_id FROM virtual_networks WHERE account_id = $1 AND deleted_at IS NULL")
            .bind(account.to_string())
            .fetch_all(&mut *tx.connection)
            .await?;
    let gone = |row| {
        let id = id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?;
        Ok(Object::VirtualNetwork(account, id))
    };
    let gone = rows.iter().map(gone).collect::<Result<Vec<_>, Cause>>()?;
    tx.changed_all(&gone).await?;
    Ok(())
}
