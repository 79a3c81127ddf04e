//! Which path leads to which handler.

use axum::{Router, extract::Request, middleware::from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    accounts, audit, devices,
    endpoint::{self, Endpoint},
    extract::RequestError,
    hosts, load_balancers, log_level, management, networks,
    observe::{answer_panic, observe},
    openapi, quick_tunnels, sites,
    state::ApiState,
    tokens, tunnels, zones,
};

/// The REST API under `/client/v4`, and quick tunnels at `/tunnel`. Any other path is answered with a 404 of the same shape.
pub fn router(state: ApiState) -> Router {
    let v4 =
        endpoint::route(endpoints()).method_not_allowed_fallback(async || RequestError::MethodNotAllowed);
    Router::new()
        .nest("/client/v4", v4)
        .route("/tunnel", quick_tunnels::route())
        .fallback(async |request: Request| RequestError::no_route(request.uri().path()))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// Every call under `/client/v4`.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    [
        sites::endpoints(),
        management::endpoints(),
        accounts::endpoints(),
        audit::endpoints(),
        tunnels::endpoints(),
        networks::endpoints(),
        devices::endpoints(),
        sites::own_endpoints(),
        zones::endpoints(),
        load_balancers::endpoints(),
        hosts::endpoints(),
        log_level::endpoints(),
        tokens::endpoints(),
        openapi::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
