//! Tunnels: making, finding, listing and deleting them.

mod list;
mod matching;
mod total;

use adit_core::ha::HaSetting;
use adit_core::port::{Actor, CatalogError, ChangeNumber, NewTunnel, Tunnel, TunnelChanges};
use adit_model::{
    AccountId, ConfigVersion, TunnelId, TunnelKey, TunnelKind, TunnelName, TunnelSecret, TunnelStatus,
};
use serde_json::{Value, json};

pub(crate) use self::list::{find, list};
use crate::{
    engine::Connection,
    failure::{Cause, Failure},
    hosts, mesh, networks,
    presence::rows,
    row::column,
    seal::Sealer,
    sites,
    sql::query,
    tx::{Audit, Object, Tx, counter},
};

/// Makes a tunnel with a given id. A site is one without standbys; [`sites::insert`] makes any.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    tunnel: TunnelId,
    new: NewTunnel,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    match new.kind {
        TunnelKind::CfdTunnel => insert_row(tx, sealer, tunnel, new, actor).await,
        TunnelKind::WarpConnector => {
            sites::insert(tx, sealer, tunnel, new, &HaSetting::of_new(false), actor).await
        }
    }
}

/// Makes what tunnels of both kinds have.
pub(crate) async fn insert_row(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    tunnel: TunnelId,
    new: NewTunnel,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let key = TunnelKey {
        account: new.account,
        tunnel,
    };
    if name_is_taken(tx.connection, new.account, &new.name).await? {
        return Err(Failure::Refused(CatalogError::NameTaken(new.name)));
    }
    networks::ensure_defaults(tx, key.account).await?;
    let created_at = tx.now.unix_micros();
    query(
        "INSERT INTO tunnels (account_id, tunnel_id, name, config_source, config_version, sealed_secret,
             created_at, ever_connected, inactive_since, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9)",
    )
    .bind(key.account.to_string())
    .bind(tunnel.uuid())
    .bind(new.name.as_str())
    .bind(new.config_source.as_str())
    .bind(i64::from(ConfigVersion::default().0))
    .bind(sealer.seal_secret(&new.secret, key)?)
    .bind(created_at)
    .bind(false)
    .bind(new.kind.as_str())
    .execute(&mut *tx.connection)
    .await?;
    let tunnel = Tunnel {
        key,
        kind: new.kind,
        name: new.name,
        config_source: new.config_source,
        created_at: tx.now,
        deleted_at: None,
        status: TunnelStatus::Inactive,
        active_since: None,
        inactive_since: Some(tx.now),
        connectors: Vec::new(),
    };
    audit(tx, actor, "tunnel.create", None, Some(&tunnel)).await?;
    let change = tx.changed(Object::Tunnel(key)).await?;
    Ok((tunnel, change))
}

async fn name_is_taken(
    connection: &mut Connection,
    account: AccountId,
    name: &TunnelName,
) -> Result<bool, Cause> {
    let taken = query(
        "SELECT EXISTS (SELECT 1 FROM tunnels WHERE account_id = $1 AND name = $2 AND deleted_at IS NULL)",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .scalar(connection)
    .await?;
    Ok(taken)
}

/// Changes a live tunnel.
pub(crate) async fn update(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    key: TunnelKey,
    changes: TunnelChanges,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let found = find(tx.connection, key, tx.now).await?;
    let found = found.filter(|tunnel| tunnel.deleted_at.is_none());
    let mut tunnel = found.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    let name = changes.name.filter(|name| *name != tunnel.name);
    if name.is_none() && changes.secret.is_none() {
        return Ok((tunnel, counter(tx.connection, "change").await?));
    }
    if let Some(name) = name {
        if name_is_taken(tx.connection, key.account, &name).await? {
            return Err(Failure::Refused(CatalogError::NameTaken(name)));
        }
        query("UPDATE tunnels SET name = $3 WHERE account_id = $1 AND tunnel_id = $2")
            .bind(key.account.to_string())
            .bind(key.tunnel.uuid())
            .bind(name.as_str())
            .execute(&mut *tx.connection)
            .await?;
        let before = tunnel.clone();
        tunnel.name = name;
        audit(tx, actor, "tunnel.rename", Some(&before), Some(&tunnel)).await?;
    }
    if let Some(secret) = changes.secret {
        query("UPDATE tunnels SET sealed_secret = $3 WHERE account_id = $1 AND tunnel_id = $2")
            .bind(key.account.to_string())
            .bind(key.tunnel.uuid())
            .bind(sealer.seal_secret(&secret, key)?)
            .execute(&mut *tx.connection)
            .await?;
        mesh::secret_changed(tx, key).await?;
        audit(tx, actor, "tunnel.rotate_secret", Some(&tunnel), Some(&tunnel)).await?;
    }
    let change = tx.changed(Object::Tunnel(key)).await?;
    Ok((tunnel, change))
}

async fn audit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &'static str,
    before: Option<&Tunnel>,
    after: Option<&Tunnel>,
) -> Result<(), Cause> {
    let Some(tunnel) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(tunnel.key.account),
        actor,
        action,
        object: format!("{} {}", tunnel.key.tunnel, tunnel.name),
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}

/// What the audit log keeps of a tunnel: not its secret, and not who is connected.
fn state(tunnel: &Tunnel) -> Value {
    json!({
        "name": tunnel.name.as_str(),
        "tun_type": tunnel.kind.as_str(),
        "config_src": tunnel.config_source.as_str(),
    })
}

/// Marks a tunnel deleted, if it is not. Its public routes stay; those of private networks go with it, if `cascade`
/// lets them, or keep it.
pub(crate) async fn delete(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    cascade: bool,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let found = find(tx.connection, key, tx.now).await?;
    let before = found.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    if before.deleted_at.is_some() {
        return Ok((before, counter(tx.connection, "change").await?));
    }
    networks::delete_of_tunnel(tx, key, cascade, actor).await?;
    rows::evict(tx, key).await?;
    mesh::unlink_tunnel(tx, key, actor).await?;
    query("UPDATE tunnels SET deleted_at = $3 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let found = find(tx.connection, key, tx.now).await?;
    let tunnel = found.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    audit(tx, actor, "tunnel.delete", Some(&before), None).await?;
    let change = match before.kind {
        TunnelKind::CfdTunnel => tx.changed(Object::Tunnel(key)).await?,
        TunnelKind::WarpConnector => tx.changed_all(&[Object::Tunnel(key), Object::Site(key)]).await?,
    };
    Ok((tunnel, change))
}

/// Tells readers of the routes that wait for a tunnel of this id: its records may be older than itself.
pub(crate) async fn routes_changed(tx: &mut Tx<'_>, key: TunnelKey) -> Result<ChangeNumber, Cause> {
    let routes = hosts::of_tunnel(tx.connection, key).await?;
    let routes: Vec<_> = routes.into_iter().map(Object::Host).collect();
    tx.changed_all(&routes).await
}

/// The secret of a live tunnel of a kind.
pub(crate) async fn secret(
    connection: &mut Connection,
    sealer: &Sealer,
    key: TunnelKey,
    kind: TunnelKind,
) -> Result<Option<TunnelSecret>, Cause> {
    let row = query(
        "SELECT sealed_secret FROM tunnels
         WHERE account_id = $1 AND tunnel_id = $2 AND kind = $3 AND deleted_at IS NULL",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(kind.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| sealer.open_secret(column(&row, "sealed_secret")?, key))
        .transpose()
}
