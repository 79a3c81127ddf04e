//! `adit up` and `adit server`: every part in one process.
//!
//! [`run`] brings the parts up in order (data directory, keys, store, edge, API, metrics, demo), says what it waits
//! for if that takes long, prints what there is, and stops the parts in reverse when told to.

mod announce;
mod demo;
mod keys;
mod metrics_listener;
mod parts;
mod progress;

use std::time::Duration;

use crate::{
    config::{Bootstrap, Role, Settings},
    data_dir::{DataDir, run_file::RunFile},
    failure::Failure,
    logging, output,
    signals::StopSignals,
};
use parts::Parts;
use progress::Progress;

/// What is to run.
pub(crate) struct Plan {
    /// For which command.
    pub(crate) role: Role,
    /// With which settings.
    pub(crate) settings: Settings,
    /// With a demo tunnel.
    pub(crate) demo: bool,
}

/// Runs until a signal stops it.
///
/// # Errors
/// Says which part could not start, or that a second signal cut the stop short.
pub(crate) fn run(plan: Plan) -> Result<(), Failure> {
    let bootstrap = Bootstrap::read(|name| std::env::var_os(name))?;
    logging::start(&plan.settings.log_level.0, plan.settings.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot start threads")))?;
    let outcome = runtime.block_on(supervise(&plan, bootstrap));
    // What still runs now has been told to stop and was waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

async fn supervise(plan: &Plan, bootstrap: Bootstrap) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot listen for signals")))?;
    let place = DataDir::locate(plan.settings.data_dir.as_deref(), plan.role, |name| {
        std::env::var_os(name)
    });
    let dir = place.map_err(Failure::failed)?;
    let _lock = dir.claim().map_err(|error| {
        let in_use = matches!(error, crate::data_dir::DataDirError::InUse { .. });
        let failure = Failure::failed(error);
        if in_use {
            failure.hint("stop that process, or use another --data-dir")
        } else {
            failure
        }
    })?;
    // Of a process that was killed.
    RunFile::remove(&dir).map_err(Failure::failed)?;

    let progress = Progress::new();
    let parts = tokio::select! {
        parts = progress.watched(Parts::start(plan, &dir, bootstrap, &progress)) => parts?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
    };
    let ready = tokio::select! {
        ready = progress.watched(parts.until_ready(&progress)) => ready,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return stop(parts, &dir, plan, &mut signals).await;
        }
    };
    if let Err(failure) = ready {
        let _ = stop(parts, &dir, plan, &mut signals).await;
        return Err(failure);
    }
    output::result(&announce::text(plan.role, &parts.facts(&dir)))?;
    tracing::info!("ready");

    let signal = signals.next().await;
    tracing::info!(
        signal,
        grace_period_s = plan.settings.grace_period.0.as_secs(),
        "stopping"
    );
    stop(parts, &dir, plan, &mut signals).await
}

async fn stop(parts: Parts, dir: &DataDir, plan: &Plan, signals: &mut StopSignals) -> Result<(), Failure> {
    let drained = tokio::select! {
        () = parts.stop(plan.settings.grace_period.0) => true,
        _ = signals.next() => false,
    };
    let removed = RunFile::remove(dir).map_err(Failure::failed);
    if !drained {
        return Err(Failure::because(
            "a second signal came before open streams had finished",
        ));
    }
    tracing::info!("stopped");
    removed
}
