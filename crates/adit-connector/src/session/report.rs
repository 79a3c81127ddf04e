//! The local configuration, as the edge is told of it.

use std::convert::Infallible;
use std::time::Instant;

use adit_rpc::RegistrationClient;
use serde_json::json;

use super::registration::CALL_LIMIT;
use crate::metrics::Procedure;
use crate::slot::Shared;

/// Tells the edge what this connector serves, as it comes from no one else; again whenever that changes, without end.
pub(super) async fn report_changes(shared: &Shared, edge: &RegistrationClient) -> Infallible {
    let mut changes = shared.proxy.local_changes();
    loop {
        changes.mark_unchanged();
        report(shared, edge).await;
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn report(shared: &Shared, edge: &RegistrationClient) {
    let serving = shared.proxy.serving();
    let config = json!({
        "__configuration_flags": shared.config.reported_flags,
        "ingress": serving.ingress.to_json(),
        "warp-routing": serving.warp_routing.to_json(),
    });
    let metrics = &shared.proxy.metrics;
    metrics.config_pushes.increment(1);
    let call = edge.update_local_configuration(config.to_string().into_bytes());
    let began = Instant::now();
    let answer = tokio::time::timeout(CALL_LIMIT, call).await;
    metrics.called(
        Procedure::TELL_CONFIGURATION,
        began,
        matches!(&answer, Ok(Ok(()))),
    );
    match answer {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            metrics.config_push_errors.increment(1);
            tracing::warn!(%error, "the edge did not take the local configuration");
        }
        Err(_elapsed) => {
            metrics.config_push_errors.increment(1);
            tracing::warn!("the edge did not answer to the local configuration");
        }
    }
}
