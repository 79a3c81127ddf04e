//! The API under the test suites of the official SDKs, which were written for a mock that remembers nothing.
//!
//! They expect certain objects under fixed ids before each test, and a few of their requests are incomplete. So each
//! test begins with `POST /conformance/reset?suite=…`, which puts a fresh store with what that test expects behind the
//! unchanged API; and [`lenient`](mod@lenient) completes those requests before the API sees them. Nothing else differs.

mod lenient;

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Query, Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{Method, header::CONTENT_LENGTH};
use parking_lot::RwLock;
use serde::Deserialize;
use tower::ServiceExt;

use crate::{envelope::Success, extract::RequestError, problem::Problem, router, state::ApiState};

/// The largest body that is completed. The suites' have some hundred bytes.
const MOST_BYTES: usize = 1 << 20;

/// Makes what a suite expects.
#[async_trait]
pub trait Worlds: Send + Sync {
    /// A fresh store behind an API, with what the test file `suite` expects in it. The one before it is given up.
    ///
    /// # Errors
    /// The store could not be made or filled.
    async fn fresh(&self, suite: &str) -> Result<ApiState, Box<dyn Error + Send + Sync>>;
}

#[derive(Clone)]
struct Conformance {
    worlds: Arc<dyn Worlds>,
    current: Arc<RwLock<Router>>,
}

/// The API over one world after the other, beginning with `first`.
pub fn conformance_router(first: ApiState, worlds: Arc<dyn Worlds>) -> Router {
    let conformance = Conformance {
        worlds,
        current: Arc::new(RwLock::new(router(first))),
    };
    Router::new()
        .route("/conformance/reset", post(reset))
        .fallback(forward)
        .with_state(conformance)
}

#[derive(Deserialize)]
struct Reset {
    #[serde(default)]
    suite: String,
}

async fn reset(
    State(conformance): State<Conformance>,
    Query(reset): Query<Reset>,
) -> Result<Success<()>, Problem> {
    let state = conformance
        .worlds
        .fresh(&reset.suite)
        .await
        .map_err(|error| Problem::internal(&*error))?;
    *conformance.current.write() = router(state);
    Ok(Success::of(()))
}

async fn forward(State(conformance): State<Conformance>, request: Request) -> Response {
    let request = match completed(request).await {
        Ok(request) => request,
        Err(error) => return error.into_response(),
    };
    let current = conformance.current.read().clone();
    match current.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn completed(request: Request) -> Result<Request, RequestError> {
    if ![Method::POST, Method::PUT, Method::PATCH].contains(request.method()) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MOST_BYTES)
        .await
        .map_err(|_| RequestError::BodyTooLarge { limit: MOST_BYTES })?;
    match lenient::complete(&parts.method, parts.uri.path(), &body) {
        Some(completed) => {
            parts.headers.remove(CONTENT_LENGTH);
            Ok(Request::from_parts(parts, Body::from(completed)))
        }
        None => Ok(Request::from_parts(parts, Body::from(body))),
    }
}
