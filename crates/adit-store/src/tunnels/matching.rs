//! What a list of tunnels is filtered by, as conditions on `t`.

use adit_core::{port::TunnelFilter, status::FactFilter};
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKind};

use crate::sql::{Query, existed_at};

/// Since when and until when `t` exists.
const EXISTENCE: [&str; 2] = ["t.created_at", "t.deleted_at"];

/// How tunnels are looked for that have something by which an index could find them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// By that index: finds few quickly.
    ByIndex,
    /// On the way through all, which no other index is chosen for.
    InOrder,
}

/// Adds what the filter asks for to a statement that ends in a condition on `t`. Only what is asked for becomes part
/// of the statement, so that each combination finds its index; what an index is partial by is written out.
pub(super) fn matching(
    mut query: Query,
    account: AccountId,
    filter: &TunnelFilter,
    way: Way,
    now: Timestamp,
) -> Query {
    query = query
        .push_if(" AND t.tunnel_id = ", filter.id.map(TunnelId::uuid))
        .push_if(" AND t.name = ", filter.name.as_deref());
    query = of_kinds(query, &filter.kinds);
    if let Some(text) = given(filter.include_prefix.as_ref()) {
        query = match way {
            Way::ByIndex => query
                .push_if(" AND t.name < ", after_prefix(text))
                .push(" AND t.name >= ")
                .push_bind(text),
            Way::InOrder => query
                .push(" AND substr(t.name, 1, length(")
                .push_bind(text)
                .push(")) = ")
                .push_bind(text),
        };
    }
    if let Some(prefix) = given(filter.exclude_prefix.as_ref()) {
        query = query
            .push(" AND (t.name < ")
            .push_bind(prefix)
            .push_if(" OR t.name >= ", after_prefix(prefix))
            .push(")");
    }
    query = query.push(either(
        filter.deleted,
        " AND t.deleted_at IS NOT NULL",
        " AND t.deleted_at IS NULL",
    ));
    query = existed_at(query, EXISTENCE, filter.existed_at);
    if let Some(moment) = filter.was_active_at.map(Timestamp::unix_micros) {
        query = connected_at(query.push(" AND t.tunnel_id IN "), account, moment);
    }
    if let Some(moment) = filter.was_inactive_at.map(Timestamp::unix_micros) {
        query = existed_at(query, EXISTENCE, filter.was_inactive_at).push(" AND t.tunnel_id NOT IN ");
        query = connected_at(query, account, moment);
    }
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    query = query
        .push(either(
            facts.ever_connected,
            " AND t.ever_connected",
            " AND NOT t.ever_connected",
        ))
        .push(either(
            facts.connected,
            " AND t.active_since IS NOT NULL",
            " AND t.active_since IS NULL",
        ));
    let now = now.unix_micros();
    match facts.missing {
        None => query,
        Some(true) => match way {
            Way::ByIndex => query.push(" AND t.missing_until >= ").push_bind(now),
            Way::InOrder => query.push(" AND t.missing_until + 0 >= ").push_bind(now),
        },
        Some(false) => query
            .push(" AND (t.missing_until IS NULL OR t.missing_until < ")
            .push_bind(now)
            .push(")"),
    }
}

/// Goes on with whether `t` is of one of these kinds, if it need not be of any.
pub(super) fn of_kinds(query: Query, kinds: &[TunnelKind]) -> Query {
    let restricts = TunnelKind::ALL.iter().any(|kind| !kinds.contains(kind));
    if kinds.is_empty() || !restricts {
        return query;
    }
    query
        .push(" AND t.kind IN ")
        .push_list(kinds.iter().map(|kind| kind.as_str()))
}

/// A prefix that restricts something.
pub(super) fn given(prefix: Option<&String>) -> Option<&str> {
    prefix.map(String::as_str).filter(|prefix| !prefix.is_empty())
}

/// The text for a condition that may be asked for either way.
const fn either(wanted: Option<bool>, yes: &'static str, no: &'static str) -> &'static str {
    match wanted {
        Some(true) => yes,
        Some(false) => no,
        None => "",
    }
}

/// The first text, in the order of bytes, behind all that start with `prefix`; `None` if there is none.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut after = prefix.to_owned();
    while let Some(last) = after.pop() {
        // The range skips the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            after.push(next);
            return Some(after);
        }
    }
    None
}

/// Goes on with the tunnels of an account that had a connection at a moment.
fn connected_at(query: Query, account: AccountId, moment: i64) -> Query {
    query
        .push("(SELECT live.tunnel_id FROM connections live WHERE live.closed_at IS NULL AND live.account_id = ")
        .push_bind(account.to_string())
        .push(" AND live.opened_at <= ")
        .push_bind(moment)
        .push(" UNION ALL SELECT past.tunnel_id FROM connections past WHERE past.closed_at > ")
        .push_bind(moment)
        // What is added to the account keeps SQLite from its other indexes: they know all that ever was.
        .push(" AND past.account_id || '' = ")
        .push_bind(account.to_string())
        .push(" AND past.opened_at <= ")
        .push_bind(moment)
        .push(")")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_with_a_prefix_are_exactly_those_of_its_range(prefix in "\\PC{1,3}", text in "\\PC{0,4}", rest: String) {
            for text in [&text, &format!("{prefix}{rest}")] {
                let below = after_prefix(&prefix).is_none_or(|after| *text < after);
                prop_assert_eq!(text.starts_with(&prefix), *text >= prefix && below, "{:?}", text);
            }
        }
    }

    #[test]
    fn the_range_of_a_prefix_ends_even_behind_the_last_characters() {
        assert_eq!(after_prefix("a").as_deref(), Some("b"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
    }
}
