//! Part of a list, and how many there are over all its pages.

use adit_core::port::{Page, PageRequest};

use crate::{
    engine::{Connection, Row},
    failure::Cause,
    sql::Query,
};

/// Runs a list: `count` counts all that match, `rows` ends with their order, which must be total, and `read` reads one.
pub(crate) async fn page<T>(
    connection: &mut Connection,
    count: Query,
    rows: Query,
    page: PageRequest,
    read: impl Fn(&Row) -> Result<T, Cause>,
) -> Result<Page<T>, Cause> {
    let total = counted(connection, count).await?;
    let mut items = Vec::new();
    if page.offset() < total {
        for row in limited(rows, page).fetch_all(connection).await? {
            items.push(read(&row)?);
        }
    }
    Ok(Page { items, total })
}

/// What a statement counts.
pub(crate) async fn counted(connection: &mut Connection, count: Query) -> Result<u64, Cause> {
    let count: i64 = count.scalar(connection).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Goes on, behind an order, with which rows make the page.
pub(crate) fn limited(query: Query, page: PageRequest) -> Query {
    query
        .push(" LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
}
