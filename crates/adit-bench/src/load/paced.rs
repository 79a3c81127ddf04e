//! Requests at a steady rate, each on a connection of its own, whatever becomes of earlier ones.

use std::time::{Duration, Instant};

use adit_testing::client;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Histogram, Target};
use crate::origin::SMALL;

/// What a client calls a failure.
const TOO_LONG: Duration = Duration::from_secs(10);

/// A request that had its answer or failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// When it was due, after the start.
    pub(crate) at: Duration,
    /// From then to its answer's last byte.
    pub(crate) took: Duration,
    /// It was answered as the origin answers.
    pub(crate) answered: bool,
}

/// A client that keeps asking from its start on. Dropping it gives up what it waits for.
pub(crate) struct Paced {
    client: JoinSet<Vec<Asked>>,
    stop: tokio::sync::oneshot::Sender<()>,
    begun: Instant,
}

impl Paced {
    /// Asks so many times a second.
    pub(crate) fn start(target: &Target, rate: u32) -> Self {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let (target, begun) = (target.clone(), Instant::now());
        let mut client = JoinSet::new();
        client.spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut requests = JoinSet::new();
            loop {
                tokio::select! {
                    due = ticks.tick() => {
                        requests.spawn(ask(target.clone(), begun, due.into()));
                    }
                    _ = &mut stopped => return requests.join_all().await,
                }
            }
        });
        Self { client, stop, begun }
    }

    /// How long it has been asking.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Asks no more, waits for what was asked, and tells everything.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Vec<Asked>> {
        let _ = self.stop.send(());
        Ok(self.client.join_next().await.transpose()?.unwrap_or_default())
    }
}

async fn ask(target: Target, begun: Instant, due: Instant) -> Asked {
    let answer = timeout(TOO_LONG, client::get(target.addr, &target.host, SMALL)).await;
    Asked {
        at: due.saturating_duration_since(begun),
        took: due.elapsed(),
        answered: matches!(answer, Ok(Ok(answer)) if answer.status == 200),
    }
}

impl Asked {
    /// The latencies of these.
    pub(crate) fn latencies<'a>(asked: impl IntoIterator<Item = &'a Self>) -> Histogram {
        let mut latencies = Histogram::default();
        asked.into_iter().for_each(|asked| latencies.record(asked.took));
        latencies
    }

    /// How many of these failed.
    pub(crate) fn failed(asked: &[Self]) -> usize {
        asked.iter().filter(|asked| !asked.answered).count()
    }
}
