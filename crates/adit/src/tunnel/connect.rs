//! Runs a connector until a signal stops it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use adit_connector::{Connector, ConnectorConfig, LocalEndpoint, Shutdown, Status};
use anyhow::Context;
use tokio::task::JoinSet;

use crate::{failure::Failure, recorder, signals::StopSignals};

/// What a connector is told, and what is around it.
pub(super) struct RunPlan {
    /// The connector itself.
    pub(super) config: ConnectorConfig,
    /// Where `/ready` and `/metrics` listen; the first free port from 20241 on if nobody said.
    pub(super) metrics: Option<String>,
    /// Where the process id is written once connected.
    pub(super) pid_file: Option<PathBuf>,
}

/// Serves until the first signal, then drains; a second signal ends it at once.
///
/// # Errors
/// If the edge refuses the tunnel for good, or something around the connector cannot be had.
pub(super) async fn serve(plan: RunPlan) -> Result<(), Failure> {
    let RunPlan {
        config,
        metrics,
        pid_file,
    } = plan;
    let mut signals = StopSignals::listen()
        .context("cannot listen for signals")
        .map_err(Failure::failed)?;
    let recorder = recorder::install().map_err(Failure::failed)?;
    let connector = Connector::new(config).map_err(Failure::failed)?;
    let status = connector.status();

    let mut helpers = JoinSet::new();
    let render = {
        let recorder = recorder.clone();
        Arc::new(move || recorder.render())
    };
    let endpoint = endpoint(metrics.as_deref(), status.clone(), render)
        .await
        .map_err(Failure::failed)?;
    helpers.spawn(endpoint.run());
    helpers.spawn(recorder::keep_up(recorder));
    if let Some(path) = pid_file {
        helpers.spawn(write_pid(path, status));
    }

    let shutdown = Shutdown::new();
    let mut running = std::pin::pin!(connector.run(shutdown.clone()));
    let mut draining = false;
    loop {
        tokio::select! {
            ended = &mut running => return ended.map_err(Failure::failed),
            signal = signals.next() => {
                tracing::info!(signal, draining, "stopping");
                if draining { shutdown.abort() } else { shutdown.drain() }
                draining = true;
            }
        }
    }
}

async fn endpoint(
    address: Option<&str>,
    status: Status,
    render: Arc<dyn Fn() -> String + Send + Sync>,
) -> anyhow::Result<LocalEndpoint> {
    let address = match address {
        Some(text) => Some(resolve(text).await?),
        None => None,
    };
    let endpoint = LocalEndpoint::bind(address, status, render)
        .await
        .with_context(|| match address {
            Some(address) => format!("cannot listen on {address} for metrics"),
            None => "cannot listen on loopback for metrics".to_owned(),
        })?;
    tracing::info!(
        "metrics server on {}/metrics",
        endpoint.local_addr().context("no metrics address")?
    );
    Ok(endpoint)
}

/// `--metrics` may name a host, such as `localhost:2000`.
async fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host(text)
        .await
        .with_context(|| format!("cannot look up the metrics address {text:?}"))?;
    found
        .next()
        .with_context(|| format!("the metrics address {text:?} leads nowhere"))
}

async fn write_pid(path: PathBuf, status: Status) {
    status.wait_ready(1).await;
    if let Err(error) = tokio::fs::write(&path, std::process::id().to_string()).await {
        tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "cannot write the pid file");
    }
}
