//! A load that rises second by second, asked on time whether or not earlier answers have come, through the stock
//! connector over QUIC: its users report stutter there.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_testing::cloudflared::Protocol;
use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::sleep_until,
};

use super::Scale;
use crate::{
    figures::Line,
    load::{Histogram, Target},
    modes::{
        Parts,
        adit::{with_own_connector, with_stock_connector},
        direct, start_origin, stock, unless_it_panics,
    },
    origin::PAGE,
};

/// From nothing to the highest rate.
const RISE: Duration = Duration::from_secs(20);
/// Connections that wait for the next request; one that is busy does not hold up the others.
const CLIENTS: usize = 256;
/// What the slowest in a thousand may take, as a multiple of the median, and in any case.
const MOST_TIMES: f64 = 10.0;
const LEAST_LIMIT_MS: f64 = 50.0;

/// Through the stock connector, whose figures are held against the limit, and through ours and to the origin at once, which
/// tell whose the slow ones are.
pub(super) async fn measure(program: &Path, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let (_origin, origin) = start_origin().await?;
    let parts = Parts {
        origin,
        adit: program.to_owned(),
    };
    let ways = [
        ("none", direct(&parts)),
        (
            "ours over QUIC",
            unless_it_panics(with_own_connector(&parts)).await?,
        ),
        (
            "stock over QUIC",
            unless_it_panics(with_stock_connector(&parts, stock()?, Protocol::Quic)).await?,
        ),
    ];
    let mut latencies = ways.each_ref().map(|_| (Vec::new(), Vec::new()));
    for _ in 0..scale.rounds.min(3) {
        for ((_, way), (medians, slowest)) in ways.iter().zip(&mut latencies) {
            let latencies = ramp(&way.target, scale.ramp_to).await?;
            medians.push(latencies.quantile_ms(0.5));
            slowest.push(latencies.quantile_ms(0.999));
        }
    }
    let mut lines = Vec::new();
    for ((connector, _), (medians, slowest)) in ways.iter().zip(&latencies) {
        let name = format!("rising load, 16 KiB, connector {connector}");
        lines.push(Line::seen(format!("{name}: median, ms"), medians));
        lines.push(Line::seen(format!("{name}: p99.9, ms"), slowest));
    }
    if let Some((medians, slowest)) = latencies.last() {
        let limit = |(median, high): (&f64, &f64)| high / (median * MOST_TIMES).max(LEAST_LIMIT_MS);
        let shares: Vec<f64> = medians.iter().zip(slowest).map(limit).collect();
        lines.push(Line::median_at_most(
            "rising load, stock: p99.9 as a share of the greater of 10 × median and 50 ms",
            &shares,
            1.0,
        ));
    }
    Ok(lines)
}

/// Latencies from the time at which each request was due.
async fn ramp(target: &Target, highest: u32) -> anyhow::Result<Histogram> {
    let (due, waiting) = mpsc::unbounded_channel::<Instant>();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (mut sender, driver) = target.connect().await?;
        let (target, waiting) = (target.clone(), Arc::clone(&waiting));
        clients.spawn(async move {
            let mut latencies = Histogram::default();
            loop {
                let Some(due) = waiting.lock().await.recv().await else {
                    drop(driver);
                    return anyhow::Ok(latencies);
                };
                ask(&target, &mut sender).await?;
                latencies.record(due.elapsed());
            }
        });
    }
    let start = Instant::now();
    let total = f64::from(highest) * RISE.as_secs_f64() / 2.0;
    for number in 0..total as u32 {
        // The rate grows with time, so their number with its square.
        let at = start + RISE.mul_f64((f64::from(number) / total).sqrt());
        sleep_until(at.into()).await;
        due.send(at).context("no client is left")?;
    }
    drop(due);
    let mut latencies = Histogram::default();
    while let Some(client) = clients.join_next().await {
        latencies.merge(&client??);
    }
    Ok(latencies)
}

async fn ask(target: &Target, sender: &mut SendRequest<Empty<Bytes>>) -> anyhow::Result<()> {
    sender.ready().await?;
    let response = sender.send_request(target.request(PAGE, Empty::new())?).await?;
    ensure!(response.status() == 200, "the answer was {}", response.status());
    response.into_body().collect().await?;
    Ok(())
}
