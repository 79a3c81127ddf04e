//! Reading records: one, or part of a list.

use adit_core::port::{Comparison, DnsRecord, DnsRecordFilter, Page, PageRequest, RecordOrder, TextMatch};
use adit_model::{HostPattern, RecordId, ZoneId};

use super::tags;
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    page,
    row::{column, number, optional_time, parsed, time},
    sql::{
        Query, query,
        text_match::{self, Conditions},
    },
};

const RECORD: &str = concat!("SELECT r.*, ", tags::joined!());

fn record(row: &Row) -> Result<DnsRecord, Cause> {
    let tags: Option<&str> = column(row, "tags")?;
    Ok(DnsRecord {
        id: parsed(row, "id")?,
        zone: parsed(row, "zone_id")?,
        kind: parsed(row, "kind")?,
        name: parsed(row, "name")?,
        content: column(row, "content")?,
        proxied: column(row, "proxied")?,
        ttl: number(row, "ttl")?,
        comment: column(row, "comment")?,
        tags: tags.map_or_else(Vec::new, |tags| tags.split('\n').map(str::to_owned).collect()),
        settings: serde_json::from_str(column(row, "settings")?).map_err(|_| Cause::BadColumn("settings"))?,
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
        comment_modified_at: optional_time(row, "comment_modified_at")?,
        tags_modified_at: optional_time(row, "tags_modified_at")?,
    })
}

/// One record of a zone.
pub(crate) async fn find(
    connection: &mut Connection,
    zone: ZoneId,
    id: RecordId,
) -> Result<Option<DnsRecord>, Cause> {
    let row = query(RECORD)
        .push(" FROM dns_records r WHERE r.zone_id = ")
        .push_bind(zone.to_string())
        .push(" AND r.id = ")
        .push_bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(record).transpose()
}

/// Part of a zone's records.
pub(crate) async fn list(
    connection: &mut Connection,
    zone: ZoneId,
    filter: &DnsRecordFilter,
    page: PageRequest,
) -> Result<Page<DnsRecord>, Cause> {
    let count = matching(query("SELECT COUNT(*)"), zone, filter);
    let rows = matching(query(RECORD), zone, filter).push(order(filter));
    page::page(connection, count, rows, page, record).await
}

/// Goes on with the rows of a list.
fn matching(query: Query, zone: ZoneId, filter: &DnsRecordFilter) -> Query {
    let mut conditions = Conditions::default();
    if let Some(name) = filter.name.as_ref().map(HostPattern::to_string) {
        conditions.add(move |query| query.push("r.name = ").push_bind(name));
    }
    if let Some(kind) = filter.kind {
        conditions.add(move |query| query.push("r.kind = ").push_bind(kind.as_str()));
    }
    if let Some(content) = &filter.content {
        conditions.add(move |query| query.push("r.content = ").push_bind(content));
    }
    if let Some(proxied) = filter.proxied {
        conditions.add(move |query| query.push("r.proxied = ").push_bind(proxied));
    }
    if let Some(has_comment) = filter.has_comment {
        conditions.add(move |query| {
            query.push(if has_comment {
                "r.comment <> ''"
            } else {
                "r.comment = ''"
            })
        });
    }
    let texts = [
        ("r.name", &filter.names),
        ("r.content", &filter.contents),
        ("r.comment", &filter.comments),
    ];
    for (column, wanted) in texts {
        for wanted in wanted {
            conditions.add(move |query| text_match::push(query, column, wanted));
        }
    }
    if !filter.tags.is_empty() {
        conditions.add(|query| tags::matching(query, &filter.tags, filter.any_tag));
    }
    if let Some(text) = &filter.search {
        conditions.add(|query| found(query, text));
    }
    let query = query
        .push(" FROM dns_records r WHERE r.zone_id = ")
        .push_bind(zone.to_string());
    conditions.push_to(query, filter.any)
}

/// Goes on with a condition that something of the record has this text in it.
fn found(query: Query, text: &str) -> Query {
    let wanted = TextMatch::new(Comparison::Contains, text);
    let query = text_match::push(query.push("("), "r.name", &wanted);
    let query = text_match::push(query.push(" OR "), "r.content", &wanted);
    let query = text_match::push(query.push(" OR "), "r.comment", &wanted);
    tags::any_matching(query.push(" OR "), &wanted).push(")")
}

/// The order of a list. Each is total, as names differ.
const fn order(filter: &DnsRecordFilter) -> &'static str {
    match (filter.order, filter.reversed) {
        (RecordOrder::Name, false) => " ORDER BY r.name",
        (RecordOrder::Name, true) => " ORDER BY r.name DESC",
        (RecordOrder::Kind, false) => " ORDER BY r.kind, r.name",
        (RecordOrder::Kind, true) => " ORDER BY r.kind DESC, r.name",
        (RecordOrder::Content, false) => " ORDER BY r.content, r.name",
        (RecordOrder::Content, true) => " ORDER BY r.content DESC, r.name",
        (RecordOrder::Ttl, false) => " ORDER BY r.ttl, r.name",
        (RecordOrder::Ttl, true) => " ORDER BY r.ttl DESC, r.name",
        (RecordOrder::Proxied, false) => " ORDER BY r.proxied, r.name",
        (RecordOrder::Proxied, true) => " ORDER BY r.proxied DESC, r.name",
    }
}
