//! One of two connectors is killed or stopped while 1,000 requests a second flow.

use std::{path::PathBuf, time::Duration};

use adit_testing::{
    cloudflared::Protocol,
    process::{Process, Signal},
};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    figures::Line,
    load::{Asked, Paced, Target},
    modes::{
        Parts,
        adit::{own_connector, stock_connector},
        api::PublicTunnel,
        edge::{CONNECTIONS, Edge},
        stock, unless_it_panics,
    },
    say,
};

const RATE: u32 = 1000;
/// How long requests flow before and after the fault.
const AROUND: Duration = Duration::from_secs(3);
/// The time whose slowest requests are held against the limit.
const FAULT: Duration = Duration::from_secs(1);

/// Whose connectors, over what, and how long the slowest in a thousand may take, ms.
struct Case {
    name: &'static str,
    stock: Option<Protocol>,
    limit: f64,
}

const CASES: [Case; 3] = [
    Case {
        name: "ours over QUIC",
        stock: None,
        limit: 1500.0,
    },
    Case {
        name: "stock over QUIC",
        stock: Some(Protocol::Quic),
        limit: 1500.0,
    },
    Case {
        name: "stock over HTTP/2",
        stock: Some(Protocol::Http2),
        limit: 2500.0,
    },
];

const FAULTS: [(&str, Signal); 2] = [("killed", Signal::KILL), ("stopped", Signal::STOP)];

pub(super) async fn measure(parts: &Parts, rounds: u32) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for case in &CASES {
        let binary = match case.stock.map(|_| stock()).transpose() {
            Ok(binary) => binary,
            Err(reason) => {
                say(&format!("left out: {}: {reason:#}", case.name));
                continue;
            }
        };
        for (fault, signal) in FAULTS {
            let (mut slowest, mut failed) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                let asked = unless_it_panics(lose_one(parts, case, binary.as_ref(), signal)).await?;
                let around = |asked: &&Asked| (AROUND..AROUND + FAULT).contains(&asked.at);
                slowest.push(Asked::latencies(asked.iter().filter(around)).quantile_ms(0.999));
                failed.push(Asked::failed(&asked) as f64);
            }
            let name = format!("one of two connectors {fault} at {RATE}/s, {}", case.name);
            lines.push(Line::median_at_most(
                format!("{name}: p99.9 of its second, ms"),
                &slowest,
                case.limit,
            ));
            lines.push(Line::median_at_most(
                format!("{name}: requests failed"),
                &failed,
                0.0,
            ));
        }
    }
    Ok(lines)
}

async fn lose_one(
    parts: &Parts,
    case: &Case,
    binary: Option<&PathBuf>,
    signal: Signal,
) -> anyhow::Result<Vec<Asked>> {
    let edge = Edge::start(&parts.adit).await?;
    let tunnel = edge.api.create_public_tunnel("fault").await?;
    let (mut victim, _first_home) = connector(parts, case, binary, &edge, &tunnel).await?;
    edge.until_connected(&mut victim, &tunnel.id, CONNECTIONS).await?;
    let (mut other, _second_home) = connector(parts, case, binary, &edge, &tunnel).await?;
    edge.until_connected(&mut other, &tunnel.id, 2 * CONNECTIONS)
        .await?;
    let target = Target {
        addr: edge.listener("http")?,
        host: tunnel.host,
        proxy: None,
    };
    let load = Paced::start(&target, RATE);
    sleep(AROUND.saturating_sub(load.elapsed())).await;
    victim.signal(signal);
    sleep((2 * AROUND).saturating_sub(load.elapsed())).await;
    let asked = load.finish().await;
    // A stopped one would ignore a gentler end.
    victim.kill().await;
    asked
}

async fn connector(
    parts: &Parts,
    case: &Case,
    binary: Option<&PathBuf>,
    edge: &Edge,
    tunnel: &PublicTunnel,
) -> anyhow::Result<(Process, Option<TempDir>)> {
    match case.stock.zip(binary) {
        Some((over, binary)) => {
            let (process, home) = stock_connector(parts, edge, tunnel, binary, over).await?;
            Ok((process, Some(home)))
        }
        None => Ok((own_connector(parts, edge, tunnel)?, None)),
    }
}
