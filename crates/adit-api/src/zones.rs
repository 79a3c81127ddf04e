//! Zones, their records, and public routes.

mod endpoints;
mod record_request;
mod records;
mod route;
mod view;

use adit_core::port::{Page, ZoneFilter};
use adit_model::AccountId;
use axum::extract::State;

pub(crate) use endpoints::endpoints;
pub(crate) use record_request::RecordError;
pub(crate) use records::{
    create_record, delete_record, edit_record, get_record, list_records, replace_record,
};
pub(crate) use route::{RouteError, route};

use crate::{
    auth::Caller,
    envelope::Success,
    extract::{PageRules, QueryParams, RequestError},
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
    let found = match selection(&query)? {
        Some(filter) => state.catalog.zones(&caller.reach(), &filter, page).await?,
        None => Page {
            items: Vec::new(),
            total: 0,
        },
    };
    Ok(Success::page(&found, page, ZoneView::of))
}

/// Which zones are asked for; `None` if no zone can match.
fn selection(query: &QueryParams) -> Result<Option<ZoneFilter>, RequestError> {
    let account = query.value::<AccountId>("account.id", "an account id")?;
    let states = [
        ("active", true),
        ("initializing", false),
        ("pending", false),
        ("moved", false),
    ];
    if query.word("status", "active, initializing, pending or moved", &states)? == Some(false) {
        return Ok(None);
    }
    let Some(text) = query.text("name") else {
        return Ok(Some(ZoneFilter { name: None, account }));
    };
    let name = match text.split_once(':') {
        None => text,
        Some(("equal", name)) => name,
        Some(_) => {
            return Err(RequestError::BadParameter {
                name: "name",
                expected: "a zone's whole name",
            });
        }
    };
    // A text that is no host name is no zone's name either.
    Ok(name.parse().ok().map(|name| ZoneFilter {
        name: Some(name),
        account,
    }))
}

/// `GET /zones/{zone_id}`.
pub(crate) async fn get(scope: ZoneScope) -> Success<ZoneView> {
    Success::of(ZoneView::of(&scope.zone))
}
