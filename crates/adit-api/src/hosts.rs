//! Limits of public host names. The vendor has no such calls; these are Adit's own.

use adit_core::{
    host_limits::{HostLimits, HostLimitsError, WrittenLimits},
    permission::{CFD_READ, CFD_WRITE},
    port::{Actor, LimitedHost, LimitedHostError},
};
use adit_model::{AccountId, HostPattern, Timestamp};
use axum::extract::{FromRequestParts, State};
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Access::Groups, Endpoint},
    envelope::Success,
    extract::JsonBody,
    problem::{Problem, failures::HOST},
    scope::AccountScope,
    state::ApiState,
};

/// The calls on host names.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let limits = "/accounts/{account_id}/adit/hosts/{hostname}/limits";
    vec![
        Endpoint::get(
            limits,
            "Show the limits of a public host name",
            Groups(CFD_READ),
            show,
        )
        .gives::<LimitsView>()
        .fails(HOST),
        Endpoint::put(
            limits,
            "Set the limits of a public host name",
            Groups(CFD_WRITE),
            set,
        )
        .takes::<LimitsRequest>()
        .gives::<LimitsView>()
        .fails(HOST),
    ]
}

/// Why limits were not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LimitsError {
    #[error(transparent)]
    Bad(#[from] HostLimitsError),
    #[error(transparent)]
    Host(#[from] LimitedHostError),
}

/// All limits of a host name; what is null or absent has no limit. Each edge holds them for itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct LimitsRequest {
    /// Requests that are let in per second, on average.
    #[schemars(range(min = 1, max = 1_000_000))]
    requests_per_second: Option<u64>,
    /// Requests that may come at once, after a quiet time. If null, as many as `requests_per_second`.
    #[schemars(range(min = 1, max = 10_000_000))]
    burst: Option<u64>,
    /// Requests in flight, from their head to the end of their answer. A WebSocket is one until it ends.
    #[schemars(range(min = 1, max = 1_000_000))]
    concurrent_requests: Option<u64>,
    /// Bytes of a request's body.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    max_request_body_bytes: Option<u64>,
}

/// The limits of a host name; null is none.
#[derive(Debug, Serialize, JsonSchema)]
struct LimitsView {
    /// The name, or `*.` and the name that it holds for all names below.
    hostname: String,
    requests_per_second: Option<u64>,
    burst: Option<u64>,
    concurrent_requests: Option<u64>,
    max_request_body_bytes: Option<u64>,
    /// When they were last set; null if never.
    modified_on: Option<Timestamp>,
}

impl LimitsView {
    fn of(one: &LimitedHost) -> Self {
        let limits = one.limits.written();
        Self {
            hostname: one.host.to_string(),
            requests_per_second: limits.requests_per_second,
            burst: limits.burst,
            concurrent_requests: limits.concurrent_requests,
            max_request_body_bytes: limits.max_request_body_bytes,
            modified_on: one.modified_at,
        }
    }
}

/// A host name that an account's zones may have, in the path as `hostname`.
struct HostScope {
    account: AccountId,
    host: HostPattern,
    actor: Actor,
}

impl FromRequestParts<ApiState> for HostScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
        Ok(Self {
            account,
            host: params.id("hostname")?,
            actor: caller.actor,
        })
    }
}

/// `GET /accounts/{account_id}/adit/hosts/{hostname}/limits`.
async fn show(State(state): State<ApiState>, scope: HostScope) -> Result<Success<LimitsView>, LimitsError> {
    let found = state.catalog.host_limits(scope.account, &scope.host).await?;
    Ok(Success::of(LimitsView::of(&found)))
}

/// `PUT /accounts/{account_id}/adit/hosts/{hostname}/limits`.
async fn set(
    State(state): State<ApiState>,
    scope: HostScope,
    JsonBody(body): JsonBody<LimitsRequest>,
) -> Result<Success<LimitsView>, LimitsError> {
    let limits = HostLimits::read(WrittenLimits {
        requests_per_second: body.requests_per_second,
        burst: body.burst,
        concurrent_requests: body.concurrent_requests,
        max_request_body_bytes: body.max_request_body_bytes,
    })?;
    let set = state
        .catalog
        .set_host_limits(scope.account, scope.host, limits, &scope.actor);
    Ok(Success::of(LimitsView::of(&set.await?.0)))
}
