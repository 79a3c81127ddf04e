//! Small requests over keep-alive connections, each connection asking again as soon as it was answered.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use tokio::task::JoinSet;

use super::{Histogram, Target};
use crate::origin::SMALL;

/// What a window of requests showed.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Latencies of all requests that were answered.
    pub(crate) latencies: Histogram,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
}

/// Asks over so many connections for so long.
///
/// # Errors
/// When a connection cannot be made or a request is not answered as the origin answers it: figures with errors in them
/// mean nothing.
pub(crate) async fn requests(
    target: &Target,
    connections: usize,
    window: Duration,
) -> anyhow::Result<Counted> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(target.connect().await.context("cannot connect")?);
    }
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for (sender, driver) in open {
        let target = target.clone();
        clients.spawn(async move {
            let counted = ask_until(&target, sender, start + window).await;
            drop(driver);
            counted
        });
    }
    let mut latencies = Histogram::default();
    while let Some(counted) = clients.join_next().await {
        latencies.merge(&counted??);
    }
    Ok(Counted {
        latencies,
        took: start.elapsed(),
    })
}

async fn ask_until(
    target: &Target,
    mut sender: SendRequest<Empty<Bytes>>,
    end: Instant,
) -> anyhow::Result<Histogram> {
    let mut latencies = Histogram::default();
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(latencies);
        }
        sender.ready().await?;
        let response = sender.send_request(target.request(SMALL, Empty::new())?).await?;
        ensure!(response.status() == 200, "the answer was {}", response.status());
        response.into_body().collect().await?;
        latencies.record(asked.elapsed());
    }
}
