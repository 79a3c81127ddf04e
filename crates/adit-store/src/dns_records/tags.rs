//! Labels of records: `name:value`, or a name alone.

use adit_core::port::{TagMatch, TextMatch};
use adit_model::RecordId;

use crate::{
    failure::Cause,
    sql::{
        Query, query,
        text_match::{self, Conditions},
    },
    tx::Tx,
};

/// The labels of record `r`, in order, one a line.
macro_rules! joined {
    () => {
        "(SELECT string_agg(CASE WHEN g.value IS NULL THEN g.name ELSE g.name || ':' || g.value END, '
' ORDER BY g.position) FROM dns_record_tags g WHERE g.record_id = r.id) AS tags"
    };
}

pub(super) use joined;

/// Gives a record these labels.
pub(super) async fn put(tx: &mut Tx<'_>, record: RecordId, tags: &[String]) -> Result<(), Cause> {
    query("DELETE FROM dns_record_tags WHERE record_id = $1")
        .bind(record.to_string())
        .execute(&mut *tx.connection)
        .await?;
    for (position, tag) in (0_i64..).zip(tags) {
        let (name, value) = match tag.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (&**tag, None),
        };
        query("INSERT INTO dns_record_tags (record_id, position, name, value) VALUES ($1, $2, $3, $4)")
            .bind(record.to_string())
            .bind(position)
            .bind(name)
            .bind(value)
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(())
}

/// Goes on with a condition on the labels of record `r`.
pub(super) fn matching(query: Query, wanted: &[TagMatch], any: bool) -> Query {
    let mut conditions = Conditions::default();
    for tag in wanted {
        conditions.add(move |query| one(query, tag));
    }
    conditions.push_to(query.push("(1 = 1"), any).push(")")
}

fn one(query: Query, tag: &TagMatch) -> Query {
    let query = query.push(if tag.absent { "NOT EXISTS " } else { "EXISTS " });
    let query = query
        .push("(SELECT 1 FROM dns_record_tags g WHERE g.record_id = r.id AND lower(g.name) = ")
        .push_bind(tag.name.to_ascii_lowercase());
    match &tag.value {
        Some(value) => text_match::push(query.push(" AND "), "coalesce(g.value, '')", value).push(")"),
        None => query.push(")"),
    }
}

/// Goes on with a condition that a label of record `r` has this text in it.
pub(super) fn any_matching(query: Query, wanted: &TextMatch) -> Query {
    let query = query.push("EXISTS (SELECT 1 FROM dns_record_tags g WHERE g.record_id = r.id AND ");
    text_match::push(query, "g.name || ':' || coalesce(g.value, '')", wanted).push(")")
}
