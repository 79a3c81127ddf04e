//! A load that rises second by second, asked on time whether or not earlier answers have come, through the stock
//! connector over QUIC: its users report stutter there.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_testing::{cloudflared::Protocol, origin::Origin};
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
    modes::{Parts, adit::with_stock_connector, stock, unless_it_panics},
};

/// What every request gets.
const PATH: &str = "/bytes/16384";
/// From nothing to the highest rate.
const RISE: Duration = Duration::from_secs(20);
/// Connections that wait for the next request; one that is busy does not hold up the others.
const CLIENTS: usize = 256;
/// What the slowest in a thousand may take, as a multiple of the median, and in any case.
const MOST_TIMES: f64 = 10.0;
const LEAST_LIMIT_MS: f64 = 50.0;

pub(super) async fn measure(program: &Path, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let origin = Origin::start().await;
    let parts = Parts {
        origin: origin.addr(),
        adit: program.to_owned(),
    };
    let way = unless_it_panics(with_stock_connector(&parts, stock()?, Protocol::Quic)).await?;
    let mut shares = Vec::new();
    let mut medians = Vec::new();
    let mut slowest = Vec::new();
    for _ in 0..scale.rounds.min(3) {
        let latencies = ramp(&way.target, scale.ramp_to).await?;
        let (median, high) = (latencies.quantile_ms(0.5), latencies.quantile_ms(0.999));
        shares.push(high / (median * MOST_TIMES).max(LEAST_LIMIT_MS));
        medians.push(median);
        slowest.push(high);
    }
    Ok(vec![
        Line::seen("rising load, stock over QUIC, 16 KiB: median, ms", &medians),
        Line::seen("rising load, stock over QUIC, 16 KiB: p99.9, ms", &slowest),
        Line::median_at_most(
            "rising load: p99.9 as a share of the greater of 10 × median and 50 ms",
            &shares,
            1.0,
        ),
    ])
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
    let response = sender.send_request(target.request(PATH, Empty::new())?).await?;
    ensure!(response.status() == 200, "the answer was {}", response.status());
    response.into_body().collect().await?;
    Ok(())
}
