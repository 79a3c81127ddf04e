//! The versions of a site's configuration.

use adit_core::{
    ha::HaSetting,
    port::{Actor, CatalogError, ChangeNumber, SiteConfiguration},
};
use adit_model::{ConfigVersion, TunnelKey};
use serde_json::{Value, json};

use super::live;
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    presence::rows,
    row::{column, number, parsed, time},
    sql::query,
    tx::{Audit, Object, Tx},
};

/// One version, while it is kept.
pub(super) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    version: ConfigVersion,
) -> Result<Option<SiteConfiguration>, Cause> {
    let row = query(
        "SELECT version, ha_mode, config, author, created_at FROM site_configurations
         WHERE account_id = $1 AND tunnel_id = $2 AND version = $3",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(i64::from(version.0))
    .fetch_optional(connection)
    .await?;
    row.map(|row| configuration(&row)).transpose()
}

fn configuration(row: &Row) -> Result<SiteConfiguration, Cause> {
    Ok(SiteConfiguration {
        version: ConfigVersion(number(row, "version")?),
        setting: setting(row)?,
        author: column(row, "author")?,
        created_at: time(row, "created_at")?,
    })
}

/// The mode in a row, with its configuration.
pub(super) fn setting(row: &Row) -> Result<HaSetting, Cause> {
    let config = column::<Option<&str>>(row, "config")?
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| Cause::BadColumn("config"))?;
    HaSetting::read(parsed(row, "ha_mode")?, config).map_err(|_| Cause::BadColumn("config"))
}

/// What a new site starts with.
pub(super) async fn insert_first(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    setting: &HaSetting,
    actor: &Actor,
) -> Result<(), Cause> {
    query(
        "INSERT INTO ha_state (account_id, tunnel_id, version, ha_mode, epoch) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(0_i64)
    .bind(setting.mode().as_str())
    .bind(0_i64)
    .execute(&mut *tx.connection)
    .await?;
    insert(tx, key, 0, setting, actor).await
}

async fn insert(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    version: i32,
    setting: &HaSetting,
    actor: &Actor,
) -> Result<(), Cause> {
    query(
        "INSERT INTO site_configurations (account_id, tunnel_id, version, ha_mode, config, author, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(i64::from(version))
    .bind(setting.mode().as_str())
    .bind(
        setting
            .config()
            .map(|config| Value::Object(config).to_string()),
    )
    .bind(&actor.name)
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}

/// The next version; those beyond the newest `kept` go.
pub(super) async fn insert_next(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    setting: HaSetting,
    kept: u32,
    actor: &Actor,
) -> Result<(SiteConfiguration, ChangeNumber), Failure<CatalogError>> {
    let row = live(tx.connection, key).await?;
    let row = row.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    let before = ConfigVersion(number(&row, "version")?);
    let version = before.0.saturating_add(1);
    let before = find(tx.connection, key, before).await?;
    insert(tx, key, version, &setting, actor).await?;
    query("DELETE FROM site_configurations WHERE account_id = $1 AND tunnel_id = $2 AND version <= $3")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(i64::from(version) - i64::from(kept.max(1)))
        .execute(&mut *tx.connection)
        .await?;
    query("UPDATE ha_state SET version = $3, ha_mode = $4 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(i64::from(version))
        .bind(setting.mode().as_str())
        .execute(&mut *tx.connection)
        .await?;
    rows::observe(tx, key).await?;
    let configuration = SiteConfiguration {
        version: ConfigVersion(version),
        setting,
        author: actor.name.clone(),
        created_at: tx.now,
    };
    let entry = Audit {
        account: Some(key.account),
        actor,
        action: "site.configure",
        object: format!(
            "{} version {version}: {}",
            key.tunnel,
            configuration.setting.mode()
        ),
    };
    tx.audit(entry.with(before.as_ref().map(state), Some(state(&configuration))))
        .await?;
    let change = tx.changed(Object::Site(key)).await?;
    Ok((configuration, change))
}

/// What the audit log keeps of a version.
fn state(configuration: &SiteConfiguration) -> Value {
    json!({
        "configuration_version": configuration.version.0,
        "ha_mode": configuration.setting.mode().as_str(),
        "config": configuration.setting.config(),
    })
}
