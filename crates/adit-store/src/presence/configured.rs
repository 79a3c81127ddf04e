//! What connectors run, as rows.

use adit_core::port::{ConnectorConfigured, LocallyConfigured};

use crate::{engine::Connection, failure::Cause, sql::query};

/// Writes how a connector stands towards its configuration. Each time stays while what it belongs to does. Of a
/// connector that is no longer kept nothing is written.
pub(super) async fn answered(connection: &mut Connection, news: &ConnectorConfigured) -> Result<(), Cause> {
    let (running, refused) = (news.standing.running, news.standing.refused.as_ref());
    let at = news.at.unix_micros();
    query(
        "UPDATE connectors SET
             applied_at = CASE WHEN applied_version = $4 THEN applied_at ELSE $5 END,
             refused_at = CASE WHEN refused_version = $6 AND refused_text = $7 THEN refused_at ELSE $8 END,
             applied_version = $4, refused_version = $6, refused_text = $7
         WHERE account_id = $1 AND tunnel_id = $2 AND connector_id = $3",
    )
    .bind(news.tunnel.account.to_string())
    .bind(news.tunnel.tunnel.uuid())
    .bind(news.connector.uuid())
    .bind(running.map(|version| i64::from(version.0)))
    .bind(running.map(|_| at))
    .bind(refused.map(|refused| i64::from(refused.version.0)))
    .bind(refused.map(|refused| refused.sentence.clone()))
    .bind(refused.map(|_| at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a local configuration. The same one again changes nothing.
pub(super) async fn told(connection: &mut Connection, news: &LocallyConfigured) -> Result<(), Cause> {
    query(
        "INSERT INTO local_configurations (account_id, tunnel_id, connector_id, config, told_at)
         SELECT account_id, tunnel_id, $3, $4, $5 FROM tunnels WHERE account_id = $1 AND tunnel_id = $2
         ON CONFLICT (account_id, tunnel_id) DO UPDATE
             SET connector_id = excluded.connector_id, config = excluded.config, told_at = excluded.told_at
             WHERE local_configurations.config <> excluded.config",
    )
    .bind(news.tunnel.account.to_string())
    .bind(news.tunnel.tunnel.uuid())
    .bind(news.connector.uuid())
    .bind(&news.config)
    .bind(news.at.unix_micros())
    .execute(connection)
    .await?;
    Ok(())
}
