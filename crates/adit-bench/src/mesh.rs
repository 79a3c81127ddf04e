//! What a mesh link carries: iperf3 between two network namespaces, through our link and through other programs that
//! speak WireGuard, in turns. Wants root, iproute2, iperf3 and wireguard-tools.
//!
//! A way is two namespaces joined by a pair of virtual Ethernet devices, with one end of the tunnel in each. What the
//! machine gives is shared by both ends and iperf3, so that ratios of one round count, not the rates.

mod hub;
mod iperf;
mod node;
mod peers;
mod space;
mod way;

use std::time::Duration;

use anyhow::ensure;

use self::{
    iperf::{Direction, Run},
    way::{Kind, Way},
};
use crate::{
    args::Options,
    figures::{self, Line},
    print, say,
};

pub(crate) use hub::serve as serve_hub;
pub(crate) use node::{Node, node};

/// How long the stream runs whose retransmissions are counted, in seconds.
const LONG_RUN: Duration = Duration::from_secs(10);
/// How many times as fast as wireguard-go from point to point the way through the hub has to be.
const LEAST_THROUGH_HUB: f64 = 2.0;
/// How often TCP may send again in that time.
const MOST_RETRANSMISSIONS: f64 = 1_000.0;

/// One way, and what was measured of it: first what flows from the node that dialled, then back.
struct Measured {
    way: Way,
    runs: [Vec<Run>; 2],
}

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut ways = Vec::new();
    for kind in Kind::ALL {
        say(&format!("starting {}", kind.name()));
        match way::start(kind).await {
            Ok(way) => ways.push(Measured {
                way,
                runs: [Vec::new(), Vec::new()],
            }),
            Err(failure) if kind == Kind::Adit => return Err(failure.context("our own link cannot run")),
            Err(reason) => say(&format!("left out: {}: {reason:#}", kind.name())),
        }
    }
    let mut again = Vec::new();
    for round in 1..=options.rounds {
        for measured in &mut ways {
            for (direction, runs) in Direction::BOTH.into_iter().zip(&mut measured.runs) {
                let run = iperf::run(&measured.way, direction, options.window).await?;
                let name = measured.way.kind.name();
                say(&format!(
                    "round {round}/{}: {name}, {}: {run}",
                    options.rounds,
                    direction.name()
                ));
                runs.push(run);
            }
        }
        if !options.quick {
            let ours = ways.iter().find(|measured| measured.way.kind == Kind::Adit);
            if let Some(measured) = ours {
                let run = iperf::run(&measured.way, Direction::There, LONG_RUN).await?;
                say(&format!(
                    "round {round}/{}: {} s: {run}",
                    options.rounds,
                    LONG_RUN.as_secs()
                ));
                again.push(run.retransmissions);
            }
        }
    }
    ensure!(!ways.is_empty(), "no way can run here");
    let mut lines = lines(&ways, &again);
    drop(ways);
    say("many members of one hub");
    lines.extend(peers::measure(options).await?);
    print(&figures::table(&lines));
    print(&figures::sum(lines.iter().filter_map(Line::met)));
    Ok(())
}

fn lines(ways: &[Measured], again: &[f64]) -> Vec<Line> {
    let mut lines = Vec::new();
    for measured in ways {
        let name = measured.way.kind.name();
        let rates = rates(measured);
        lines.push(Line::seen(
            format!("{name}: Gbit/s, one stream, both directions"),
            &rates,
        ));
        let resent: Vec<f64> = measured
            .runs
            .iter()
            .flatten()
            .map(|run| run.retransmissions)
            .collect();
        lines.push(Line::seen(format!("{name}: segments sent again"), &resent));
    }
    let Some(ours) = ways.iter().find(|measured| measured.way.kind == Kind::Adit) else {
        return lines;
    };
    for measured in ways {
        if let Some(least) = measured.way.kind.least_ratio() {
            let ratios: Vec<f64> = rates(ours)
                .iter()
                .zip(rates(measured))
                .map(|(ours, theirs)| ours / theirs)
                .collect();
            let name = format!("Gbit/s, ratio to {}", measured.way.kind.name());
            lines.push(Line::at_least(name, &ratios, Some(least)));
        }
    }
    let of = |kind| ways.iter().find(|measured| measured.way.kind == kind).map(rates);
    if let (Some(hub), Some(theirs)) = (of(Kind::Hub), of(Kind::WireguardGo)) {
        let ratios: Vec<f64> = hub.iter().zip(theirs).map(|(hub, theirs)| hub / theirs).collect();
        let name = "Gbit/s through the hub, ratio to wireguard-go from point to point";
        lines.push(Line::at_least(name, &ratios, Some(LEAST_THROUGH_HUB)));
    }
    if !again.is_empty() {
        let name = "segments sent again in 10 s of one stream";
        lines.push(Line::median_at_most(name, again, MOST_RETRANSMISSIONS));
    }
    lines
}

/// Round by round, there and back.
fn rates(measured: &Measured) -> Vec<f64> {
    let [there, back] = &measured.runs;
    there
        .iter()
        .zip(back)
        .flat_map(|(there, back)| [there.gigabits, back.gigabits])
        .collect()
}
