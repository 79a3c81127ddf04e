//! Which zones a list is asked for.

use adit_core::port::{Comparison, TextMatch, ZoneFilter, ZoneOrder};
use adit_model::{AccountId, Hostname};

use crate::extract::{QueryParams, RequestError};

/// What may stand before a text, with a colon, to say how it is compared.
const OPERATORS: &[(&str, Comparison, bool)] = &[
    ("equal", Comparison::Equal, false),
    ("not_equal", Comparison::NotEqual, false),
    ("starts_with", Comparison::StartsWith, false),
    ("ends_with", Comparison::EndsWith, false),
    ("contains", Comparison::Contains, false),
    ("starts_with_case_sensitive", Comparison::StartsWith, true),
    ("ends_with_case_sensitive", Comparison::EndsWith, true),
    ("contains_case_sensitive", Comparison::Contains, true),
];

/// Reads the conditions and the order; `None` if no zone can match.
pub(super) fn read(query: &QueryParams) -> Result<Option<ZoneFilter>, RequestError> {
    let any = query.any_is_enough("match")?;
    let order = query.word("order", "name, status, account.id or account.name", ORDERS)?;
    let ascending = query.ascending()?;
    let filter = ZoneFilter {
        name: query.text("name").map(name).transpose()?,
        account: query.value::<AccountId>("account.id", "an account id")?,
        account_name: query.text("account.name").map(account_name),
        any,
        order: order.unwrap_or_default(),
        // Without an order the newest come first, which asc reverses.
        reversed: ascending == Some(order.is_none()),
    };
    let states = [
        ("active", true),
        ("initializing", false),
        ("pending", false),
        ("moved", false),
    ];
    let is_other = filter.name.is_some() || filter.account.is_some() || filter.account_name.is_some();
    Ok(
        match query.word("status", "active, initializing, pending or moved", &states)? {
            // Every zone is active.
            Some(true) if any => Some(ZoneFilter {
                name: None,
                account: None,
                account_name: None,
                ..filter
            }),
            Some(false) if !any || !is_other => None,
            Some(_) | None => Some(filter),
        },
    )
}

const ORDERS: &[(&str, ZoneOrder)] = &[
    ("name", ZoneOrder::Name),
    // All have the same.
    ("status", ZoneOrder::Newest),
    ("account.id", ZoneOrder::Account),
    ("account.name", ZoneOrder::AccountName),
];

fn split(text: &str) -> Option<TextMatch> {
    let (operator, text) = text.split_once(':')?;
    let (_, comparison, case_matters) = OPERATORS.iter().find(|(name, ..)| *name == operator)?;
    Some(TextMatch {
        comparison: *comparison,
        text: text.to_owned(),
        case_matters: *case_matters,
    })
}

fn name(text: &str) -> Result<TextMatch, RequestError> {
    let mut wanted = match split(text) {
        Some(wanted) => wanted,
        // No host name has a colon.
        None if text.contains(':') => {
            return Err(RequestError::BadParameter {
                name: "name",
                expected: "a domain, or an operator such as contains: and a part of one",
            });
        }
        None => TextMatch::new(Comparison::Equal, text),
    };
    if matches!(wanted.comparison, Comparison::Equal | Comparison::NotEqual)
        && let Ok(host) = wanted.text.parse::<Hostname>()
    {
        wanted.text = host.to_string();
    }
    Ok(wanted)
}

fn account_name(text: &str) -> TextMatch {
    split(text).unwrap_or_else(|| TextMatch {
        comparison: Comparison::Equal,
        text: text.to_owned(),
        case_matters: true,
    })
}
