//! Remote configurations of tunnels, with the versions before them.

use adit_core::{
    port::{Actor, CatalogError, ChangeNumber, Configuration, Configurations, StoreError},
    remote_config::RemoteConfig,
};
use adit_model::{ConfigSource, ConfigVersion, Timestamp, TunnelKey, TunnelKind};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    read::read,
    row::{column, number, parsed, time},
    sql::query,
    store::Store,
    tx::{Audit, Object, Tx},
};

/// The longest configuration, in bytes of JSON, that the audit log keeps. Longer ones are read by their version.
const LONGEST_AUDITED: usize = 16 << 10;

#[async_trait]
impl Configurations for Store {
    async fn configuration(
        &self,
        tunnel: TunnelKey,
        version: Option<ConfigVersion>,
    ) -> Result<Option<Configuration>, StoreError> {
        Ok(read!(self, "look up a configuration", |reader| find(
            reader, tunnel, version
        )))
    }

    async fn configure(
        &self,
        tunnel: TunnelKey,
        config: RemoteConfig,
        actor: &Actor,
    ) -> Result<(Configuration, ChangeNumber), CatalogError> {
        let (actor, kept) = (actor.clone(), self.retention.configurations);
        let work = self.writer.write("configure a tunnel", move |mut tx| {
            Box::pin(async move { insert(&mut tx, tunnel, &config, kept, &actor).await })
        });
        work.await
    }
}

/// What a live tunnel of kind `cfd_tunnel` has: when it was made, and its configuration's version.
async fn present(connection: &mut Connection, key: TunnelKey) -> Result<Option<Row>, Cause> {
    let row = query(
        "SELECT created_at, config_source, config_version FROM tunnels
         WHERE account_id = $1 AND tunnel_id = $2 AND kind = $3 AND deleted_at IS NULL",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(TunnelKind::CfdTunnel.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// The version of a tunnel's newest configuration: 0 if there is none.
fn newest_version(present: &Row) -> Result<i32, Cause> {
    Ok(number::<i32>(present, "config_version")?.max(0))
}

async fn find(
    connection: &mut Connection,
    tunnel: TunnelKey,
    version: Option<ConfigVersion>,
) -> Result<Option<Configuration>, Cause> {
    let Some(present) = present(connection, tunnel).await? else {
        return Ok(None);
    };
    let source: ConfigSource = parsed(&present, "config_source")?;
    let version = version.unwrap_or(ConfigVersion(newest_version(&present)?));
    if version.0 == 0 {
        let told = told(connection, tunnel).await?;
        let (config, created_at) = match told {
            Some((config, at)) if source == ConfigSource::Local => (Some(config), at),
            _ => (None, time(&present, "created_at")?),
        };
        return Ok(Some(Configuration {
            tunnel,
            version,
            config,
            author: String::new(),
            created_at,
        }));
    }
    let row = query(
        "SELECT config, author, created_at FROM tunnel_configurations
         WHERE account_id = $1 AND tunnel_id = $2 AND version = $3",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(i64::from(version.0))
    .fetch_optional(connection)
    .await?;
    let configuration = |row: Row| {
        Ok(Configuration {
            tunnel,
            version,
            config: Some(column(&row, "config")?),
            author: column(&row, "author")?,
            created_at: time(&row, "created_at")?,
        })
    };
    row.map(configuration).transpose()
}

/// What a connector last told of its local configuration, and when.
async fn told(connection: &mut Connection, tunnel: TunnelKey) -> Result<Option<(String, Timestamp)>, Cause> {
    let row =
        query("SELECT config, told_at FROM local_configurations WHERE account_id = $1 AND tunnel_id = $2")
            .bind(tunnel.account.to_string())
            .bind(tunnel.tunnel.uuid())
            .fetch_optional(connection)
            .await?;
    row.map(|row| Ok((column(&row, "config")?, time(&row, "told_at")?)))
        .transpose()
}

/// The JSON of one version, while it is kept.
pub(crate) async fn version(
    connection: &mut Connection,
    tunnel: TunnelKey,
    version: ConfigVersion,
) -> Result<Option<String>, Cause> {
    let row = query(
        "SELECT config FROM tunnel_configurations WHERE account_id = $1 AND tunnel_id = $2 AND version = $3",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(i64::from(version.0))
    .fetch_optional(connection)
    .await?;
    row.map(|row| column(&row, "config")).transpose()
}

async fn insert(
    tx: &mut Tx<'_>,
    tunnel: TunnelKey,
    config: &RemoteConfig,
    kept: u32,
    actor: &Actor,
) -> Result<(Configuration, ChangeNumber), Failure<CatalogError>> {
    let present = present(tx.connection, tunnel).await?;
    let present = present.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    let before = find(tx.connection, tunnel, None).await?;
    let version = newest_version(&present)?.saturating_add(1);
    query(
        "INSERT INTO tunnel_configurations (account_id, tunnel_id, version, config, author, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(i64::from(version))
    .bind(config.as_json())
    .bind(&actor.name)
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    query("DELETE FROM tunnel_configurations WHERE account_id = $1 AND tunnel_id = $2 AND version <= $3")
        .bind(tunnel.account.to_string())
        .bind(tunnel.tunnel.uuid())
        .bind(i64::from(version) - i64::from(kept.max(1)))
        .execute(&mut *tx.connection)
        .await?;
    query(
        "UPDATE tunnels SET config_version = $3, config_source = $4 WHERE account_id = $1 AND tunnel_id = $2",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(i64::from(version))
    .bind(ConfigSource::Cloudflare.as_str())
    .execute(&mut *tx.connection)
    .await?;
    let configuration = Configuration {
        tunnel,
        version: ConfigVersion(version),
        config: Some(config.as_json().to_owned()),
        author: actor.name.clone(),
        created_at: tx.now,
    };
    let entry = Audit {
        account: Some(tunnel.account),
        actor,
        action: "tunnel.configure",
        object: format!("{} version {version}", tunnel.tunnel),
    };
    tx.audit(entry.with(before.as_ref().map(state), Some(state(&configuration))))
        .await?;
    let change = tx.changed(Object::Tunnel(tunnel)).await?;
    Ok((configuration, change))
}

/// What the audit log keeps of a version: of a long configuration only how long it is.
fn state(configuration: &Configuration) -> Value {
    let config = configuration.config.as_deref();
    let kept = config.filter(|config| config.len() <= LONGEST_AUDITED);
    // What is stored is JSON.
    let kept: Option<Value> = kept.and_then(|config| serde_json::from_str(config).ok());
    json!({
        "version": configuration.version.0,
        "config": kept,
        "config_bytes": config.map(str::len),
    })
}
