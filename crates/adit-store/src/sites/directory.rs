//! What those who hold replicas follow of sites.

use adit_core::port::SiteEntry;
use adit_model::{ConfigVersion, TunnelKey};

use super::{configure, settings, state};
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    row::{number, tunnel_key},
    sql::query,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.account_id, s.tunnel_id, s.version, s.ha_mode, s.epoch, s.active_connector, s.profile,
                 s.preempt_after_s, s.passive_onramp, c.config
             FROM ha_state s
             JOIN tunnels t ON t.account_id = s.account_id AND t.tunnel_id = s.tunnel_id AND t.deleted_at IS NULL
             JOIN site_configurations c ON c.account_id = s.account_id AND c.tunnel_id = s.tunnel_id
                 AND c.version = s.version",
            $rest
        )
    };
}

/// Every site that is not deleted. What cannot be read is logged and left out.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<(TunnelKey, SiteEntry)>, Cause> {
    let mut all = Vec::new();
    query(select!(""))
        .for_each(connection, |row| all.extend(readable(&row)))
        .await?;
    Ok(all)
}

/// A site, as it is now; `None` if it is deleted.
pub(crate) async fn one(connection: &mut Connection, key: TunnelKey) -> Result<Option<SiteEntry>, Cause> {
    let row = query(select!(" WHERE s.account_id = $1 AND s.tunnel_id = $2"))
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.and_then(|row| readable(&row)).map(|(_, entry)| entry))
}

fn readable(row: &Row) -> Option<(TunnelKey, SiteEntry)> {
    read(row)
        .inspect_err(|error| tracing::error!(%error, "a site is unreadable and left out"))
        .ok()
}

fn read(row: &Row) -> Result<(TunnelKey, SiteEntry), Cause> {
    let key = tunnel_key(row)?;
    let entry = SiteEntry {
        state: state(row, key)?,
        version: ConfigVersion(number(row, "version")?),
        setting: configure::setting(row)?,
        settings: settings::read(row)?,
    };
    Ok((key, entry))
}
