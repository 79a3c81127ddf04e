//! Zones: the domains under which accounts put public host names.

mod list;

use std::collections::BTreeMap;

use adit_core::{
    permission::Reach,
    port::{Actor, ChangeNumber, StoreError, Zone, ZoneError, Zones},
};
use adit_model::{AccountId, HostPattern, Hostname, ZoneId};
use async_trait::async_trait;
use serde_json::json;

pub(crate) use self::list::{find, find_named, list};
use self::list::{of_host, owners};
use crate::{
    engine::Connection,
    failure::{Cause, Failure},
    host_limits, hosts,
    read::{change, read},
    row::{column, parsed},
    sql::{query, text_match},
    store::Store,
    tx::{Audit, Object, Tx, counter},
};

#[async_trait]
impl Zones for Store {
    async fn owners_of_zones(&self, zones: &[ZoneId]) -> Result<BTreeMap<ZoneId, AccountId>, StoreError> {
        Ok(read!(self, "look up the owners of zones", |reader| owners(
            reader, zones
        )))
    }

    async fn zone_of_host(
        &self,
        reach: &Reach,
        account: AccountId,
        host: &Hostname,
    ) -> Result<Option<Zone>, StoreError> {
        Ok(read!(self, "look up the zone of a host name", |reader| of_host(
            reader, reach, account, host
        )))
    }

    async fn add_zone(&self, account: AccountId, name: Hostname, actor: &Actor) -> Result<Zone, ZoneError> {
        self.create_zone(account, name, actor).await
    }

    async fn pause_zone(
        &self,
        zone: ZoneId,
        paused: bool,
        actor: &Actor,
    ) -> Result<(Zone, ChangeNumber), ZoneError> {
        change!(self, "pause a zone", actor, |tx, actor| pause(
            tx, zone, paused, actor
        ))
    }

    async fn remove_zone(&self, zone: ZoneId, actor: &Actor) -> Result<ChangeNumber, ZoneError> {
        loop {
            let actor = actor.clone();
            let work = self.writer.write("delete a zone", move |mut tx| {
                Box::pin(async move { remove(&mut tx, zone, &actor).await })
            });
            if let Some(change) = work.await? {
                return Ok(change);
            }
        }
    }
}

/// Makes a zone.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: Hostname,
    actor: &Actor,
) -> Result<Zone, Failure<ZoneError>> {
    let account_name: Option<String> = query("SELECT name FROM accounts WHERE id = $1")
        .bind(account.to_string())
        .optional_scalar(&mut *tx.connection)
        .await?;
    let account_name = account_name.ok_or(Failure::Refused(ZoneError::NoAccount))?;
    if overlaps_anothers(tx.connection, account, &name).await? {
        return Err(Failure::Refused(ZoneError::Overlaps(name)));
    }
    if find_named(tx.connection, &name).await?.is_some() {
        return Err(Failure::Refused(ZoneError::Exists(name)));
    }
    let id = ZoneId::from_bytes(*tx.ids.next().as_bytes());
    query("INSERT INTO zones (id, account_id, name, created_at, modified_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name.as_str())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let zone = Zone {
        id,
        account,
        account_name,
        name,
        paused: false,
        created_at: tx.now,
        modified_at: tx.now,
    };
    audit(tx, actor, "zone.create", None, Some(&zone)).await?;
    Ok(zone)
}

async fn existing(tx: &mut Tx<'_>, id: ZoneId) -> Result<Zone, Failure<ZoneError>> {
    let found = find(tx.connection, id).await?;
    found.ok_or(Failure::Refused(ZoneError::NoZone))
}

