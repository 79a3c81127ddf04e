//! Measuring in turns.

use std::time::Duration;

use adit_testing::process::Process;
use anyhow::Context;

use crate::{
    args::Options,
    load::{Moved, connects, download, requests, upload},
    modes::{Mode, Way},
    say,
};

/// One mode's figures of one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) requests_per_second: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// Requests that each came over a connection of their own.
    pub(crate) connects_per_second: f64,
    pub(crate) down_mb_per_second: f64,
    pub(crate) up_mb_per_second: f64,
    /// The hop that the client meets.
    pub(crate) edge: Option<Cost>,
    /// The hop that the origin meets.
    pub(crate) connector: Option<Cost>,
}

/// What one process spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) micros_per_request: f64,
    /// The same where each request has a connection of its own.
    pub(crate) micros_per_connect: f64,
    /// Processor seconds for 10⁹ bytes.
    pub(crate) seconds_per_gb_down: f64,
    pub(crate) seconds_per_gb_up: f64,
    /// After the round's load, in 2²⁰ bytes.
    pub(crate) rss_anon_mib: f64,
}

/// Gives each mode its turn, round after round, and keeps what was measured.
///
/// # Errors
/// When a mode does not serve as it should.
pub(crate) async fn measure(modes: &mut [Mode], options: &Options) -> anyhow::Result<()> {
    // Congestion windows, pools and caches settle before anything counts.
    for mode in &*modes {
        let warm = requests(&mode.way.target, options.connections, options.window / 3).await;
        warm.with_context(|| format!("mode {} does not serve", mode.kind.name()))?;
    }
    for round in 1..=options.rounds {
        for mode in &mut *modes {
            let name = mode.kind.name();
            let sample = turn(&mode.way, options).await;
            let sample = sample.with_context(|| format!("mode {name} failed in round {round}"))?;
            say(&format!(
                "round {round}/{}: {name}: {:.0} requests/s, {:.0} new connections/s, {:.0} MB/s down, {:.0} MB/s up",
                options.rounds,
                sample.requests_per_second,
                sample.connects_per_second,
                sample.down_mb_per_second,
                sample.up_mb_per_second
            ));
            mode.samples.push(sample);
        }
    }
    Ok(())
}

async fn turn(way: &Way, options: &Options) -> anyhow::Result<Sample> {
    let before = spent(way);
    let counted = requests(&way.target, options.connections, options.window)
        .await
        .context("requests")?;
    let after_requests = spent(way);
    let connected = connects(&way.target, options.bulk_window() / 2)
        .await
        .context("new connections")?;
    let after_connects = spent(way);
    let down = download(&way.target, options.bulk_window())
        .await
        .context("download")?;
    let after_down = spent(way);
    let up = upload(&way.target, options.bulk_window())
        .await
        .context("upload")?;
    let after_up = spent(way);

    let cost = |process: Option<&Process>, hop: usize| {
        let between = |start: [Duration; 2], end: [Duration; 2]| (end[hop] - start[hop]).as_secs_f64();
        process.map(|process| Cost {
            micros_per_request: between(before, after_requests) * 1e6
                / counted.latencies.total().max(1) as f64,
            micros_per_connect: between(after_requests, after_connects) * 1e6
                / connected.latencies.total().max(1) as f64,
            seconds_per_gb_down: between(after_connects, after_down) / gigabytes(down),
            seconds_per_gb_up: between(after_down, after_up) / gigabytes(up),
            rss_anon_mib: process.usage().rss_anon_bytes as f64 / f64::from(1 << 20),
        })
    };
    Ok(Sample {
        requests_per_second: counted.latencies.total() as f64 / counted.took.as_secs_f64(),
        median_ms: counted.latencies.quantile_ms(0.5),
        p99_ms: counted.latencies.quantile_ms(0.99),
        connects_per_second: connected.latencies.total() as f64 / connected.took.as_secs_f64(),
        down_mb_per_second: gigabytes(down) * 1e3 / down.took.as_secs_f64(),
        up_mb_per_second: gigabytes(up) * 1e3 / up.took.as_secs_f64(),
        edge: cost(way.edge.as_ref(), 0),
        connector: cost(way.connector.as_ref(), 1),
    })
}

/// Processor time of edge and connector since their start.
fn spent(way: &Way) -> [Duration; 2] {
    [&way.edge, &way.connector].map(|hop| hop.as_ref().map_or(Duration::ZERO, |process| process.usage().cpu))
}

fn gigabytes(moved: Moved) -> f64 {
    moved.bytes.max(1) as f64 / 1e9
}
