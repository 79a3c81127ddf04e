//! Sites: their configuration, their replicas and who of them is active.

mod configure;
pub(crate) mod directory;
mod events;
mod replicas;
mod settings;

use std::time::Duration;

use adit_core::{
    ha::{Epoch, HaCause, HaEvent, HaSetting, HaSettings, HaState},
    port::{
        Actor, CatalogError, ChangeNumber, ConnectorRecord, DecideError, LinkedReplica, NewTunnel, Page,
        PageRequest, Site, SiteConfiguration, Sites, StoreError, Tunnel, Unlinked,
    },
};
use adit_model::{
    ConfigSource, ConfigVersion, ConnectorId, HaMode, Timestamp, TunnelId, TunnelKey, TunnelKind,
};
use async_trait::async_trait;
use serde_json::json;

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    read::read,
    row::{column, number, optional_time, parsed, time},
    seal::Sealer,
    sql::query,
    store::Store,
    tunnels,
    tx::{Audit, Object, Tx, system},
};

#[async_trait]
impl Sites for Store {
    async fn create_site(
        &self,
        new: NewTunnel,
        setting: HaSetting,
        actor: &Actor,
    ) -> Result<(Tunnel, ChangeNumber), CatalogError> {
        let (sealer, actor) = (self.sealer.clone(), actor.clone());
        let new = NewTunnel {
            kind: TunnelKind::WarpConnector,
            config_source: ConfigSource::Local,
            ..new
        };
        let work = self.writer.write("create a site", move |mut tx| {
            Box::pin(async move {
                let id = TunnelId::from_uuid(tx.ids.next());
                insert(&mut tx, &sealer, id, new, &setting, &actor).await
            })
        });
        work.await
    }

    async fn site(&self, tunnel: TunnelKey) -> Result<Option<Site>, StoreError> {
        Ok(read!(self, "look up a site", |reader| find(reader, tunnel)))
    }

    async fn site_configuration(
        &self,
        tunnel: TunnelKey,
        version: ConfigVersion,
    ) -> Result<Option<SiteConfiguration>, StoreError> {
        Ok(read!(self, "look up a site's configuration", |reader| {
            configure::find(reader, tunnel, version)
        }))
    }

    async fn configure_site(
        &self,
        tunnel: TunnelKey,
        setting: HaSetting,
        actor: &Actor,
    ) -> Result<(SiteConfiguration, ChangeNumber), CatalogError> {
        let (actor, kept) = (actor.clone(), self.retention.configurations);
        let work = self.writer.write("configure a site", move |mut tx| {
            Box::pin(async move { configure::insert_next(&mut tx, tunnel, setting, kept, &actor).await })
        });
        work.await
    }

    async fn replicas(
        &self,
        tunnel: TunnelKey,
        since: Timestamp,
    ) -> Result<Vec<ConnectorRecord>, StoreError> {
        Ok(read!(self, "list the replicas of a site", |reader| {
            replicas::since(reader, tunnel, since)
        }))
    }

    async fn linked_replicas(
        &self,
        tunnel: TunnelKey,
    ) -> Result<Vec<(ConnectorId, LinkedReplica)>, StoreError> {
        self.links_of_site(tunnel).await
    }

    async fn unlink(
        &self,
        tunnel: TunnelKey,
        which: Unlinked,
        actor: &Actor,
    ) -> Result<(Vec<ConnectorId>, ChangeNumber), StoreError> {
        self.unlink_of_site(tunnel, which, actor).await
    }

    async fn ha_settings(&self, tunnel: TunnelKey) -> Result<Option<HaSettings>, StoreError> {
        Ok(read!(self, "look up how a site fails over", |reader| {
            settings::find(reader, tunnel)
        }))
    }

    async fn set_ha_settings(
        &self,
        tunnel: TunnelKey,
        settings: HaSettings,
        actor: &Actor,
    ) -> Result<ChangeNumber, CatalogError> {
        let actor = actor.clone();
        let work = self.writer.write("set how a site fails over", move |mut tx| {
            Box::pin(async move { settings::set(&mut tx, tunnel, settings, &actor).await })
        });
        work.await
    }

