//! DNS records: what makes a host name public.

mod list;
mod tags;

use adit_core::port::{Actor, CatalogError, ChangeNumber, DnsRecord, NewDnsRecord, Zone};
use adit_model::{HostPattern, RecordId, Timestamp, TunnelId, ZoneId};
use serde_json::{Value, json};

pub(crate) use self::list::{find, list};
use crate::{
    failure::{Cause, Failure},
    hosts,
    sql::query,
    tx::{Audit, Object, Tx, counter},
    zones,
};

type Refused<T> = Result<T, Failure<CatalogError>>;

/// Adds a record.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    zone: ZoneId,
    new: NewDnsRecord,
    actor: &Actor,
) -> Refused<(DnsRecord, ChangeNumber)> {
    let zone = check(tx, zone, &new, None).await?;
    let id = RecordId::from_bytes(*tx.ids.next().as_bytes());
    let record = built(id, zone.id, new, None, tx.now);
    query(
        "INSERT INTO dns_records
             (id, zone_id, kind, name, content, proxied, ttl, comment, tunnel_id, created_at, modified_at,
              settings, comment_modified_at, tags_modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)",
    )
    .bind(record.id.to_string())
    .bind(record.zone.to_string())
    .bind(record.kind.as_str())
    .bind(record.name.to_string())
    .bind(&record.content)
    .bind(record.proxied)
    .bind(i64::from(record.ttl))
    .bind(&record.comment)
    .bind(tunnel_of(&record))
    .bind(record.created_at.unix_micros())
    .bind(settings_text(&record))
    .bind(record.comment_modified_at.map(Timestamp::unix_micros))
    .bind(record.tags_modified_at.map(Timestamp::unix_micros))
    .execute(&mut *tx.connection)
    .await?;
    tags::put(tx, record.id, &record.tags).await?;
    audit(tx, &zone, actor, "dns_record.create", None, Some(&record)).await?;
    let change = tell(tx, None, Some(&record)).await?;
    Ok((record, change))
}

