//! What lists of private networks have in common.

use adit_core::networks::Network;

use crate::extract::{PageRules, QueryParams, RequestError};

/// How they are cut.
pub(crate) const PAGES: PageRules = PageRules {
    default: 1000,
    limit: 1000,
};

/// A parameter that is an IP network.
pub(super) fn network(query: &QueryParams, name: &'static str) -> Result<Option<Network>, RequestError> {
    query.value(name, "an IPv4 or IPv6 network in CIDR notation")
}

/// A parameter that is a text.
pub(crate) fn text(query: &QueryParams, name: &str) -> Option<String> {
    query.text(name).map(str::to_owned)
}
