//! How long packets do not pass when something of a mesh fails: two sites of two replicas each in network namespaces, pings
//! every 10 ms and a TCP connection in each direction, and keepalived beside it. Wants root, iproute2, nftables and ping.
//!
//! A run's figure is the longest time without an answer to a ping, of both directions the longer one.

mod gaps;
mod rival;

use std::path::Path;

use adit_testing::{
    mesh::{Fault, Mesh, Outcome},
    netns,
};
use anyhow::bail;

use self::gaps::{Gaps, Most, millis};
use crate::{args::Options, figures, modes, print, say};

/// What is measured of one kind of failure.
struct Event {
    fault: Fault,
    name: &'static str,
    most: Most,
}

impl Event {
    /// With the profile `fast`, silence is believed sooner. How the LAN fares is asked as often as without.
    fn most_if_fast(&self) -> Most {
        match self.fault {
            Fault::LinkGone | Fault::HostGone | Fault::Stopped => Most {
                median: 700,
                p95: 700,
                max: 1_000,
            },
            Fault::Manual
            | Fault::Drain
            | Fault::Crash
            | Fault::LanLost
            | Fault::LanSilent
            | Fault::EdgeRestart => self.most,
        }
    }
}

const EVENTS: [Event; 9] = [
    event(Fault::Manual, "failover by the API", [100, 300, 1_000]),
    event(Fault::Drain, "drain", [100, 300, 1_000]),
    event(
        Fault::Crash,
        "crash of the active replica (kill -9)",
        [300, 500, 1_000],
    ),
    event(Fault::LinkGone, "its provider's cable out", [2_000, 2_500, 3_000]),
    event(Fault::HostGone, "its host silent", [2_000, 2_500, 3_000]),
    event(Fault::LanLost, "its LAN's cable out", [2_500, 3_000, 4_000]),
    event(Fault::LanSilent, "its LAN silent", [2_500, 3_000, 4_000]),
    event(
        Fault::Stopped,
        "its process stopped (SIGSTOP)",
        [2_500, 3_000, 4_000],
    ),
    event(
        Fault::EdgeRestart,
        "server killed and restarted, beyond the time it was gone",
        [2_000, 2_000, 2_000],
    ),
];

const fn event(fault: Fault, name: &'static str, most: [u64; 3]) -> Event {
    let [median, p95, max] = most;
    Event {
        fault,
        name,
        most: Most { median, p95, max },
    }
}

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(reason) = netns::absent() {
        bail!("{reason}");
    }
    let program = modes::adit_program(options)?;
    let mut rows = Vec::new();
    for event in EVENTS
        .iter()
        .filter(|event| options.faults.contains(&event.fault))
    {
        let outcomes = repeat(&program, event.fault, options).await;
        let most = if options.variant.fast {
            event.most_if_fast()
        } else {
            event.most
        };
        rows.push(Gaps::of(event.name, most, options.rounds, &outcomes));
    }
    let rivals = if options.faults.contains(&Fault::HostGone) {
        Box::pin(rival::measure(options.rounds)).await
    } else {
        Vec::new()
    };
    print(&gaps::table(&rows));
    print(&figures::sum(rows.iter().map(Gaps::met)));
    if !rivals.is_empty() {
        let ours = rows.iter().find(|row| row.is(Fault::HostGone, &EVENTS));
        print(&rival::table(&rivals, ours));
    }
    Ok(())
}

impl Gaps {
    fn is(&self, fault: Fault, events: &[Event]) -> bool {
        events
            .iter()
            .any(|event| event.fault == fault && event.name == self.name)
    }
}

/// Lets it happen again and again, on one mesh as long as that comes back whole. A run that fails is told and missing.
async fn repeat(program: &Path, fault: Fault, options: &Options) -> Vec<Outcome> {
    let runs = options.rounds;
    let mut outcomes = Vec::new();
    let mut whole: Option<Mesh> = None;
    for run in 1..=runs {
        let one = Box::pin(async {
            let mut mesh = match whole.take() {
                Some(mesh) => mesh,
                None => Mesh::start_as(program, options.variant).await,
            };
            let outcome = mesh.suffer(fault).await;
            Ok((mesh, outcome))
        });
        let (mut mesh, outcome) = match modes::unless_it_panics(one).await {
            Ok(done) => done,
            Err(failure) => {
                say(&format!("{} {run}/{runs}: {failure:#}", fault.name()));
                continue;
            }
        };
        say(&format!("{} {run}/{runs}: {}", fault.name(), told(&outcome)));
        let healed = Box::pin(async {
            mesh.heal(fault, outcome.victim).await;
            Ok(mesh)
        });
        whole = modes::unless_it_panics(healed).await.ok();
        outcomes.push(outcome);
    }
    outcomes
}

fn told(outcome: &Outcome) -> String {
    let [there, back] = outcome.gaps.map(millis);
    let [stall, stall_back] = outcome.stalls.map(millis);
    let edge = outcome
        .told
        .map_or_else(|| "nothing".to_owned(), |told| format!("{} ms", millis(told)));
    let broken = if outcome.broken.is_empty() {
        String::new()
    } else {
        format!(", TCP broken ({})", outcome.broken.join("; "))
    };
    let gone = outcome.restart.map_or_else(String::new, |gone| {
        format!(", the server was gone for {} ms", millis(gone))
    });
    format!(
        "{there} ms there, {back} ms back, TCP {stall} and {stall_back} ms, the edge says {edge}, \
         at most {} active in {} polls{broken}{gone}",
        outcome.most_active, outcome.polls
    )
}