    async fn decide(
        &self,
        tunnel: TunnelKey,
        seen: Epoch,
        active: Option<ConnectorId>,
        cause: HaCause,
    ) -> Result<HaState, DecideError> {
        let work = self
            .writer
            .write("decide who is active in a site", move |mut tx| {
                Box::pin(async move { decide(&mut tx, tunnel, seen, active, cause).await })
            });
        work.await
    }

    async fn note_gap(&self, tunnel: TunnelKey, epoch: Epoch, gap: Duration) -> Result<(), StoreError> {
        let work = self.writer.write("note what a failover cost", move |mut tx| {
            Box::pin(async move { Ok(events::note_gap(&mut tx, tunnel, epoch, gap).await?) })
        });
        work.await
    }

    async fn ha_events(&self, tunnel: TunnelKey, page: PageRequest) -> Result<Page<HaEvent>, StoreError> {
        Ok(read!(self, "list the failovers of a site", |reader| {
            events::list(reader, tunnel, page)
        }))
    }
}

/// Makes a site with a given id.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    id: TunnelId,
    new: NewTunnel,
    setting: &HaSetting,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let (tunnel, _) = tunnels::insert_row(tx, sealer, id, new, actor).await?;
    configure::insert_first(tx, tunnel.key, setting, actor).await?;
    let change = tx.changed(Object::Site(tunnel.key)).await?;
    Ok((tunnel, change))
}

async fn find(connection: &mut Connection, key: TunnelKey) -> Result<Option<Site>, Cause> {
    let row = query(
        "SELECT s.*, t.created_at, t.deleted_at FROM ha_state s
         JOIN tunnels t ON t.account_id = s.account_id AND t.tunnel_id = s.tunnel_id
         WHERE s.account_id = $1 AND s.tunnel_id = $2",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let version = ConfigVersion(number(&row, "version")?);
    let configuration = configure::find(connection, key, version).await?;
    Ok(Some(Site {
        created_at: time(&row, "created_at")?,
        deleted_at: optional_time(&row, "deleted_at")?,
        state: state(&row, key)?,
        configuration: configuration.ok_or(Cause::BadColumn("version"))?,
    }))
}

fn state(row: &Row, tunnel: TunnelKey) -> Result<HaState, Cause> {
    let active: Option<uuid::Uuid> = column(row, "active_connector")?;
    Ok(HaState {
        tunnel,
        mode: parsed::<HaMode>(row, "ha_mode")?,
        epoch: Epoch(number(row, "epoch")?),
        active: active.map(ConnectorId::from_uuid),
    })
}

/// The row of a live site.
async fn live(connection: &mut Connection, key: TunnelKey) -> Result<Option<Row>, Cause> {
    let row = query(
        "SELECT s.* FROM ha_state s
         JOIN tunnels t ON t.account_id = s.account_id AND t.tunnel_id = s.tunnel_id
         WHERE s.account_id = $1 AND s.tunnel_id = $2 AND t.deleted_at IS NULL",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

async fn decide(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    seen: Epoch,
    active: Option<ConnectorId>,
    cause: HaCause,
) -> Result<HaState, Failure<DecideError>> {
    let row = live(tx.connection, key).await?;
    let before = state(&row.ok_or(Failure::Refused(DecideError::NoSite))?, key)?;
    let after = before
        .follow(seen, active)
        .map_err(|stale| Failure::Refused(stale.into()))?;
    if after == before {
        return Ok(after);
    }
    query("UPDATE ha_state SET epoch = $3, active_connector = $4 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(i64::try_from(after.epoch.0).map_err(|_| Cause::BadColumn("epoch"))?)
        .bind(after.active.map(|connector| connector.uuid()))
        .execute(&mut *tx.connection)
        .await?;
    let event = HaEvent {
        epoch: after.epoch,
        at: tx.now,
        cause,
        from: before.active,
        to: after.active,
        gap: None,
    };
    events::insert(tx, key, event).await?;
    let whom = after
        .active
        .map_or_else(|| "nobody".to_owned(), |connector| connector.to_string());
    let entry = Audit {
        account: Some(key.account),
        actor: &system(),
        action: "site.activate",
        object: format!("{} epoch {}, {cause}: {whom}", key.tunnel, after.epoch),
    };
    let shown = |state: &HaState| Some(json!({"epoch": state.epoch.0, "client_id": state.active}));
    tx.audit(entry.with(shown(&before), shown(&after))).await?;
    tx.changed(Object::Site(key)).await?;
    Ok(after)
}
