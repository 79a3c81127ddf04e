//! What surrounds every request: its id, its limits, its line in the access log.

use std::{
    any::Any,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method};
use tracing::{Instrument, info, info_span};
use uuid::Uuid;

use crate::{
    extract::RequestError,
    state::{ApiState, ClientAddress, Limits},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request beside what it says.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestContext(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    id: String,
    address: Option<IpAddr>,
    actor: OnceLock<String>,
}

impl RequestContext {
    fn of(request: &Request) -> Self {
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
        Self(Arc::new(Known {
            id: Uuid::new_v4().to_string(),
            address,
            actor: OnceLock::new(),
        }))
    }

    /// The request's id, also in the answer's `X-Request-Id`.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Where the request came from.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Names who asks, for the access log.
    pub(crate) fn set_actor(&self, name: &str) {
        // A request has one caller; whoever is named first stays.
        let _ = self.0.actor.set(name.to_owned());
    }
}

/// Gives a request its id and its limits, and logs it when it is answered or given up.
pub(crate) async fn observe(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let context = RequestContext::of(&request);
    let mut line = AccessLine::of(&request, context.clone());
    request.extensions_mut().insert(context.clone());
    let span = info_span!("api_request", request.id = context.id());

    let mut response = match check_size(&request, &state.limits) {
        Ok(()) => {
            answer(next, request, state.limits.request_time)
                .instrument(span)
                .await
        }
        Err(error) => error.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(context.id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    line.status = response.status().as_u16();
    response
}

async fn answer(next: Next, request: Request, within: Duration) -> Response {
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => RequestError::TimedOut.into_response(),
    }
}

fn check_size(request: &Request, limits: &Limits) -> Result<(), RequestError> {
    let uri = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if uri > limits.uri_bytes {
        return Err(RequestError::UriTooLong {
            limit: limits.uri_bytes,
        });
    }
    let head: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if head > limits.head_bytes {
        return Err(RequestError::HeadTooLarge {
            limit: limits.head_bytes,
        });
    }
    Ok(())
}

/// Answers for a handler that panicked.
pub(crate) fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    RequestError::Panicked {
        text: text.unwrap_or("no text").to_owned(),
    }
    .into_response()
}

/// One line of the access log, written when dropped: also a request that its client gave up is logged.
struct AccessLine {
    method: Method,
    route: String,
    started: Instant,
    context: RequestContext,
    /// 0 until there is an answer.
    status: u16,
}

impl AccessLine {
    fn of(request: &Request, context: RequestContext) -> Self {
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or("-", MatchedPath::as_str);
        Self {
            method: request.method().clone(),
            route: route.to_owned(),
            started: Instant::now(),
            context,
            status: 0,
        }
    }
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let actor = self.context.0.actor.get().map_or("-", String::as_str);
        info!(
            target: "adit_api::access",
            {
                http.method = %self.method,
                http.route = self.route,
                http.status = self.status,
                elapsed_ms,
                actor,
                client.address = self.context.address().map(display),
                request.id = self.context.id(),
            },
            "request"
        );
    }
}
