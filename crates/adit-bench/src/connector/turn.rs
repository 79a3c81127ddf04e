//! One turn of one connector.

use std::{fmt, time::Duration};

use adit_testing::{client, process::Process};
use anyhow::{Context, ensure};
use tokio::time::sleep;

use super::{Bench, Running, Who, streams};
use crate::{
    load::{Moved, Target, download, requests, upload},
    modes::{api::PublicTunnel, edge::CONNECTIONS, until::until},
    origin::SMALL,
};

/// What it takes of the machine's memory, 2²⁰ bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// What is its own.
    pub(super) rss_anon: f64,
    /// All that is in RAM, its program's file among it.
    pub(super) rss: f64,
}

/// What it did in some time, and in a second of its processor time. Bytes are counted in millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    pub(super) per_cpu_second: f64,
}

/// The figures of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) idle: Memory,
    pub(super) streaming: Memory,
    pub(super) requests: Rate,
    pub(super) down: Rate,
    pub(super) up: Rate,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            idle,
            streaming,
            requests,
            down,
            up,
        } = self;
        write!(
            f,
            "{:.1} MiB idle ({:.1} in all), {:.1} with streams ({:.1}), {:.0} requests/s ({:.0} a CPU s), \
             {:.0} MB/s down ({:.0}), {:.0} up ({:.0})",
            idle.rss_anon,
            idle.rss,
            streaming.rss_anon,
            streaming.rss,
            requests.per_second,
            requests.per_cpu_second,
            down.per_second,
            down.per_cpu_second,
            up.per_second,
            up.per_cpu_second
        )
    }
}

/// Starts it, measures it and lets it end.
pub(super) async fn measure(bench: &Bench, who: Who, tunnel: &PublicTunnel) -> anyhow::Result<Seen> {
    let Running { mut process, _home } = bench.start(who, tunnel).await?;
    let target = Target {
        addr: bench.edge.listener("http")?,
        host: tunnel.host.clone(),
        proxy: None,
    };
    bench
        .edge
        .until_connected(&mut process, &tunnel.id, CONNECTIONS)
        .await?;
    until("the origin's answer", async || {
        let answer = client::get(target.addr, &target.host, SMALL)
            .await
            .map_err(anyhow::Error::from_boxed)?;
        ensure!(answer.status == 200, "it is {}", answer.status);
        Ok(())
    })
    .await?;
    let seen = all(bench, &process, &target).await;
    process.terminate().await;
    // The next one of this tunnel must not share it with what is left of this one.
    until("the end of its connections", async || {
        let left = bench.edge.api.connections(&tunnel.id).await?;
        ensure!(left == 0, "there are {left}");
        Ok(())
    })
    .await?;
    seen
}

async fn all(bench: &Bench, process: &Process, target: &Target) -> anyhow::Result<Seen> {
    let scale = bench.scale;
    sleep(scale.settle).await;
    let idle = memory(process);
    let streaming = streams::while_open(target, scale.streams, scale.settle, || memory(process))
        .await
        .context("open streams")?;

    requests(target, scale.connections, scale.window / 3)
        .await
        .context("warming up")?;
    let asked = rate(process, async || {
        let counted = requests(target, scale.connections, scale.window).await?;
        Ok((counted.latencies.total() as f64, counted.took))
    })
    .await
    .context("requests")?;
    let bulk = scale.window * 2 / 3;
    let down = rate(process, async || Ok(megabytes(download(target, bulk).await?)));
    let down = down.await.context("download")?;
    let up = rate(process, async || Ok(megabytes(upload(target, bulk).await?)));
    let up = up.await.context("upload")?;
    Ok(Seen {
        idle,
        streaming,
        requests: asked,
        down,
        up,
    })
}

fn memory(process: &Process) -> Memory {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let usage = process.usage();
    Memory {
        rss_anon: mib(usage.rss_anon_bytes),
        rss: mib(usage.rss_bytes),
    }
}

async fn rate(
    process: &Process,
    work: impl AsyncFnOnce() -> anyhow::Result<(f64, Duration)>,
) -> anyhow::Result<Rate> {
    let before = process.usage().cpu;
    let (done, took) = work().await?;
    let cpu = process.usage().cpu - before;
    Ok(Rate {
        per_second: done / took.as_secs_f64(),
        per_cpu_second: done / cpu.as_secs_f64().max(0.01),
    })
}

fn megabytes(moved: Moved) -> (f64, Duration) {
    (moved.bytes as f64 / 1e6, moved.took)
}
