//! From the start of the process to its first registered connection.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use super::{Bench, Who};
use crate::modes::api::PublicTunnel;

/// What both log then.
const REGISTERED: &str = "Registered tunnel connection";
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(45);

/// Starts it, waits for the line and kills it.
pub(super) async fn measure(bench: &Bench, who: Who, tunnel: &PublicTunnel) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut running = bench.start(who, tunnel).await?;
    let process = &mut running.process;
    while !process.lines().iter().any(|line| line.contains(REGISTERED)) {
        let well = process.is_running() && start.elapsed() < LIMIT;
        ensure!(well, "no connection:\n{}", process.lines().join("\n"));
        sleep(LOOK).await;
    }
    let took = start.elapsed();
    process.kill().await;
    Ok(took)
}
