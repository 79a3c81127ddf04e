//! Which path leads to which handler.

use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    extract::RequestError,
    observe::{answer_panic, observe},
    state::ApiState,
    tokens, tunnels, zones,
};

/// The REST API under `/client/v4`. Any other path is answered with a 404 of the same shape.
pub fn router(state: ApiState) -> Router {
    let v4 = Router::new()
        .merge(accounts())
        .merge(zones())
        .route("/user/tokens/verify", get(tokens::verify))
        .method_not_allowed_fallback(async || RequestError::MethodNotAllowed);
    Router::new()
        .nest("/client/v4", v4)
        .fallback(async |request: Request| RequestError::no_route(request.uri().path()))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

fn accounts() -> Router<ApiState> {
    let tunnels = "/accounts/{account_id}/cfd_tunnel";
    let tunnel = "/accounts/{account_id}/cfd_tunnel/{tunnel_id}";
    Router::new()
        .route(
            "/accounts/{account_id}/tokens/verify",
            get(tokens::verify_of_account),
        )
        .route("/accounts/{account_id}/tunnels", get(tunnels::list_all_types))
        .route(tunnels, post(tunnels::create).get(tunnels::list))
        .route(tunnel, get(tunnels::get).delete(tunnels::delete))
        .route(
            &format!("{tunnel}/connections"),
            get(tunnels::connections).delete(tunnels::close_connections),
        )
        .route(
            &format!("{tunnel}/connectors/{{connector_id}}"),
            get(tunnels::connector),
        )
        .route(&format!("{tunnel}/token"), get(tunnels::token))
}

fn zones() -> Router<ApiState> {
    Router::new()
        .route("/zones", get(zones::list))
        .route("/zones/{zone_id}", get(zones::get))
        .route("/zones/{zone_id}/tunnels/{tunnel_id}/routes", put(zones::route))
        .route(
            "/zones/{zone_id}/dns_records",
            get(zones::list_records).post(zones::create_record),
        )
        .route(
            "/zones/{zone_id}/dns_records/{dns_record_id}",
            get(zones::get_record)
                .put(zones::replace_record)
                .patch(zones::edit_record)
                .delete(zones::delete_record),
        )
}