/// Replaces what a record says.
pub(crate) async fn update(
    tx: &mut Tx<'_>,
    zone: ZoneId,
    id: RecordId,
    new: NewDnsRecord,
    actor: &Actor,
) -> Refused<(DnsRecord, ChangeNumber)> {
    let before = find(tx.connection, zone, id)
        .await?
        .ok_or(Failure::Refused(CatalogError::NoRecord))?;
    let zone = check(tx, zone, &new, Some(id)).await?;
    let record = built(id, zone.id, new, Some(&before), tx.now);
    query(
        "UPDATE dns_records SET kind = $2, name = $3, content = $4, proxied = $5, ttl = $6, comment = $7,
             tunnel_id = $8, modified_at = $9, settings = $10, comment_modified_at = $11, tags_modified_at = $12
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(record.kind.as_str())
    .bind(record.name.to_string())
    .bind(&record.content)
    .bind(record.proxied)
    .bind(i64::from(record.ttl))
    .bind(&record.comment)
    .bind(tunnel_of(&record))
    .bind(record.modified_at.unix_micros())
    .bind(settings_text(&record))
    .bind(record.comment_modified_at.map(Timestamp::unix_micros))
    .bind(record.tags_modified_at.map(Timestamp::unix_micros))
    .execute(&mut *tx.connection)
    .await?;
    tags::put(tx, record.id, &record.tags).await?;
    audit(
        tx,
        &zone,
        actor,
        "dns_record.update",
        Some(&before),
        Some(&record),
    )
    .await?;
    let change = tell(tx, Some(&before), Some(&record)).await?;
    Ok((record, change))
}

/// Removes a record.
pub(crate) async fn delete(
    tx: &mut Tx<'_>,
    zone: ZoneId,
    id: RecordId,
    actor: &Actor,
) -> Refused<ChangeNumber> {
    let record = find(tx.connection, zone, id)
        .await?
        .ok_or(Failure::Refused(CatalogError::NoRecord))?;
    let zone = zones::find(tx.connection, zone)
        .await?
        .ok_or(Failure::Refused(CatalogError::NoZone))?;
    query("DELETE FROM dns_records WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    audit(tx, &zone, actor, "dns_record.delete", Some(&record), None).await?;
    Ok(tell(tx, Some(&record), None).await?)
}

/// The zone, if the record may be in it: its name lies in the zone, and no other record than `own` has it.
async fn check(tx: &mut Tx<'_>, zone: ZoneId, new: &NewDnsRecord, own: Option<RecordId>) -> Refused<Zone> {
    let zone = zones::find(tx.connection, zone)
        .await?
        .ok_or(Failure::Refused(CatalogError::NoZone))?;
    // A name outside its zone would be a way into the host names of another account.
    if !zone.name.covers(new.name.base()) {
        return Err(Failure::Refused(CatalogError::NoZone));
    }
    let taken: bool = query(
        "SELECT EXISTS (SELECT 1 FROM dns_records WHERE name = $1 AND ($2 IS NULL OR id <> $2))
             OR EXISTS (SELECT 1 FROM quick_tunnels WHERE host = $1)
             OR EXISTS (SELECT 1 FROM load_balancers WHERE name = $1)",
    )
    .bind(new.name.to_string())
    .bind(own.map(|id| id.to_string()))
    .scalar(&mut *tx.connection)
    .await?;
    if taken {
        Err(Failure::Refused(CatalogError::HostTaken))
    } else {
        Ok(zone)
    }
}

fn built(
    id: RecordId,
    zone: ZoneId,
    new: NewDnsRecord,
    before: Option<&DnsRecord>,
    now: Timestamp,
) -> DnsRecord {
    let NewDnsRecord {
        kind,
        name,
        content,
        proxied,
        ttl,
        comment,
        tags,
        settings,
    } = new;
    let old_comment = before.map_or("", |before| &before.comment);
    let old_tags = before.map_or(&[] as &[String], |before| &before.tags);
    let changed = |same, last| if same { last } else { Some(now) };
    DnsRecord {
        id,
        zone,
        kind,
        name,
        content,
        proxied,
        ttl,
        settings,
        created_at: before.map_or(now, |before| before.created_at),
        modified_at: now,
        comment_modified_at: changed(
            comment == old_comment,
            before.and_then(|before| before.comment_modified_at),
        ),
        tags_modified_at: changed(
            tags == old_tags,
            before.and_then(|before| before.tags_modified_at),
        ),
        comment,
        tags,
    }
}

fn settings_text(record: &DnsRecord) -> String {
    json!(record.settings).to_string()
}

fn tunnel_of(record: &DnsRecord) -> Option<uuid::Uuid> {
    hosts::target(record.kind, &record.content, record.proxied).map(TunnelId::uuid)
}

async fn audit(
    tx: &mut Tx<'_>,
    zone: &Zone,
    actor: &Actor,
    action: &'static str,
    before: Option<&DnsRecord>,
    after: Option<&DnsRecord>,
) -> Result<(), Cause> {
    let Some(record) = after.or(before) else {
        return Ok(());
    };
    let kind = record.kind.as_str();
    let entry = Audit {
        account: Some(zone.account),
        actor,
        action,
        object: format!("{} {kind} {} {}", record.id, record.name, record.content),
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}

/// What the audit log keeps of a record.
fn state(record: &DnsRecord) -> Value {
    json!({
        "zone_id": record.zone,
        "type": record.kind.as_str(),
        "name": record.name.to_string(),
        "content": record.content,
        "proxied": record.proxied,
        "ttl": record.ttl,
        "comment": record.comment,
        "tags": record.tags,
        "settings": record.settings,
    })
}

/// Tells readers of the names whose route may have changed.
async fn tell(
    tx: &mut Tx<'_>,
    before: Option<&DnsRecord>,
    after: Option<&DnsRecord>,
) -> Result<ChangeNumber, Cause> {
    let route = |record: &DnsRecord| tunnel_of(record).map(|tunnel| (record.name.clone(), tunnel));
    let (before, after) = (before.and_then(route), after.and_then(route));
    if before == after {
        return counter(tx.connection, "change").await;
    }
    let mut names: Vec<HostPattern> = before.into_iter().chain(after).map(|(name, _)| name).collect();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(Object::Host).collect();
    tx.changed_all(&names).await
}
