//! Listing subnets.

use adit_core::{
    networks::{Family, SubnetKind},
    port::SubnetFilter,
};
use axum::extract::State;

use super::SubnetView;
use crate::{
    endpoint::Parameter,
    envelope::Success,
    extract::{QueryParams, RequestError, list},
    networks::list::{PAGES, network, text},
    problem::Problem,
    scope::AccountScope,
    state::ApiState,
};

const KINDS: &[&str] = &["cloudflare_source", "initial_resolved_ip", "warp"];

/// What lists of subnets are filtered by; all conditions must hold.
pub(crate) const FILTERS: &[Parameter] = &[
    Parameter::text("name", "exactly this name"),
    Parameter::text("comment", "exactly this comment"),
    Parameter::text("network", "exactly this network"),
    Parameter::time(
        "existed_at",
        "made at or before this time and not deleted before it",
    ),
    Parameter::word("address_family", &["v4", "v6"], "of this address family"),
    Parameter::flag("is_default_network", "only default ones, or only others"),
    Parameter::flag("is_deleted", "only deleted ones, or only others; both if absent"),
    Parameter::words("subnet_types", KINDS, "of these types"),
    Parameter::word(
        "sort_order",
        &["asc", "desc"],
        "oldest or newest first; desc if absent",
    ),
];

/// `GET …/zerotrust/subnets`.
pub(crate) async fn list(
    State(state): State<ApiState>,
    scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<SubnetView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| {
        let filter = filter(query)?;
        state.catalog.subnets(scope.account, &filter, page).await?
    });
    Ok(Success::page(&found, page, SubnetView::of))
}

fn filter(query: &QueryParams) -> Result<SubnetFilter, RequestError> {
    let families = [("v4", Family::V4), ("v6", Family::V6)];
    let orders = [("asc", true), ("desc", false)];
    let expected = "a comma-separated list of cloudflare_source, initial_resolved_ip, warp";
    let kinds = query.words("subnet_types", expected, KINDS)?;
    Ok(SubnetFilter {
        name: text(query, "name"),
        comment: text(query, "comment"),
        network: network(query, "network")?,
        existed_at: query.time("existed_at")?,
        family: query.word("address_family", "v4 or v6", &families)?,
        is_default: query.flag("is_default_network")?,
        deleted: query.flag("is_deleted")?,
        kinds: kinds.map(|words| {
            words
                .iter()
                .filter_map(|word| word.parse::<SubnetKind>().ok())
                .collect()
        }),
        oldest_first: query.word("sort_order", "asc or desc", &orders)?.unwrap_or(false),
    })
}