/// Pauses a zone or lets it go on.
async fn pause(
    tx: &mut Tx<'_>,
    id: ZoneId,
    paused: bool,
    actor: &Actor,
) -> Result<(Zone, ChangeNumber), Failure<ZoneError>> {
    let before = existing(tx, id).await?;
    if before.paused == paused {
        return Ok((before, counter(tx.connection, "change").await?));
    }
    query("UPDATE zones SET paused = $2, modified_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(paused)
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let after = Zone {
        paused,
        modified_at: tx.now,
        ..before.clone()
    };
    audit(tx, actor, "zone.update", Some(&before), Some(&after)).await?;
    let routes = hosts::of_zone(tx.connection, id).await?;
    Ok((after, tell(tx, routes).await?))
}

/// Records, load balancers, and limits, that one write removes at most.
const AT_ONCE: i64 = 1000;

/// Removes a zone, its records, load balancers and limits, or some of them, and then gives nothing: other writes get their turn in between.
async fn remove(
    tx: &mut Tx<'_>,
    id: ZoneId,
    actor: &Actor,
) -> Result<Option<ChangeNumber>, Failure<ZoneError>> {
    let before = existing(tx, id).await?;
    let records = query("SELECT name, tunnel_id FROM dns_records WHERE zone_id = $1 ORDER BY name LIMIT $2")
        .bind(id.to_string())
        .bind(AT_ONCE)
        .fetch_all(&mut *tx.connection)
        .await?;
    let mut routes = Vec::new();
    for record in &records {
        if column::<Option<uuid::Uuid>>(record, "tunnel_id")?.is_some() {
            routes.push(parsed(record, "name")?);
        }
    }
    if let Some(last) = records.last() {
        query("DELETE FROM dns_records WHERE zone_id = $1 AND name <= $2")
            .bind(id.to_string())
            .bind(column::<&str>(last, "name")?)
            .execute(&mut *tx.connection)
            .await?;
    }
    let balanced = remove_load_balancers(tx, id).await?;
    let limited = host_limits::remove_some(tx, id, AT_ONCE).await?;
    let some_are_left = [records.len(), balanced.len(), limited.len()]
        .into_iter()
        .any(|removed| i64::try_from(removed).is_ok_and(|count| count == AT_ONCE));
    routes.extend(balanced);
    tell(tx, routes).await?;
    let limited: Vec<_> = limited.into_iter().map(Object::Limits).collect();
    let change = tx.changed_all(&limited).await?;
    if some_are_left {
        return Ok(None);
    }
    query("DELETE FROM zones WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    audit(tx, actor, "zone.delete", Some(&before), None).await?;
    Ok(Some(change))
}

/// Removes load balancers of a zone, as many as one write should; their names.
async fn remove_load_balancers(tx: &mut Tx<'_>, zone: ZoneId) -> Result<Vec<HostPattern>, Cause> {
    let rows = query("SELECT name FROM load_balancers WHERE zone_id = $1 ORDER BY name LIMIT $2")
        .bind(zone.to_string())
        .bind(AT_ONCE)
        .fetch_all(&mut *tx.connection)
        .await?;
    if let Some(last) = rows.last() {
        query("DELETE FROM load_balancers WHERE zone_id = $1 AND name <= $2")
            .bind(zone.to_string())
            .bind(column::<&str>(last, "name")?)
            .execute(&mut *tx.connection)
            .await?;
    }
    rows.iter().map(|row| parsed(row, "name")).collect()
}

/// Tells readers that these names may lead elsewhere.
async fn tell(tx: &mut Tx<'_>, routes: Vec<HostPattern>) -> Result<ChangeNumber, Cause> {
    let routes: Vec<_> = routes.into_iter().map(Object::Host).collect();
    tx.changed_all(&routes).await
}

async fn audit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &'static str,
    before: Option<&Zone>,
    after: Option<&Zone>,
) -> Result<(), Cause> {
    let Some(zone) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(zone.account),
        actor,
        action,
        object: format!("{} {}", zone.id, zone.name),
    };
    let state = |zone: &Zone| json!({"name": zone.name.as_str(), "paused": zone.paused});
    tx.audit(entry.with(before.map(state), after.map(state))).await
}

/// Whether another account has a zone equal to, above or below `name`.
async fn overlaps_anothers(
    connection: &mut Connection,
    account: AccountId,
    name: &Hostname,
) -> Result<bool, Cause> {
    for above in name.ancestry() {
        let taken: bool = query("SELECT EXISTS (SELECT 1 FROM zones WHERE name = $1 AND account_id <> $2)")
            .bind(above)
            .bind(account.to_string())
            .scalar(&mut *connection)
            .await?;
        if taken {
            return Ok(true);
        }
    }
    let below = text_match::like(
        query("SELECT EXISTS (SELECT 1 FROM zones WHERE name"),
        ["%.", name.as_str(), ""],
    );
    let below = below
        .push(" AND account_id <> ")
        .push_bind(account.to_string())
        .push(")")
        .scalar(connection)
        .await?;
    Ok(below)
}
