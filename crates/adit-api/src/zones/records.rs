//! DNS records of a zone.

use adit_core::port::{CatalogError, DnsRecord, Page};
use adit_model::RecordId;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    record_filter,
    record_request::{RecordError, RecordRequest},
    view::RecordView,
};
use crate::{
    envelope::Success,
    extract::{JsonBody, PageRules, QueryParams, list},
    problem::Problem,
    scope::{RecordScope, ZoneScope},
    state::ApiState,
};

const PAGES: PageRules = PageRules {
    default: 100,
    limit: 5_000_000,
};

/// What is left of a deleted record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeletedRecord {
    id: RecordId,
}

/// `GET /zones/{zone_id}/dns_records`.
pub(crate) async fn list_records(
    State(state): State<ApiState>,
    scope: ZoneScope,
    query: QueryParams,
) -> Result<Success<Vec<RecordView>>, Problem> {
    let page = query.page(PAGES)?;
    let found = list!(query, |query| match record_filter::read(query)? {
        Some(filter) => state.catalog.dns_records(scope.zone.id, &filter, page).await?,
        None => Page::empty(),
    });
    Ok(Success::page(&found, page, |record| {
        RecordView::of(record, &scope.zone)
    }))
}

async fn find(state: &ApiState, scope: &RecordScope) -> Result<DnsRecord, RecordError> {
    let found = state
        .catalog
        .dns_record(scope.zone.id, scope.record)
        .await
        .map_err(CatalogError::from)?;
    Ok(found.ok_or(CatalogError::NoRecord)?)
}

/// `GET /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(crate) async fn get_record(
    State(state): State<ApiState>,
    scope: RecordScope,
) -> Result<Success<RecordView>, RecordError> {
    let record = find(&state, &scope).await?;
    Ok(Success::of(RecordView::of(&record, &scope.zone)))
}

/// `POST /zones/{zone_id}/dns_records`.
pub(crate) async fn create_record(
    State(state): State<ApiState>,
    ZoneScope { zone, actor }: ZoneScope,
    JsonBody(body): JsonBody<RecordRequest>,
) -> Result<Success<RecordView>, RecordError> {
    let new = body.check(&zone, &state.reserved)?;
    let (record, _) = state.catalog.create_dns_record(zone.id, new, &actor).await?;
    Ok(Success::of(RecordView::of(&record, &zone)))
}

/// `PUT /zones/{zone_id}/dns_records/{dns_record_id}`: what is not said gets its default.
pub(crate) async fn replace_record(
    State(state): State<ApiState>,
    scope: RecordScope,
    JsonBody(body): JsonBody<RecordRequest>,
) -> Result<Success<RecordView>, RecordError> {
    update(&state, &scope, body).await
}

/// `PATCH /zones/{zone_id}/dns_records/{dns_record_id}`: what is not said stays.
pub(crate) async fn edit_record(
    State(state): State<ApiState>,
    scope: RecordScope,
    JsonBody(body): JsonBody<RecordRequest>,
) -> Result<Success<RecordView>, RecordError> {
    let record = find(&state, &scope).await?;
    update(&state, &scope, body.over(&record)).await
}

async fn update(
    state: &ApiState,
    scope: &RecordScope,
    request: RecordRequest,
) -> Result<Success<RecordView>, RecordError> {
    let new = request.check(&scope.zone, &state.reserved)?;
    let (record, _) = state
        .catalog
        .update_dns_record(scope.zone.id, scope.record, new, &scope.actor)
        .await?;
    Ok(Success::of(RecordView::of(&record, &scope.zone)))
}

/// `DELETE /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(crate) async fn delete_record(
    State(state): State<ApiState>,
    scope: RecordScope,
) -> Result<Success<DeletedRecord>, RecordError> {
    state
        .catalog
        .delete_dns_record(scope.zone.id, scope.record, &scope.actor)
        .await?;
    Ok(Success::of(DeletedRecord { id: scope.record }))
}
