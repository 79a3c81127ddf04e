//! Runs a connector until a signal stops it.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use adit_connector::{
    Configurations, Connector, ConnectorConfig, LocalEndpoint, LocalView, RenderMetrics, Shutdown, Status,
};
use anyhow::Context;
use tokio::task::JoinSet;

use super::{rules_file::RulesFile, stdin_control};
use crate::{
    failure::Failure,
    recorder,
    signals::{Hangups, StopSent, StopSignals},
    systemd,
};

/// What a connector is told, and what is around it.
pub(super) struct RunPlan {
    /// The connector itself.
    pub(super) config: ConnectorConfig,
    /// Where `/ready` and `/metrics` listen; the first free port from 20241 on if nobody said.
    pub(super) metrics: Option<String>,
    /// Where the process id is written once connected.
    pub(super) pid_file: Option<PathBuf>,
    /// Whether lines on stdin are commands.
    pub(super) stdin_control: bool,
    /// The file that the rules stand in; it is read again when it changes, and at SIGHUP.
    pub(super) rules: Option<RulesFile>,
    /// The host name that a quick tunnel was given.
    pub(super) quick_tunnel: Option<String>,
    /// The flags that a diagnosis may tell: none holds a secret.
    pub(super) flags: BTreeMap<String, String>,
}

/// Serves until the first signal, then drains; a second signal ends it at once.
///
/// # Errors
/// If the edge refuses the tunnel for good, or something around the connector cannot be had.
pub(super) async fn serve(plan: RunPlan) -> Result<(), Failure> {
    let RunPlan {
        mut config,
        metrics,
        pid_file,
        stdin_control,
        rules,
        quick_tunnel,
        flags,
    } = plan;
    let mut signals = StopSignals::listen()
        .context("cannot listen for signals")
        .map_err(Failure::failed)?;
    let stop = StopSent::watch()
        .context("cannot listen for signals")
        .map_err(Failure::failed)?;
    let recorder = recorder::install().map_err(Failure::failed)?;
    let render: RenderMetrics = {
        let recorder = recorder.clone();
        Arc::new(move || recorder.render())
    };
    if let Some(management) = &mut config.management {
        management.metrics = Arc::clone(&render);
    }
    let mut helpers = JoinSet::new();
    let connector = Connector::new(config).map_err(Failure::failed)?;
    let status = connector.status();
    if stdin_control {
        stdin_control::listen(connector.reconnects());
    }
    if let Some(rules) = rules {
        let hangups = Hangups::listen(true)
            .context("cannot listen for SIGHUP")
            .map_err(Failure::failed)?;
        helpers.spawn(follow(rules, hangups, connector.configurations()));
    }

    let view = LocalView {
        quick_tunnel,
        flags,
        ..connector.local_view(render)
    };
    let endpoint = endpoint(metrics.as_deref(), view)
        .await
        .map_err(Failure::failed)?;
    helpers.spawn(endpoint.run());
    helpers.spawn(recorder::keep_up(recorder));
    helpers.spawn(tell_systemd(status.clone()));
    helpers.spawn(crate::allocator::give_back_now_and_then());
    if let Some(path) = pid_file {
        helpers.spawn(write_pid(path, status));
    }

    let shutdown = Shutdown::announced_by(move || stop.is_sent());
    let mut running = std::pin::pin!(connector.run(shutdown.clone()));
    let mut draining = false;
    loop {
        tokio::select! {
            ended = &mut running => return ended.map_err(Failure::failed),
            signal = signals.next() => {
                if draining { shutdown.abort() } else { shutdown.drain() }
                let word = if signal == "SIGINT" { "interrupt" } else { "terminated" };
                if draining {
                    tracing::info!("stopping at once due to signal {word}");
                } else {
                    tracing::info!("Initiating graceful shutdown due to signal {word} ...");
                }
                draining = true;
            }
        }
    }
}

/// Serves what the file holds whenever it changes, or somebody asks for it.
async fn follow(mut rules: RulesFile, mut hangups: Hangups, configurations: Configurations) {
    loop {
        tokio::select! {
            () = rules.changed() => {}
            () = hangups.next() => {}
        }
        rules.serve(&configurations);
    }
}

async fn endpoint(address: Option<&str>, view: LocalView) -> anyhow::Result<LocalEndpoint> {
    let address = match address {
        Some(text) => Some(resolve(text).await?),
        None => None,
    };
    let endpoint = LocalEndpoint::bind(address, view)
        .await
        .with_context(|| match address {
            Some(address) => format!("cannot listen on {address} for metrics"),
            None => "cannot listen on loopback for metrics".to_owned(),
        })?;
    tracing::info!(
        "Starting metrics server on {}/metrics",
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

async fn tell_systemd(status: Status) {
    status.wait_ready(1).await;
    systemd::notify("READY=1");
}

async fn write_pid(path: PathBuf, status: Status) {
    status.wait_ready(1).await;
    if let Err(error) = tokio::fs::write(&path, std::process::id().to_string()).await {
        tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "cannot write the pid file");
    }
}
