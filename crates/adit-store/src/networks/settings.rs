//! What an account allows in its private networks.

use adit_core::port::{Actor, ConnectivityChange, ConnectivitySettings};
use adit_model::AccountId;

use super::Refused;
use crate::{engine::Connection, failure::Cause, row::column, sql::query, tx::Tx};

/// The account's settings.
pub(super) async fn find(
    connection: &mut Connection,
    account: AccountId,
) -> Result<ConnectivitySettings, Cause> {
    let row = query("SELECT icmp_proxy, offramp_warp FROM connectivity_settings WHERE account_id = $1")
        .bind(account.to_string())
        .fetch_optional(connection)
        .await?;
    match row {
        Some(row) => Ok(ConnectivitySettings {
            icmp_proxy: column(&row, "icmp_proxy")?,
            offramp_warp: column(&row, "offramp_warp")?,
        }),
        None => Ok(ConnectivitySettings::default()),
    }
}

/// Changes them.
pub(super) async fn update(
    tx: &mut Tx<'_>,
    account: AccountId,
    change: ConnectivityChange,
    actor: &Actor,
) -> Refused<ConnectivitySettings> {
    let before = find(tx.connection, account).await?;
    let after = ConnectivitySettings {
        icmp_proxy: change.icmp_proxy.unwrap_or(before.icmp_proxy),
        offramp_warp: change.offramp_warp.unwrap_or(before.offramp_warp),
    };
    if after == before {
        return Ok(before);
    }
    query(
        "INSERT INTO connectivity_settings (account_id, icmp_proxy, offramp_warp) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE
         SET icmp_proxy = excluded.icmp_proxy, offramp_warp = excluded.offramp_warp",
    )
    .bind(account.to_string())
    .bind(after.icmp_proxy)
    .bind(after.offramp_warp)
    .execute(&mut *tx.connection)
    .await?;
    let object = format!(
        "icmp_proxy_enabled={} offramp_warp_enabled={}",
        after.icmp_proxy, after.offramp_warp
    );
    tx.audited(account, actor, "connectivity_settings.update", object)
        .await?;
    Ok(after)
}
