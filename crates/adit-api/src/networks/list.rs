//! What lists of private networks have in common.

use adit_core::networks::Network;
use adit_model::TunnelKind;

use crate::extract::{PageRules, QueryParams, RequestError};

/// How they are cut.
pub(super) const PAGES: PageRules = PageRules {
    default: 1000,
    limit: 1000,
};

/// Every type of tunnel that the v4 API has; here there are only those that are a [`TunnelKind`].
pub(super) const TYPES: &[&str] = &[
    "cfd_tunnel",
    "warp_connector",
    "warp",
    "magic",
    "ip_sec",
    "gre",
    "cni",
];

/// The words of a parameter, separated by commas or given in repeats; `None` if it is absent.
pub(super) fn words<'a>(
    query: &'a QueryParams,
    name: &'static str,
    known: &[&str],
    expected: &'static str,
) -> Result<Option<Vec<&'a str>>, RequestError> {
    let words: Vec<&str> = query
        .all(name)
        .flat_map(|words| words.split(','))
        .map(str::trim)
        .collect();
    if words.iter().all(|word| known.contains(word)) {
        Ok(Some(words).filter(|words| !words.is_empty()))
    } else {
        Err(RequestError::BadParameter { name, expected })
    }
}

/// The kinds of tunnel that a parameter names; `None` if it is absent.
pub(super) fn kinds(
    query: &QueryParams,
    name: &'static str,
) -> Result<Option<Vec<TunnelKind>>, RequestError> {
    let expected = "a comma-separated list of cfd_tunnel, warp_connector, warp, magic, ip_sec, gre, cni";
    let words = words(query, name, TYPES, expected)?;
    Ok(words.map(|words| words.iter().filter_map(|word| word.parse().ok()).collect()))
}

/// A parameter that is an IP network.
pub(super) fn network(query: &QueryParams, name: &'static str) -> Result<Option<Network>, RequestError> {
    query.value(name, "an IPv4 or IPv6 network in CIDR notation")
}

/// A parameter that is a text.
pub(super) fn text(query: &QueryParams, name: &str) -> Option<String> {
    query.text(name).map(str::to_owned)
}
