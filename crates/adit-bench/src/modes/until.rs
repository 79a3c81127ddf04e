//! Waiting for something to come up.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(45);

/// Tries every 20 ms until it works, for at most 45 s.
///
/// # Errors
/// The last failure, after that time.
pub(crate) async fn until<T>(
    what: &str,
    attempt: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    until_within(LIMIT, what, attempt).await
}

/// As [`until`], for another time.
///
/// # Errors
/// The last failure, after that time.
pub(crate) async fn until_within<T>(
    limit: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) if start.elapsed() > limit => {
                return Err(failure).with_context(|| anyhow!("waited {limit:?} in vain for {what}"));
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}
