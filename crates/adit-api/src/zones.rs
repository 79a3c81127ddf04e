//! Zones, their records, and public routes.

mod balanced_route;
mod change;
mod endpoints;
mod filter;
mod record_filter;
mod record_request;
mod records;
mod route;
mod settings;
mod view;

use adit_core::port::Page;
use axum::extract::State;

pub(crate) use change::ZoneRequestError;
pub(crate) use endpoints::endpoints;
pub(crate) use record_request::RecordError;
pub(crate) use records::{
    create_record, delete_record, edit_record, get_record, list_records, replace_record,
};
pub(crate) use route::{RouteError, route};

use crate::{
    auth::Caller,
    envelope::Success,
    extract::{PageRules, QueryParams, list},
    problem::Problem,
    scope::ZoneScope,
    state::ApiState,
};
use view::ZoneView;

const PAGES: PageRules = PageRules {
    default: 20,
    limit: 1000,
};

/// `GET /zones`: those that the caller may see.
pub(crate) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    query: QueryParams,
) -> Result<Success<Vec<ZoneView>>, Problem> {
    let page = query.page(PAGES)?;
    let reach = caller.reach();
    let found = list!(query, |query| match filter::read(query)? {
        Some(filter) => state.catalog.zones(&reach, &filter, page).await?,
        None => Page::empty(),
    });
    Ok(Success::page(&found, page, ZoneView::of))
}

/// `GET /zones/{zone_id}`.
pub(crate) async fn get(scope: ZoneScope) -> Success<ZoneView> {
    Success::of(ZoneView::of(&scope.zone))
}
