//! `adit up` and `adit server`: every part in one process.
//!
//! [`run()`] brings the parts up in order (data directory, keys, store, edge, API, metrics, demo), says what it waits
//! for if that takes long, prints what there is, and stops the parts in reverse when told to.

mod announce;
mod dashboard;
mod demo;
mod keys;
mod memory;
mod mesh;
mod metrics_listener;
mod parts;
mod progress;
mod reread;
mod run;

use std::sync::Arc;

use crate::{
    config::{Bootstrap, Role, Settings},
    data_dir::{DataDir, DataDirError, run_file::RunFile},
    failure::Failure,
    logging::{self, Logging},
    open_files, output,
    runtime::on_all_cores,
    signals::{Hangups, StopSignals},
};
use parts::Parts;
use progress::Progress;
pub(crate) use reread::Reread;

/// What is to run.
pub(crate) struct Plan {
    /// For which command.
    pub(crate) role: Role,
    /// With which settings.
    pub(crate) settings: Settings,
    /// With a demo tunnel.
    pub(crate) demo: bool,
    /// Reads the settings again; `None` if SIGHUP is to end the process, as it does when a terminal is closed.
    pub(crate) reread: Option<Reread>,
}

/// Runs until a signal stops it.
///
/// # Errors
/// Says which part could not start, or that a second signal cut the stop short.
pub(crate) fn run(plan: Plan) -> Result<(), Failure> {
    let bootstrap = Bootstrap::read(|name| std::env::var_os(name))?;
    let logging = logging::start(&plan.settings.log_level.0, plan.settings.log_format);
    open_files::raise_limit();
    on_all_cores(supervise(&plan, bootstrap, &logging))
}

async fn supervise(plan: &Plan, bootstrap: Bootstrap, logging: &Arc<Logging>) -> Result<(), Failure> {
    let unheard = |error| Failure::failed(anyhow::Error::new(error).context("cannot listen for signals"));
    let mut signals = StopSignals::listen().map_err(unheard)?;
    let mut hangups = Hangups::listen(plan.reread.is_some()).map_err(unheard)?;
    let place = DataDir::locate(plan.settings.data_dir.as_deref(), plan.role, |name| {
        std::env::var_os(name)
    });
    let dir = place.map_err(Failure::failed)?;
    let _lock = dir.claim().map_err(refused)?;
    dir.refuse_half_restored().map_err(refused)?;
    // Of a process that was killed.
    RunFile::remove(&dir).map_err(Failure::failed)?;

    let progress = Progress::new();
    let mut parts = tokio::select! {
        parts = progress.watched(Parts::start(plan, &dir, bootstrap, logging, &progress)) => parts?,
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

    let signal = until_stopped(plan, &mut signals, &mut hangups, logging).await;
    tracing::info!(
        signal,
        grace_period_s = plan.settings.grace_period.0.as_secs(),
        "stopping"
    );
    stop(parts, &dir, plan, &mut signals).await
}

/// Waits for the signal that stops the process, and reads the configuration again at each SIGHUP.
async fn until_stopped(
    plan: &Plan,
    signals: &mut StopSignals,
    hangups: &mut Hangups,
    logging: &Logging,
) -> &'static str {
    loop {
        tokio::select! {
            signal = signals.next() => return signal,
            () = hangups.next() => {}
        }
        if let Some(read) = &plan.reread {
            reread::reread(&plan.settings, read, logging);
        }
    }
}

/// A data directory that cannot be used, with what to try.
pub(crate) fn refused(error: DataDirError) -> Failure {
    let hint = match &error {
        DataDirError::InUse { .. } => Some("stop that process, or use another --data-dir"),
        DataDirError::Foreign { .. } => Some("use another --data-dir, which Adit makes itself"),
        DataDirError::HalfRestored { .. } => Some("run `adit restore FILE --force` again"),
        DataDirError::Nowhere | DataDirError::Damaged { .. } | DataDirError::Io { .. } => None,
    };
    let failure = Failure::failed(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
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
