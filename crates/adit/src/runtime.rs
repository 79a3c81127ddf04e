//! What a command runs on.

use std::time::Duration;

use tokio::runtime::Builder;

use crate::failure::Failure;

/// Runs work that has traffic to carry.
///
/// # Errors
/// As the work itself, or if the system gives no threads.
pub(crate) fn on_all_cores(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .on_thread_park(crate::allocator::give_back_if_asked)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot start threads")))?;
    let outcome = runtime.block_on(work);
    // What still runs now has been told to stop and was waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

/// Runs a command that makes a few requests and ends.
///
/// # Errors
/// As the command itself, or if the system is out of what it needs.
pub(crate) fn one_shot(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot start")))?;
    runtime.block_on(command)
}
