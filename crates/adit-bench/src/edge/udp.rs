//! UDP through an edge: datagrams a second in each direction, and what a session takes up.
//!
//! The edge is a process of its own ([`private_edge`]), with the users of the sessions in it: its processor time holds
//! theirs. This process is the connector. It speaks version 3 and has no origin.

mod connector;
mod process;

use std::time::Duration;

use adit_testing::process::Usage;
use anyhow::Context;
use tokio::time::{Instant, sleep};

pub(crate) use process::private_edge;

use self::{connector::Connector, process::EdgeProcess};
use super::{Scale, kib_each};
use crate::figures::Line;

/// What each datagram carries, bytes.
const PAYLOAD: usize = 1200;
/// Sessions that share the load.
const SESSIONS: usize = 16;
/// Datagrams under way have arrived or are lost after this.
const SETTLE: Duration = Duration::from_millis(300);

const LEAST_RATE: f64 = 40_000.0;
const MOST_LOST_PERCENT: f64 = 0.1;
/// Half of [`LEAST_RATE`].
const MODEST_RATE: u64 = 20_000;
const MOST_SESSION_KIB: f64 = 8.0;

/// One direction, as fast as it goes, at half of that, and at half of what is wanted.
#[derive(Default)]
struct Figures {
    rates: Vec<f64>,
    lost_percents: Vec<f64>,
    modest_lost_percents: Vec<f64>,
    micros: Vec<f64>,
}

pub(super) async fn measure(scale: Scale, window: Duration) -> anyhow::Result<Vec<Line>> {
    let mut edge = EdgeProcess::start().await?;
    let connector = Connector::start(edge.address, &edge.anchors, &edge.token).await?;
    edge.tell(&format!("open {SESSIONS}")).await?;
    edge.tell("greet").await?;
    let (mut up, mut down) = (Figures::default(), Figures::default());
    for _ in 0..scale.rounds {
        up.add(&to_connector(&mut edge, &connector, window, 0).await?);
        let half = up.rates.last().copied().unwrap_or_default() / 2.0;
        up.lost_percents.push(
            to_connector(&mut edge, &connector, window, half as u64)
                .await?
                .lost_percent(),
        );
        up.modest_lost_percents.push(
            to_connector(&mut edge, &connector, window, MODEST_RATE)
                .await?
                .lost_percent(),
        );
        down.add(&to_users(&mut edge, &connector, window, 0).await?);
        let half = down.rates.last().copied().unwrap_or_default() / 2.0;
        down.lost_percents.push(
            to_users(&mut edge, &connector, window, half as u64)
                .await?
                .lost_percent(),
        );
        down.modest_lost_percents.push(
            to_users(&mut edge, &connector, window, MODEST_RATE)
                .await?
                .lost_percent(),
        );
    }
    let mut lines = up.lines("to the connector");
    lines.extend(down.lines("to users"));
    lines.push(memory(scale).await?);
    Ok(lines)
}

/// What each of many sessions adds to an edge that has done nothing else.
async fn memory(scale: Scale) -> anyhow::Result<Line> {
    let mut edge = EdgeProcess::start().await?;
    let _connector = Connector::start(edge.address, &edge.anchors, &edge.token).await?;
    edge.tell("open 1").await?;
    let before = edge.usage()?.rss_anon_bytes;
    edge.tell(&format!("open {}", scale.sessions)).await?;
    sleep(SETTLE).await;
    let each = kib_each(before, edge.usage()?.rss_anon_bytes, scale.sessions);
    Ok(Line::at_most(
        "memory of a UDP session in the edge, KiB",
        each,
        MOST_SESSION_KIB,
    ))
}

/// One run in one direction.
struct Run {
    sent: u64,
    arrived: u64,
    took: Duration,
    cpu: Duration,
}

impl Run {
    fn lost_percent(&self) -> f64 {
        100.0 * self.sent.saturating_sub(self.arrived) as f64 / self.sent.max(1) as f64
    }
}

impl Figures {
    fn add(&mut self, run: &Run) {
        self.rates.push(run.arrived as f64 / run.took.as_secs_f64());
        self.micros
            .push(run.cpu.as_secs_f64() * 1e6 / run.arrived.max(1) as f64);
    }

    fn lines(&self, to: &str) -> Vec<Line> {
        vec![
            Line::at_least(
                format!("UDP {to}, {PAYLOAD} bytes: datagrams/s"),
                &self.rates,
                Some(LEAST_RATE),
            ),
            Line::median_at_most(
                format!("UDP {to}: lost at half of that rate, %"),
                &self.lost_percents,
                MOST_LOST_PERCENT,
            ),
            Line::seen(
                format!("UDP {to}: lost at {MODEST_RATE} datagrams/s, %"),
                &self.modest_lost_percents,
            ),
            Line::seen(
                format!("UDP {to}: processor time of the edge, µs each"),
                &self.micros,
            ),
        ]
    }
}

/// `rate` datagrams a second; 0 is as many as the path takes.
async fn to_connector(
    edge: &mut EdgeProcess,
    connector: &Connector,
    window: Duration,
    rate: u64,
) -> anyhow::Result<Run> {
    let (arrived, cpu, begun) = (connector.arrived(), edge.usage()?.cpu, Instant::now());
    let sent = edge.tell(&format!("send {rate} {}", window.as_millis())).await?;
    let took = begun.elapsed();
    sleep(SETTLE).await;
    Ok(Run {
        sent,
        arrived: connector.arrived() - arrived,
        took,
        cpu: edge.usage()?.cpu.saturating_sub(cpu),
    })
}

async fn to_users(
    edge: &mut EdgeProcess,
    connector: &Connector,
    window: Duration,
    rate: u64,
) -> anyhow::Result<Run> {
    let (arrived, cpu, begun) = (edge.tell("arrived").await?, edge.usage()?.cpu, Instant::now());
    let sent = connector.send(rate, window).await;
    let took = begun.elapsed();
    sleep(SETTLE).await;
    Ok(Run {
        sent,
        arrived: edge.tell("arrived").await? - arrived,
        took,
        cpu: edge.usage()?.cpu.saturating_sub(cpu),
    })
}

/// Calls `offer` for so long at a steady rate, or, if that is 0, as often as it takes one. Tells how many it took.
async fn pace(rate: u64, window: Duration, mut offer: impl FnMut(u64) -> bool) -> u64 {
    /// What is sent in one turn at most: what this task was late for is not sent all at once.
    const BURST: u64 = 32;
    /// How long a full path is left alone.
    const PAUSE: Duration = Duration::from_micros(200);
    let begun = std::time::Instant::now();
    let (mut tried, mut taken) = (0, 0);
    while begun.elapsed() < window {
        let due = match rate {
            0 => tried + BURST,
            rate => ((begun.elapsed().as_secs_f64() * rate as f64) as u64).min(tried + BURST),
        };
        let mut is_full = due == tried;
        while tried < due && !(is_full && rate == 0) {
            if offer(tried) {
                taken += 1;
            } else {
                is_full = true;
            }
            tried += 1;
        }
        if is_full {
            sleep(PAUSE).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    // What a steady rate could not hand over is lost.
    if rate == 0 { taken } else { tried }
}

impl EdgeProcess {
    fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.id).context("the edge has ended")
    }
}
