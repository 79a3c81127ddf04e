//! Many members of one hub: how long their handshakes take, what they take up, and what a packet costs.

mod crowd;

use std::time::Duration;

use anyhow::ensure;

use self::crowd::Crowd;
use super::hub::HubProcess;
use crate::{args::Options, figures::Line};

/// How many members begin in a second.
const BEGIN: u32 = 100;
/// What the figures are held to.
const MOST_P99_MILLIS: f64 = 200.0;
const MOST_KIB: f64 = 64.0;

/// Measures it.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<Vec<Line>> {
    let members: u16 = if options.quick { 100 } else { 1000 };
    let (mut p50s, mut p99s, mut kibs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rates, mut micros) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.min(3) {
        let mut hub = HubProcess::on_loopback().await?;
        let before = hub.usage()?.rss_anon_bytes;
        hub.admit(&members.to_string()).await?;
        let mut crowd = Crowd::new(&hub, members)?;
        let mut took = crowd.handshakes(BEGIN)?;
        ensure!(took.len() == usize::from(members), "some have no session");
        took.sort_unstable();
        p50s.push(millis(percentile(&took, 50)));
        p99s.push(millis(percentile(&took, 99)));
        crowd.each_reaches_the_next()?;
        let after = hub.usage()?.rss_anon_bytes;
        kibs.push(after.saturating_sub(before) as f64 / 1024.0 / f64::from(members));

        let cpu = hub.usage()?.cpu;
        let flow = crowd.flow(options.window)?;
        let cpu = hub.usage()?.cpu.saturating_sub(cpu);
        rates.push(flow.arrived as f64 / options.window.as_secs_f64());
        micros.push(cpu.as_secs_f64() * 1e6 / flow.arrived.max(1) as f64);
    }
    Ok(vec![
        Line::seen(format!("handshake of {members} members at {BEGIN}/s, ms"), &p50s),
        Line::median_at_most(
            format!("the same, slowest in a hundred, ms ({members} members)"),
            &p99s,
            MOST_P99_MILLIS,
        ),
        Line::median_at_most("memory of a member in the hub, KiB", &kibs, MOST_KIB),
        Line::seen("packets of 1,392 bytes from one member to another, 1/s", &rates),
        Line::seen("processor time of the hub for one of them, µs", &micros),
    ])
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
