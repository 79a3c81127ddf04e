//! Waiting for what must come, with a limit.

use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Polls `condition` every 10 ms until it holds.
///
/// # Panics
/// After ten seconds, naming `what` never came.
pub async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < LIMIT, "never came: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits for `future`.
///
/// # Panics
/// After ten seconds, naming `what` never came.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("never came: {what}"),
    }
}
