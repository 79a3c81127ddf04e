//! `tunnel ready`

use std::time::Duration;

use anyhow::Context;
use http::StatusCode;

use super::options::TunnelOptions;
use crate::{failure::Failure, local_http, output};

/// A probe that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(15);

/// Asks a connector on this machine whether it is connected, for probes: exit code 0 if it is, else 1.
pub(super) async fn run(options: &TunnelOptions) -> Result<(), Failure> {
    let Some(address) = options.metrics.as_deref().filter(|address| !address.is_empty()) else {
        return Err(Failure::because("which connector? --metrics is not set")
            .hint("--metrics ADDR, as given to `tunnel run`"));
    };
    let asked = tokio::time::timeout(LIMIT, ask(address))
        .await
        .map_err(|_| Failure::because(format!("the connector at {address} did not answer in time")))?;
    let (status, body) = asked.map_err(Failure::failed)?;
    if status == StatusCode::OK {
        return Ok(());
    }
    output::note(body.trim());
    Err(Failure::because(format!(
        "the connector at {address} is not ready (status {status})"
    )))
}

async fn ask(address: &str) -> anyhow::Result<(StatusCode, String)> {
    let place = tokio::net::lookup_host(address)
        .await
        .with_context(|| format!("cannot look up {address:?}"))?;
    let place = place
        .into_iter()
        .next()
        .with_context(|| format!("{address:?} leads nowhere"))?;
    let (status, body) = local_http::get(place, "localhost", "/ready")
        .await
        .with_context(|| format!("cannot ask the connector at {address}"))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
