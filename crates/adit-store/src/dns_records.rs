//! DNS records: what makes a host name public.

use adit_core::port::{
    Actor, CatalogError, ChangeNumber, DnsRecord, DnsRecordFilter, DnsRecordKind, NewDnsRecord, Page,
    PageRequest, Zone,
};
use adit_model::{HostPattern, RecordId, Timestamp, TunnelId, ZoneId};

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    hosts,
    row::{column, number, parsed, time},
    sql::{Query, query},
    tx::{Audit, Object, Tx, counter},
    zones,
};

type Refused<T> = Result<T, Failure<CatalogError>>;

/// Goes on with the rows of a list.
fn matching(query: Query, zone: ZoneId, filter: &DnsRecordFilter) -> Query {
    query
        .push(" FROM dns_records r WHERE r.zone_id = ")
        .push_bind(zone.to_string())
        .push_if(" AND r.name = ", filter.name.as_ref().map(HostPattern::to_string))
        .push_if(" AND r.kind = ", filter.kind.map(DnsRecordKind::as_str))
        .push_if(" AND r.content = ", filter.content.as_deref())
        .push_if(" AND r.proxied = ", filter.proxied)
}

fn record(row: &Row) -> Result<DnsRecord, Cause> {
    Ok(DnsRecord {
        id: parsed(row, "id")?,
        zone: parsed(row, "zone_id")?,
        kind: match column::<&str>(row, "kind")? {
            "CNAME" => DnsRecordKind::Cname,
            "A" => DnsRecordKind::A,
            "AAAA" => DnsRecordKind::Aaaa,
            _ => return Err(Cause::BadColumn("kind")),
        },
        name: parsed(row, "name")?,
        content: column(row, "content")?,
        proxied: column(row, "proxied")?,
        ttl: number(row, "ttl")?,
        comment: column(row, "comment")?,
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
    })
}

/// One record of a zone.
pub(crate) async fn find(
    connection: &mut Connection,
    zone: ZoneId,
    id: RecordId,
) -> Result<Option<DnsRecord>, Cause> {
    let row = query("SELECT * FROM dns_records WHERE zone_id = $1 AND id = $2")
        .bind(zone.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(record).transpose()
}

/// Part of a zone's records, by name.
pub(crate) async fn list(
    connection: &mut Connection,
    zone: ZoneId,
    filter: &DnsRecordFilter,
    page: PageRequest,
) -> Result<Page<DnsRecord>, Cause> {
    let total = matching(query("SELECT COUNT(*)"), zone, filter)
        .scalar::<i64>(connection)
        .await?;
    let rows = matching(query("SELECT r.*"), zone, filter)
        .push(" ORDER BY r.name LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let items = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        total: u64::try_from(total).unwrap_or_default(),
    })
}

/// Adds a record.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    zone: ZoneId,
    new: NewDnsRecord,
    actor: &Actor,
) -> Refused<(DnsRecord, ChangeNumber)> {
    let zone = check(tx, zone, &new, None).await?;
    let record = built(RecordId::random(), zone.id, new, tx.now, tx.now);
    query(
        "INSERT INTO dns_records
             (id, zone_id, kind, name, content, proxied, ttl, comment, tunnel_id, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
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
    .execute(&mut *tx.connection)
    .await?;
    audit(tx, &zone, &record, actor, "dns_record.create").await?;
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
    let record = built(id, zone.id, new, before.created_at, tx.now);
    query(
        "UPDATE dns_records SET kind = $2, name = $3, content = $4, proxied = $5, ttl = $6, comment = $7,
             tunnel_id = $8, modified_at = $9
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
    .execute(&mut *tx.connection)
    .await?;
    audit(tx, &zone, &record, actor, "dns_record.update").await?;
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
    audit(tx, &zone, &record, actor, "dns_record.delete").await?;
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
             OR EXISTS (SELECT 1 FROM quick_tunnels WHERE host = $1)",
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
    created_at: Timestamp,
    modified_at: Timestamp,
) -> DnsRecord {
    let NewDnsRecord {
        kind,
        name,
        content,
        proxied,
        ttl,
        comment,
    } = new;
    DnsRecord {
        id,
        zone,
        kind,
        name,
        content,
        proxied,
        ttl,
        comment,
        created_at,
        modified_at,
    }
}

fn tunnel_of(record: &DnsRecord) -> Option<uuid::Uuid> {
    hosts::target(record.kind, &record.content, record.proxied).map(TunnelId::uuid)
}

async fn audit(
    tx: &mut Tx<'_>,
    zone: &Zone,
    record: &DnsRecord,
    actor: &Actor,
    action: &'static str,
) -> Result<(), Cause> {
    let object = format!(
        "{} {} {} {}",
        record.id,
        record.kind.as_str(),
        record.name,
        record.content
    );
    tx.audit(Audit {
        account: Some(zone.account),
        actor,
        action,
        object,
    })
    .await
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
    let mut newest = ChangeNumber::default();
    for name in names {
        newest = tx.changed(Object::Host(name)).await?;
    }
    Ok(newest)
}
