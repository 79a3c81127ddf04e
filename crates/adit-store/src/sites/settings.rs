//! How eagerly sites fail over.

use std::time::Duration;

use adit_core::{
    ha::HaSettings,
    port::{Actor, CatalogError, ChangeNumber},
};
use adit_model::TunnelKey;
use serde_json::{Value, json};

use super::live;
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    row::{column, parsed},
    sql::query,
    tx::{Audit, Object, Tx, counter},
};

/// The settings in a row of `ha_state`.
pub(super) fn read(row: &Row) -> Result<HaSettings, Cause> {
    let seconds = column::<Option<i64>>(row, "preempt_after_s")?
        .map(u64::try_from)
        .transpose()
        .map_err(|_| Cause::BadColumn("preempt_after_s"))?;
    Ok(HaSettings {
        profile: parsed(row, "profile")?,
        preempt_after: seconds.map(Duration::from_secs),
        passive_onramp: parsed(row, "passive_onramp")?,
    })
}

/// Those of a live site.
pub(super) async fn find(connection: &mut Connection, key: TunnelKey) -> Result<Option<HaSettings>, Cause> {
    let row = live(connection, key).await?;
    row.map(|row| read(&row)).transpose()
}

/// Sets those of a live site.
pub(super) async fn set(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    settings: HaSettings,
    actor: &Actor,
) -> Result<ChangeNumber, Failure<CatalogError>> {
    let row = live(tx.connection, key).await?;
    let before = read(&row.ok_or(Failure::Refused(CatalogError::NoTunnel))?)?;
    if before == settings {
        return Ok(counter(tx.connection, "change").await?);
    }
    let seconds = settings.preempt_after.map(|after| after.as_secs());
    query(
        "UPDATE ha_state SET profile = $3, preempt_after_s = $4, passive_onramp = $5
         WHERE account_id = $1 AND tunnel_id = $2",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(settings.profile.as_str())
    .bind(
        seconds
            .map(i64::try_from)
            .transpose()
            .map_err(|_| Cause::BadColumn("preempt_after_s"))?,
    )
    .bind(settings.passive_onramp.as_str())
    .execute(&mut *tx.connection)
    .await?;
    let entry = Audit {
        account: Some(key.account),
        actor,
        action: "site.settings",
        object: key.tunnel.to_string(),
    };
    tx.audit(entry.with(Some(shown(&before)), Some(shown(&settings))))
        .await?;
    Ok(tx.changed(Object::Site(key)).await?)
}

/// What the audit log keeps of them.
fn shown(settings: &HaSettings) -> Value {
    json!({
        "profile": settings.profile.as_str(),
        "preempt_after_s": settings.preempt_after.map(|after| after.as_secs()),
        "passive_onramp": settings.passive_onramp.as_str(),
    })
}
