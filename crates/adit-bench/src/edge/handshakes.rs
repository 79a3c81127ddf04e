//! How many TLS 1.3 handshakes the edge shakes in a second of its processor time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use super::{
    Scale,
    tls::{Client, part},
};
use crate::{
    figures::Line,
    modes::{Parts, Way, adit::with_own_connector, start_origin},
};

/// Clients at a time: rustls keeps eight tickets of a server, and each handshake brings two.
const CLIENTS: u8 = 4;

pub(super) async fn measure(program: &Path, scale: Scale, window: Duration) -> anyhow::Result<Vec<Line>> {
    let (_origin, origin) = start_origin().await?;
    let adit = program.to_owned();
    let way = with_own_connector(&Parts { origin, adit }).await?;
    let (mut full, mut resumed) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        full.push(rate(&way, false, window).await?);
        resumed.push(rate(&way, true, window).await?);
    }
    Ok(vec![
        Line::seen("TLS 1.3 handshakes, full, per CPU second of the edge", &full),
        Line::seen(
            "TLS 1.3 handshakes, resumed, per CPU second of the edge",
            &resumed,
        ),
    ])
}

async fn rate(way: &Way, tickets: bool, window: Duration) -> anyhow::Result<f64> {
    let edge = way.edge.as_ref().context("no edge")?;
    let client = Client::new(way, tickets)?;
    if tickets {
        // More than one, so that every client finds a ticket at its start.
        for _ in 0..CLIENTS {
            part(client.connect(1).await?).await?;
        }
    }
    let (before, start) = (edge.usage().cpu, Instant::now());
    let mut clients = JoinSet::new();
    for from in 1..=CLIENTS {
        let client = client.clone();
        clients.spawn(async move {
            let (mut shaken, mut resumed) = (0_u32, 0_u32);
            while start.elapsed() < window {
                shaken += 1;
                resumed += u32::from(part(client.connect(from).await?).await?);
            }
            anyhow::Ok((shaken, resumed))
        });
    }
    let (mut shaken, mut resumed) = (0, 0);
    while let Some(counted) = clients.join_next().await {
        let counted = counted??;
        shaken += counted.0;
        resumed += counted.1;
    }
    let expected = if tickets { shaken } else { 0 };
    ensure!(
        resumed.abs_diff(expected) * 20 <= shaken,
        "{resumed} of {shaken} handshakes were resumed"
    );
    Ok(f64::from(shaken) / (edge.usage().cpu - before).as_secs_f64())
}
