//! What hosts noticed of a failure.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Fault, Mesh, Meters, actives::Actives};
use crate::{netns::pairs::Side, wait_within};

/// How long a failure may last before it is one of the test's.
const LIMIT: Duration = Duration::from_secs(30);
/// How soon the edge has to have noted how long nothing passed.
const TOLD: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// How many more pings each direction is watched for, once all is well: a second interruption would count too.
const AFTERWARDS: usize = 50;

/// What hosts of both sites, and callers of the API, noticed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whom it happened to: the index of the replica that was active.
    pub victim: usize,
    /// The longest time without an answer to a ping, from site A and from site B.
    pub gaps: [Duration; 2],
    /// The longest time in which a TCP connection brought nothing, from site A and from site B.
    pub stalls: [Duration; 2],
    /// How TCP connections broke, if they did.
    pub broken: Vec<String>,
    /// How often the API was asked who is active meanwhile.
    pub polls: usize,
    /// The most active replicas in one of its answers.
    pub most_active: usize,
    /// How long no packets passed, by the edge's own clock.
    pub told: Option<Duration>,
    /// How long the server was gone, if it was.
    pub restart: Option<Duration>,
}

impl Outcome {
    /// The longer one of both directions.
    #[must_use]
    pub fn gap(&self) -> Duration {
        let [there, back] = self.gaps;
        there.max(back)
    }
}

impl Mesh {
    /// Lets something happen to the active replica of site A, waits until everything flows again, and tells what was
    /// noticed. It is not mended.
    ///
    /// # Panics
    /// When nothing flows after half a minute.
    pub async fn suffer(&mut self, fault: Fault) -> Outcome {
        let meters = Meters::start_as(&self.pairs, self.variant).await;
        let victim = self.active(Side::A).await.expect("site A has an active replica");
        let actives = Actives::poll(self.api.clone(), self.tunnel(Side::A).to_owned());
        let struck = Instant::now();
        let restart = self.strike(fault, victim).await;
        let wanted = if fault.moves() { 1 - victim } else { victim };
        if fault == Fault::Manual {
            let shown = self.active(Side::A).await;
            assert_eq!(shown, Some(wanted), "the API shows another one after its answer");
        }
        let what = format!("packets to flow again after {}", fault.name());
        wait_within(LIMIT, &what, async || {
            meters.pings_are_steady()
                && meters.streams_are_decided(struck)
                && self.active(Side::A).await == Some(wanted)
        })
        .await;
        meters.more_answers(AFTERWARDS).await;
        let (polls, most_active) = actives.seen();
        let gap = |arrivals: &crate::netns::meter::Arrivals| {
            arrivals.gap_after(struck).expect("packets flow again")
        };
        Outcome {
            victim,
            gaps: meters.answers().map(gap),
            // A broken one brings nothing more.
            stalls: meters
                .streams()
                .each_ref()
                .map(|stream| stream.chunks().gap_after(struck).unwrap_or(struck.elapsed())),
            broken: meters
                .streams()
                .iter()
                .filter_map(|stream| stream.failure())
                .collect(),
            polls,
            most_active,
            told: if fault.moves() { self.told().await } else { None },
            restart,
        }
    }

    /// The gap that the edge notes with its last decision about site A, soon after packets pass.
    async fn told(&self) -> Option<Duration> {
        let path = format!(
            "/adit/warp_connector/{}/ha_events?per_page=1",
            self.tunnel(Side::A)
        );
        let asking = async {
            loop {
                let (_, answer) = self.api.call("GET", &path, &Value::Null).await.ok()?;
                if let Some(millis) = answer["result"][0]["gap_ms"].as_f64() {
                    return Some(Duration::from_secs_f64(millis / 1000.0));
                }
                sleep(PAUSE).await;
            }
        };
        timeout(TOLD, asking).await.ok().flatten()
    }
}
